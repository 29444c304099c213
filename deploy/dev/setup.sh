#!/bin/sh
# Installs what building and testing netmon needs, and nothing that is there.
#
#   setup.sh toolchain   what `cargo build` needs: rustc for BPF and bpf-linker
#   setup.sh test        what the tests call: traffic tools, captures, promtool
#   setup.sh lint        what `make lint` calls beside cargo: typos, cargo-deny
#   setup.sh fuzz        what `make fuzz` needs: cargo-fuzz
#   setup.sh list        names every package and tool, and installs nothing
#
# Each step says what it does. A step that fails ends with one sentence that
# says what to do about it.
# The lists of packages below are words on purpose.
# shellcheck disable=SC2086
set -eu

# What the eBPF build needs from Debian: a rustc with a `core` for BPF, and the
# LLVM that bpf-linker is built against. The LLVM of rustc may be older than
# this one, never newer.
LLVM=22
TOOLCHAIN_PACKAGES="rustc-web libstd-rust-web-dev-bpf llvm-$LLVM-dev gcc libc6-dev"
# Only where there is no cargo at all.
CARGO_PACKAGES="cargo-web"
# What the tests call. ca-certificates and procps are there on most hosts.
TEST_PACKAGES="bind9 bind9-dnsutils bind9-utils bpftool chromium curl dns2tcp dnsmasq-base dnsperf ethtool"
TEST_PACKAGES="$TEST_PACKAGES hping3 iodine iperf3 iproute2 iputils-ping jq masscan nftables nginx-light nmap procps"
TEST_PACKAGES="$TEST_PACKAGES prometheus python3 siege systemd tcpdump tcpreplay tshark unbound util-linux"
# Those of them that bring a service, and its name.
TEST_SERVICES="bind9:named dns2tcp:dns2tcp iodine:iodined nginx-light:nginx prometheus:prometheus unbound:unbound"
FUZZ_PACKAGES="g++"
LINT_PACKAGES="g++ python3 python3-venv rust-web-clippy shellcheck"

BPF_LINKER=0.13.0
CARGO_FUZZ=0.13.2
CARGO_DENY=0.20.2
TYPOS=1.52.0

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        say "asking sudo to run: $*"
        sudo "$@"
    else
        fail "'$*' needs root and there is no sudo: run it as root, then this again."
    fi
}

