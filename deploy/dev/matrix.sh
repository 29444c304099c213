#!/bin/sh
# Runs netmon on other kernels, in QEMU without acceleration: does the object
# load, which mechanism does each hook take, and do its counts agree with the
# kernel's own?
#
#   matrix.sh                  on the kernels below, as apt has them
#   matrix.sh linux-image.deb  on these packages
#
# With DIFFERENTIAL=the test program of that name, the guests run it as well.
# Prints a table for docs/kernels.md; ends with an error if a kernel failed.
# Everything is left in target/matrix, logs of the consoles too.
set -eu

# What apt calls the newest kernel of each series.
KERNELS="linux-image-cloud-amd64 linux-image-6.12-cloud-amd64"
PACKAGES="qemu-system-x86 busybox-static cpio iproute2 xz-utils"
# Seconds until a guest is given up.
PATIENCE=900

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/target/matrix
netmon=${NETMON:-$root/target/release/netmon}

say() { echo "matrix: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

# The package of a kernel, which a package without files depends on.
download() {
    real=$(apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$real" ] || fail "apt has no package $1: give the file of a kernel package instead"
    if ! ls "$work/$real"_*.deb >/dev/null 2>&1; then
        (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$real" >&2) ||
            fail "apt cannot download $real"
    fi
    ls "$work/$real"_*.deb
}

# Copies a program and the libraries that it is linked with.
bundle() {
    mkdir -p "$2/programs"
    cp "$1" "$2/programs/"
    ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$2$(dirname "$library")"
        cp -L "$library" "$2$library"
    done
}

# Makes the file system that the guest of a kernel runs in.
initramfs() {
    kernel=$1 system=$2/system
    mkdir -p "$system/bin" "$system/modules"
    cp "$(command -v busybox)" "$system/bin/busybox"
    bundle "$netmon" "$system"
    if [ -n "${DIFFERENTIAL:-}" ]; then
        bundle "$DIFFERENTIAL" "$system"
        mv "$system/programs/$(basename "$DIFFERENTIAL")" "$system/programs/differential"
    fi
    strip "$system"/programs/* 2>/dev/null || true
    bundle "$(command -v ip)" "$system"
    cp "$root/deploy/dev/matrix-guest.sh" "$system/init"
    for module in veth sch_ingress cls_bpf; do
        find "$kernel" -name "$module.ko*" -exec cp {} "$system/modules/" \;
    done
    xz --quiet --decompress "$system"/modules/*.xz 2>/dev/null || true
    (cd "$system" && find . | cpio --quiet -o -H newc | gzip -1) >"$2/initramfs.gz"
}

# Boots a kernel package, and prints the rows that its guest found out.
try() {
    name=$(basename "$1" | cut -d _ -f 1)
    place=$work/$name
    rm -rf "$place"
    mkdir -p "$place"
    dpkg-deb -x "$1" "$place/package"
    initramfs "$place/package" "$place"
    say "booting $name"
    timeout "$PATIENCE" nice -n 19 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 768 -smp 2 \
        -nographic -nic none -no-reboot -kernel "$place"/package/boot/vmlinuz-* \
        -initrd "$place/initramfs.gz" -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off" \
        </dev/null >"$place/console" 2>&1 || true
    tr -d '\r' <"$place/console" | sed -n 's/^MATRIX //p'
    tr -d '\r' <"$place/console" | grep -q '^MATRIX-OK' || {
        say "$name FAILED: see $place/console"
        return 1
    }
}

for tool in qemu-system-x86_64 busybox cpio xz dpkg-deb ip; do
    command -v "$tool" >/dev/null || fail "$tool is missing: install $PACKAGES"
done
[ -x "$netmon" ] || fail "$netmon is missing: build it with \`make matrix\`"
mkdir -p "$work"
if [ $# -eq 0 ]; then
    for kernel in $KERNELS; do
        set -- "$@" "$(download "$kernel")"
    done
fi
echo "| kernel | what | by | netmon | kernel's own | |"
echo "|---|---|---|---|---|---|"
failed=0
for package in "$@"; do
    try "$package" || failed=1
done
exit "$failed"
