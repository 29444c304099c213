//! Segments that TCP sends again. The truth is the kernel's `RetransSegs`, summed
//! over all namespaces, because the tracepoints know none.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    capture::Capturing,
    daemon::Netmon,
    deadline::{until_ok, until_true},
    netns::NetNs,
    requirement::require,
    stage::{ADDRESS, PEER_DEVICE, Settled, Stage, alone, settled},
    statistics::{self, Stack},
    throughput,
};

const PORT: u16 = 4000;
pub(crate) const RETRANSMITS: &str = "netmon_tcp_retransmits_total";

#[test]
fn lost_segments_are_sent_again() {
    require!("iperf3", "nft");
    let _alone = alone();
    let stage = Stage::new();
    // Once established, so that a request is never among them; 5201 is iperf3.
    let established = "tcp dport 5201 tcp flags & (syn | fin | rst) == 0";
    refuse(&stage.host, &format!("{established} numgen random mod 100 < 2 drop"));
    let netmon = stage.netmon();
    let before = at_rest(&netmon);
    throughput::stream(&stage, "ingress");
    let after = all_counted(&netmon, &before);
    let lost = statistics::tcp(&stage.peer)["RetransSegs"];
    assert!(lost > 0, "nothing was lost");
    assert_counted(&after, &before, [0, 0, lost]);
    netmon.stop();
}

#[test]
fn connection_requests_are_sent_again() {
    require!("nft", "tcpdump");
    let _alone = alone();
    let stage = Stage::new();
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    refuse(&stage.host, &format!("tcp dport {PORT} tcp flags syn drop"));
    let netmon = stage.netmon();
    let before = at_rest(&netmon);
    let capture = Capturing::start(&stage.peer, PEER_DEVICE);
    thread::scope(|scope| {
        scope.spawn(|| stage.peer.enter(|| TcpStream::connect((ADDRESS, PORT)).unwrap()));
        await_retransmissions(&stage.peer, 6);
        stage.host.run(["nft", "flush", "ruleset"]);
    });
    drop(listener);
    let after = all_counted(&netmon, &before);
    assert_counted(&after, &before, [handshakes(&stage.peer), 0, 0]);
    let times = capture.stop().times("tcp[tcpflags] & (tcp-syn | tcp-ack) == tcp-syn");
    assert_eq!(times.len() as u64, 1 + handshakes(&stage.peer), "{times:?}");
    for (found, expected) in times.iter().zip(schedule()) {
        // A timer is never early; on a machine that does a lot besides it is late.
        assert!((expected - 0.1..expected + 0.9).contains(found), "{expected} s: {times:?}");
    }
    netmon.stop();
}

/// When this kernel sends a request and then again, in seconds: a second apart for as
/// often as it is told to (`tcp_syn_linear_timeouts`, since 6.5), then at distances
/// that double.
fn schedule() -> impl Iterator<Item = f64> {
    let linear = fs::read_to_string("/proc/sys/net/ipv4/tcp_syn_linear_timeouts");
    let linear: u32 = linear.map_or(0, |text| text.trim().parse().unwrap());
    let mut distance = 1.0;
    (0..).scan(0.0, move |time, sent| {
        let now = *time;
        *time += distance;
        if sent >= linear {
            distance *= 2.0;
        }
        Some(now)
    })
}

#[test]
fn answers_to_requests_are_sent_again() {
    require!("hping3", "nft");
    let _alone = alone();
    let stage = Stage::new();
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    // The TCP stack of the peer would refuse what it did not ask for.
    refuse(&stage.peer, &format!("tcp sport {PORT} drop"));
    let netmon = stage.netmon();
    let before = at_rest(&netmon);
    let mut request = stage.peer.command("hping3");
    request.args(["-q", "-n", "-S", "-c", "1", "-p", &PORT.to_string(), ADDRESS]);
    // It fails for want of an answer.
    let said = request.output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("1 packets transmitted"), "{said:?}");
    await_retransmissions(&stage.host, 2);
    drop(listener);
    let after = all_counted(&netmon, &before);
    assert_counted(&after, &before, [0, handshakes(&stage.host), 0]);
    netmon.stop();
}

/// When nothing is acknowledged any more, the last segment is sent again as a probe,
/// and then each time that the timer runs out.
#[test]
fn a_lost_tail_is_probed_for_before_the_timer_runs_out() {
    require!("nft");
    let _alone = alone();
    let stage = Stage::new();
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    let netmon = stage.netmon();
    let mut sender = stage.peer.enter(|| TcpStream::connect((ADDRESS, PORT)).unwrap());
    let before = at_rest(&netmon);
    let kernel = statistics::tcp(&stage.peer);
    refuse(&stage.host, &format!("tcp dport {PORT} drop"));
    sender.write_all(b"lost").unwrap();
    let sent = || statistics::tcp(&stage.peer)["RetransSegs"];
    until_true("TCP sends again", || sent() >= 3);
    stage.host.run(["nft", "flush", "ruleset"]);
    let mut received = [0; 4];
    listener.accept().unwrap().0.read_exact(&mut received).unwrap();
    let after = all_counted(&netmon, &before);
    let service = ("service_port", "tcp/4000");
    let of = |kind| after.grew(&before, RETRANSMITS, &[service, ("kind", kind)]);
    let probes = statistics::tcp(&stage.peer)["TCPLossProbes"] - kernel["TCPLossProbes"];
    assert_eq!([of("tlp"), of("rto")], [probes, sent() - probes]);
    assert!(probes >= 1 && sent() > probes, "{probes} of {}", sent());
    netmon.stop();
}

