#!/bin/busybox sh
# shellcheck shell=dash
# The first process of a guest of matrix.sh: makes traffic, and compares what
# netmon counted with what the kernel says. Each line that begins with MATRIX is
# a row of the table; MATRIX-OK at the end says that all is well.
#
# A guest has no clock to rely on and nothing else to do: it waits by asking.

/bin/busybox mkdir -p /proc /sys /dev /run /tmp /etc
/bin/busybox --install -s /bin
export PATH=/programs:/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /run
mount -t cgroup2 none /sys/fs/cgroup
for module in /modules/*.ko; do insmod "$module"; done

# Not the applet of that name, which knows no namespaces.
ip() { /programs/ip "$@"; }

kernel=$(uname -r)
status=OK

# A row: what, by which mechanism, and two commands that count, netmon's and the
# kernel's own, of which the second counted so much when netmon began. Waits as
# long as netmon may take to hear of it.
row() {
    verdict=DIFFERENT
    for _ in $(seq 10); do
        netmon=$($3)
        kernels=$(($($4) - $5))
        [ "$netmon" = "$kernels" ] && verdict=equal && break
        sleep 1
    done
    [ "$verdict" = equal ] || status=FAILED
    echo "MATRIX | $kernel | $1 | $2 | $netmon | $kernels | $verdict |"
}

# Ends the guest; without power management, the end of this process does it.
finish() {
    echo "MATRIX-$status"
    poweroff -f
}

give_up() {
    echo "MATRIX | $kernel | $* | | | | FAILED |"
    status=FAILED
    finish
}

metrics() { wget -q -O - http://127.0.0.1:10199/metrics; }

# The sum of the series whose line matches.
sum() { metrics | grep "^$1" | awk '{sum += $NF} END {printf "%d", sum}'; }

# A field of a protocol in /proc/net/snmp, in both namespaces together.
snmp() {
    for side in "cat" "ip netns exec peer cat"; do
        $side /proc/net/snmp
    done | awk -v field="$1" '
        $1 == "Tcp:" && $2 ~ /[a-z]/ { for (at in header) delete header[at]; split($0, header) }
        $1 == "Tcp:" && $2 !~ /[a-z]/ { for (at in header) if (header[at] == field) sum += $at }
        END { printf "%d", sum }'
}

# How a hook gets its events.
mechanism() { metrics | sed -n "s/^netmon_feature_source{feature=\"$1\",source=\"\(.*\)\"} 1/\1/p"; }

# What netmon, or else the kernel, counted at the device `near`.
device() { sum "netmon_interface_$1_total{device=\"near\",direction=\"$2\"}"; }
statistics() { cat "/sys/class/net/near/statistics/$1"; }

start() {
    NETMON_KERNEL__TC=$1 netmon run >/run/log 2>&1 &
    pid=$!
    for _ in $(seq 60); do
        metrics >/dev/null 2>&1 && return
        sleep 1
    done
    cat /run/log
    give_up "netmon run serves nothing"
}

stop() {
    kill "$pid"
    wait "$pid"
}

ip link set lo up
ip netns add peer || give_up "no network namespaces"
ip link add near type veth peer name far netns peer
for side in "" "ip netns exec peer"; do
    # Neighbour discovery of its own would disturb the counts.
    # shellcheck disable=SC2016
    $side sh -c 'for all in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >"$all"; done'
done
ip link set near up
ip address add 10.0.0.1/24 dev near
ip netns exec peer ip link set lo up
ip netns exec peer ip address add 10.0.0.2/24 dev far
ip netns exec peer ip link set far up

netmon doctor || give_up "netmon doctor finds no way to count"
netmon check --attach >/run/check || give_up "netmon check --attach fails"
cat /run/check

# As it comes, with TC forced to clsact, and as if the kernel had no BTF.
for way in auto clsact blind; do
    case $way in
    blind)
        mount -t tmpfs none /sys/kernel/btf
        start auto
        ;;
    *) start "$way" ;;
    esac
    resets=$(($(snmp OutRsts) - $(sum "netmon_tcp_resets_total{direction=\"egress\"")))
    retransmits=$(($(snmp RetransSegs) - $(sum netmon_tcp_retransmits_total)))
    failed=$(($(snmp AttemptFails) - $(sum 'netmon_tcp_connect_failures_total{.*reason="refused"')))
    rx=$(statistics rx_packets) rx_bytes=$(statistics rx_bytes)
    tx=$(statistics tx_packets) tx_bytes=$(statistics tx_bytes)

    # Ports where nobody listens, on either side.
    for _ in 1 2 3 4 5; do
        ip netns exec peer nc -w 2 10.0.0.1 9 </dev/null 2>/dev/null
        nc -w 2 10.0.0.2 9 </dev/null 2>/dev/null
    done
    ping -q -c 7 10.0.0.2 >/dev/null

    # Answers to a request are lost, and so is a request.
    nc -l -p 80 </dev/null >/dev/null &
    listener=$!
    ip neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:99 dev near
    ip netns exec peer nc -w 4 10.0.0.1 80 </dev/null 2>/dev/null
    nc -w 4 10.0.0.2 80 </dev/null 2>/dev/null
    ip neighbour del 10.0.0.2 dev near
    kill "$listener" 2>/dev/null

    by=$(mechanism tc_ingress)
    row "packets received" "$by" "device packets ingress" "statistics rx_packets" "$rx"
    row "bytes received" "$by" "device bytes ingress" "statistics rx_bytes" "$rx_bytes"
    by=$(mechanism tc_egress)
    row "packets sent" "$by" "device packets egress" "statistics tx_packets" "$tx"
    row "bytes sent" "$by" "device bytes egress" "statistics tx_bytes" "$tx_bytes"
    row "resets sent" "$(mechanism reset_sent)" \
        'sum netmon_tcp_resets_total{direction="egress"' "snmp OutRsts" "$resets"
    row "resets received" "$(mechanism reset_received)" \
        'sum netmon_tcp_resets_total{direction="ingress"' "snmp OutRsts" "$resets"
    # Only types say what a socket and a segment of TCP are.
    [ "$way" = blind ] || {
        row "connections refused" "$(mechanism connection)" \
            'sum netmon_tcp_connect_failures_total{.*reason="refused"' "snmp AttemptFails" "$failed"
        row "segments sent again" "$(mechanism retransmit), $(mechanism retransmit_synack)" \
            "sum netmon_tcp_retransmits_total" "snmp RetransSegs" "$retransmits"
    }
    metrics | grep ^netmon_feature_source
    metrics | grep -E '^netmon_tcp_(retransmits|resets)_total'
    grep ^Tcp: /proc/net/snmp; ip netns exec peer grep ^Tcp: /proc/net/snmp
    stop
    sed 's/^/log: /' /run/log
done
umount /sys/kernel/btf

if [ -x /programs/differential ]; then
    if NETMON_REQUIRE_KERNEL=1 differential trial:: device:: --nocapture >/run/differential 2>&1; then
        frames=$(sed -n 's/.*compared: \([0-9]*\).*/\1/p; s/^\([0-9]*\) compared.*/\1/p' /run/differential |
            awk '{sum += $1} END {print sum}')
        echo "MATRIX | $kernel | every counter, frame by frame | | $frames | $frames | equal |"
    else
        echo "MATRIX | $kernel | every counter, frame by frame | | | | DIFFERENT |"
        status=FAILED
    fi
    cat /run/differential
fi
finish