# The packages of the arguments that are not installed.
missing_packages() {
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

# Whether apt knows all packages of the arguments, after an update if need be.
apt_knows() {
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 || return 1
    done
}

apt_update_unless_known() {
    apt_knows "$@" && return
    say "updating the package lists"
    as_root apt-get update -qq || say "apt-get update failed; going on with the lists that are here"
}

# Installs what is missing of the arguments; never removes a package to do so.
apt_install() {
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    say "installing from Debian: $missing"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends --no-remove $missing >/dev/null
}

# A newer rustc than the one the project is written for is fine, an older one
# is not; cargo reads rust-version and says so itself.
need_cargo() {
    have cargo && return
    if have apt-get; then
        apt_update_unless_known $CARGO_PACKAGES
        if apt_knows $CARGO_PACKAGES && apt_install $CARGO_PACKAGES; then
            return
        fi
    fi
    fail "there is no cargo: install Rust 1.95 or newer with rustup (https://rustup.rs), then run this again."
}

# The toolchain that build.rs takes first: Debian's rustc with a prebuilt core.
debian_has_bpf_core() {
    [ -x /usr/bin/rustc ] &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/bpfel-unknown-none" ]
}

# The toolchain that build.rs takes else: nightly, which builds core itself.
nightly_has_source() {
    have rustup && sysroot=$(rustup run nightly rustc --print sysroot 2>/dev/null) &&
        [ -d "$sysroot/lib/rustlib/src/rust/library/core" ]
}

toolchain() {
    need_cargo
    if debian_has_bpf_core; then
        say "rustc for BPF: /usr/bin/rustc is there"
    elif nightly_has_source; then
        say "rustc for BPF: nightly with rust-src is there"
    elif rustc_from_debian; then
        say "rustc for BPF: /usr/bin/rustc installed"
    else
        rustc_from_rustup
    fi
    bpf_linker
}

rustc_from_debian() {
    have apt-get || return 1
    apt_update_unless_known $TOOLCHAIN_PACKAGES
    if ! apt_knows $TOOLCHAIN_PACKAGES; then
        say "this release has not all of: $TOOLCHAIN_PACKAGES; trying rustup"
        return 1
    fi
    apt_install $TOOLCHAIN_PACKAGES && return
    say "apt could not install rustc-web (it replaces Debian's rustc and rustup packages); trying rustup"
    return 1
}

rustc_from_rustup() {
    have rustup ||
        fail "no rustc for BPF: install rustup (https://rustup.rs), or on Debian 12 'apt-get install $TOOLCHAIN_PACKAGES', then run this again."
    say "installing nightly Rust with rust-src through rustup"
    rustup toolchain install nightly --profile minimal --component rust-src ||
        fail "rustup could not install nightly: check the network, run 'rustup toolchain install nightly --component rust-src', then run this again."
}

bpf_linker() {
    if have bpf-linker; then
        say "bpf-linker: $(command -v bpf-linker) is there"
        return
    fi
    if have apt-get && [ ! -d "/usr/lib/llvm-$LLVM/include" ]; then
        apt_update_unless_known "llvm-$LLVM-dev"
        apt_install "llvm-$LLVM-dev" gcc libc6-dev || true
    fi
    say "building bpf-linker $BPF_LINKER against LLVM $LLVM (about a minute)"
    if [ -d "/usr/lib/llvm-$LLVM/include" ]; then
        LLVM_PREFIX=/usr/lib/llvm-$LLVM
        export LLVM_PREFIX
    fi
    cargo_install bpf-linker "$BPF_LINKER" --no-default-features --features "llvm-$LLVM" ||
        fail "bpf-linker does not build here: install the development files of LLVM $LLVM, or bpf-linker itself from your distribution or its release page, then run this again."
}

# Builds outside the project, so that no setting of the project applies.
cargo_install() {
    crate=$1 version=$2
    shift 2
    (cd / && cargo install --quiet --locked --version "$version" "$crate" "$@")
}

test_tools() {
    if ! have apt-get; then
        say "no apt here: tests that miss one of these say SKIPPED: $TEST_PACKAGES"
        return
    fi
    missing=$(missing_packages $TEST_PACKAGES | tr '\n' ' ')
    if [ -z "$missing" ]; then
        say "test tools: all there"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "tests that miss a tool say SKIPPED; to have all: sudo apt-get install --no-install-recommends $missing"
        return
    fi
    apt_update_unless_known $missing
    keep_services_stopped apt_install $missing ||
        fail "apt could not install the test tools: run 'apt-get update && apt-get install $missing' and see what it says."
}

# Runs a command while no package may start a service; the tests want promtool and
# the programs of servers, not servers on this host.
keep_services_stopped() {
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then
        "$@"
        return
    fi
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    status=0
    "$@" || status=$?
    rm -f $policy
    trap - EXIT HUP INT TERM
    # Not at the next boot either; one that was here before is left alone.
    have systemctl || return $status
    for pair in $TEST_SERVICES; do
        case " $* " in
        *" ${pair%%:*} "*) systemctl --quiet disable "${pair##*:}.service" 2>/dev/null || true ;;
        esac
    done
    return $status
}

# Installs what apt knows of the arguments when that can be done unasked.
apt_install_as_root() {
    have apt-get && [ "$(id -u)" -eq 0 ] && [ -n "$(missing_packages "$@")" ] || return 0
    apt_update_unless_known "$@"
    if apt_knows "$@"; then apt_install "$@" || say "going on without"; fi
}

lint_tools() {
    apt_install_as_root $LINT_PACKAGES
    if ! have typos && [ ! -x "$root/target/tools/bin/typos" ]; then
        say "installing typos $TYPOS into target/tools"
        { python3 -m venv "$root/target/tools" &&
            "$root/target/tools/bin/pip" install --quiet "typos==$TYPOS"; } ||
            fail "typos could not be installed: run 'cargo install typos-cli', then this again."
    fi
    if ! have cargo-deny; then
        say "building cargo-deny $CARGO_DENY (some minutes)"
        cargo_install cargo-deny "$CARGO_DENY" --no-default-features ||
            fail "cargo-deny could not be built: run 'cargo install cargo-deny' and see what it says."
    fi
}

fuzz_tools() {
    apt_install_as_root $FUZZ_PACKAGES
    rustup run nightly rustc --version >/dev/null 2>&1 ||
        fail "fuzzing needs nightly Rust: run 'rustup toolchain install nightly', then this again."
    have cargo-fuzz && return
    say "building cargo-fuzz $CARGO_FUZZ (about a minute)"
    cargo_install cargo-fuzz "$CARGO_FUZZ" ||
        fail "cargo-fuzz could not be built: run 'cargo install cargo-fuzz' and see what it says."
}

case ${1:-} in
toolchain) toolchain ;;
test) test_tools ;;
lint) lint_tools ;;
fuzz) fuzz_tools ;;
list)
    echo "toolchain: $TOOLCHAIN_PACKAGES bpf-linker=$BPF_LINKER"
    echo "test: "$TEST_PACKAGES
    echo "lint: $LINT_PACKAGES typos=$TYPOS cargo-deny=$CARGO_DENY"
    echo "fuzz: $FUZZ_PACKAGES cargo-fuzz=$CARGO_FUZZ"
    ;;
*)
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | head -7 >&2
    exit 64
    ;;
esac