/// Without a route there is nothing that could be sent again, however often the timer
/// runs out. Since 6.16 the kernel tells of such attempts as well.
#[test]
fn attempts_that_send_nothing_are_not_counted() {
    require!("nft");
    let _alone = alone();
    let stage = Stage::new();
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    let netmon = stage.netmon();
    let mut sender = stage.peer.enter(|| TcpStream::connect((ADDRESS, PORT)).unwrap());
    let before = at_rest(&netmon);
    refuse(&stage.host, &format!("tcp dport {PORT} drop"));
    sender.write_all(b"lost").unwrap();
    stage.peer.ip_batch(&format!("route del 10.0.0.0/24 dev {PEER_DEVICE}\n"));
    let sent = || statistics::tcp(&stage.peer)["RetransSegs"];
    until_true("the timer runs out in vain", || attempts(&stage.peer) >= sent() + 3);
    stage.peer.ip_batch(&format!("route add 10.0.0.0/24 dev {PEER_DEVICE}\n"));
    stage.host.run(["nft", "flush", "ruleset"]);
    let mut received = [0; 4];
    listener.accept().unwrap().0.read_exact(&mut received).unwrap();
    let after = all_counted(&netmon, &before);
    let counted = after.grew(&before, RETRANSMITS, &[("service_port", "tcp/4000")]);
    assert_eq!(counted, sent());
    netmon.stop();
}

/// How often the timer of the one open connection of a namespace ran out (the column
/// `retrnsmt`, Documentation/networking/proc_net_tcp.rst of the kernel).
fn attempts(namespace: &NetNs) -> u64 {
    const ESTABLISHED: &str = "01";
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/tcp").unwrap());
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.into_iter().find(|row| row[3] == ESTABLISHED).unwrap();
    u64::from_str_radix(row[6], 16).unwrap()
}

/// Drops what a namespace receives, by a rule of nftables.
pub(crate) fn refuse(namespace: &NetNs, rule: &str) {
    let chain = "type filter hook prerouting priority 0";
    let rules = format!("table inet loss {{\nchain in {{\n{chain}\n{rule}\n}}\n}}");
    namespace.run(["nft", &rules]);
}

fn await_retransmissions(namespace: &NetNs, wanted: u64) {
    until_ok("TCP sends again", || match handshakes(namespace) {
        sent if sent >= wanted => Ok(()),
        sent => Err(format!("{sent} of {wanted}")),
    });
}

/// Requests and answers that a namespace has sent again since it was made.
fn handshakes(namespace: &NetNs) -> u64 {
    statistics::tcp(namespace)["TCPSynRetrans"]
}

fn at_rest(netmon: &Netmon<'_>) -> Settled<Stack> {
    settled(netmon, Stack::read)
}

/// Awaits that as many are counted as the kernel says of all namespaces. The kernel
/// counts first and then tells, and may be held up between the two.
fn all_counted(netmon: &Netmon<'_>, before: &Settled<Stack>) -> Settled<Stack> {
    until_ok("what is sent again is counted", || {
        let after = at_rest(netmon);
        let (counted, truth) = (counted(&after, before), truth(&after, before));
        if counted.iter().sum::<u64>() == truth {
            Ok(after)
        } else {
            Err(format!("{counted:?} of {truth}: {:?}, {:?}", before.kernel, after.kernel))
        }
    })
}

/// Asserts that these many of each kind are among what was counted: any other
/// process of this machine may send something again, and be it for lack of a CPU.
fn assert_counted(after: &Settled<Stack>, before: &Settled<Stack>, of_test: [u64; 3]) {
    let foreign = truth(after, before).saturating_sub(of_test.iter().sum());
    for (kind, (counted, of_test)) in counted(after, before).iter().zip(of_test).enumerate() {
        let range = of_test..=of_test + foreign;
        assert!(range.contains(counted), "{counted} of kind {kind}, {range:?} expected");
    }
}

fn truth(after: &Settled<Stack>, before: &Settled<Stack>) -> u64 {
    after.kernel.retransmitted_since(&before.kernel)
}

/// How many were counted as requests, as answers and as anything else.
fn counted(after: &Settled<Stack>, before: &Settled<Stack>) -> [u64; 3] {
    [&["syn"][..], &["synack"], &["rto", "fast", "tlp"]].map(|kinds| {
        let of = |kind: &&str| after.moved(before, RETRANSMITS, &[("kind", kind)]);
        kinds.iter().map(of).sum()
    })
}
