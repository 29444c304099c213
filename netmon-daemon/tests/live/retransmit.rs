//! Segments that TCP sends again. The truth is the kernel's `RetransSegs`, summed
//! over all namespaces, because the tracepoints know none.

use std::{
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    daemon::Netmon,
    deadline::until_ok,
    netns::NetNs,
    requirement::require,
    stage::{ADDRESS, Settled, Stage, alone, settled},
    statistics::{self, Stack},
    throughput,
};

const PORT: u16 = 4000;

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
    require!("nft");
    let _alone = alone();
    let stage = Stage::new();
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    refuse(&stage.host, &format!("tcp dport {PORT} tcp flags syn drop"));
    let netmon = stage.netmon();
    let before = at_rest(&netmon);
    thread::scope(|scope| {
        scope.spawn(|| stage.peer.enter(|| TcpStream::connect((ADDRESS, PORT)).unwrap()));
        await_retransmissions(&stage.peer, 2);
        stage.host.run(["nft", "flush", "ruleset"]);
    });
    drop(listener);
    let after = all_counted(&netmon, &before);
    assert_counted(&after, &before, [handshakes(&stage.peer), 0, 0]);
    netmon.stop();
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

/// Drops what a namespace receives, by a rule of nftables.
fn refuse(namespace: &NetNs, rule: &str) {
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
    ["syn", "synack", "other"]
        .map(|kind| after.moved(before, "netmon_tcp_retransmits_total", &[("kind", kind)]))
}
