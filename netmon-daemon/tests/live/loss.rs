//! Retransmissions on a lossy way: how many, of how many, and why. The truth is what
//! the kernel counts in the two namespaces: `RetransSegs`, `TCPFastRetrans`, `OutSegs`.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    daemon::Netmon,
    deadline::until_ok,
    requirement::require,
    retransmit::{RETRANSMITS, refuse},
    stage::{PEER_ADDRESS, Settled, Stage, alone, settled},
    statistics::{self, Device},
};

const PORT: u16 = 4000;
const SENT: &str = "netmon_tcp_segments_sent_total";
const UNEXPLAINED: &str = "netmon_audit_unexplained_total";
const RETRANSMITTED: [(&str, &str); 1] = [("signal", "retransmits")];
const SERVICE: (&str, &str) = ("service_port", "tcp/4000");

/// So many of a hundred segments are lost, while so many bytes are sent.
const CASES: [(u32, usize); 3] = [(1, 24 << 20), (5, 4 << 20), (20, 2 << 20)];

/// What the kernel counts: segments sent again by either end, those of them that were
/// sent for an acknowledgement, and all segments that the host sent to the peer.
#[derive(Debug, PartialEq)]
struct Kernel {
    again: u64,
    fast: u64,
    sent: u64,
}

/// How often a case may be played until both count the same: there are kernels that run no
/// program while a process that they protect is interrupted (docs/kernels.md), and then
/// netmon counts fewer. More than the audit lets pass it has to say.
const TRIES: usize = 3;

/// What the audit lets pass: 16 in each check (docs/audit.md), of which a case has a few.
const SLACK: u64 = 64;

/// Moments of rest at which they are compared.
const RESTS: usize = 20;

#[test]
#[expect(clippy::print_stderr, reason = "a case that is played again should be seen")]
fn as_many_segments_are_sent_again_as_the_kernel_says() {
    require!("nft", "ethtool");
    let _alone = alone();
    for (loss, bytes) in CASES {
        let missed: Vec<_> = (0..TRIES).map_while(|_| compare(loss, bytes).err()).collect();
        assert!(missed.len() < TRIES, "{loss} %: {missed:?}");
        for missed in missed {
            eprintln!("{loss} %: not as many as the kernel says: {missed}");
        }
    }
}

/// Sends so many bytes while so many of a hundred segments are lost, and compares; what
/// was counted of what, when that is not the same.
fn compare(loss: u32, bytes: usize) -> Result<(), String> {
    let stage = Stage::new();
    // One segment at a time is lost.
    stage.features(&["tso", "off", "gso", "off", "gro", "off"]);
    // Who scrapes a netmon that is busy sends the request again, as a probe.
    stage.host.sysctl("net/ipv4/tcp_early_retrans", "0");
    // A scrape is longer than the first window else, and waits for whoever reads it.
    stage.host.sysctl("net/ipv4/tcp_rmem", "4096 1048576 6291456");
    let chance = format!("numgen random mod 100 < {loss} drop");
    refuse(&stage.peer, &format!("tcp dport {PORT} tcp flags & (syn | fin | rst) == 0 {chance}"));
    let netmon = stage.netmon();
    let receiver = stage.peer.enter(|| TcpListener::bind((PEER_ADDRESS, PORT)).unwrap());
    let before = at_rest(&netmon, &stage);
    transfer(&stage, &receiver, bytes);
    let (mut said, mut missed) = (String::new(), 0);
    // The peer may still ask for a segment when a first moment of rest is found.
    let after = (0..RESTS).find_map(|_| {
        let after = at_rest(&netmon, &stage);
        // Of all services, as the kernel counts.
        let counted = after.grew(&before, RETRANSMITS, &[]);
        let truth = after.kernel.again - before.kernel.again;
        said = format!("{counted} of {truth}");
        missed = counted.abs_diff(truth);
        (counted == truth).then_some(after)
    });
    let Some(after) = after else {
        if missed > SLACK {
            until_ok("the audit says so", || {
                match netmon.scrape().sum(UNEXPLAINED, &RETRANSMITTED) {
                    0 => Err(said.clone()),
                    _ => Ok(()),
                }
            });
        }
        return Err(format!("{said}; its log:\n{}", netmon.log()));
    };
    let fast = after.kernel.fast - before.kernel.fast;
    assert!(fast > 0, "{loss} %: nothing was lost");
    assert!(after.grew(&before, RETRANSMITS, &[SERVICE]) > 0, "{loss} %: of the service");
    assert_eq!(after.grew(&before, RETRANSMITS, &[("kind", "fast")]), fast, "{loss} %");

    let again = (after.kernel.again - before.kernel.again) as f64;
    let sent = after.kernel.sent - before.kernel.sent;
    let counted = after.moved(&before, SENT, &[("scope", "private")]);
    let difference = (again / counted as f64 - again / sent as f64).abs();
    assert!(difference < 0.001, "{loss} %: {counted} counted, {sent} sent");
    netmon.stop();
    Ok(())
}

/// Sends so many bytes from the host to the peer.
fn transfer(stage: &Stage, receiver: &TcpListener, bytes: usize) {
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut all = Vec::new();
            receiver.accept().unwrap().0.read_to_end(&mut all).unwrap();
            all.len()
        });
        let mut sender = stage.host.enter(|| TcpStream::connect((PEER_ADDRESS, PORT)).unwrap());
        sender.write_all(&vec![0; bytes]).unwrap();
        drop(sender);
        assert_eq!(reading.join().unwrap(), bytes);
    });
}

fn at_rest(netmon: &Netmon<'_>, stage: &Stage) -> Settled<Kernel> {
    settled(netmon, || {
        let [host, peer] = [&stage.host, &stage.peer].map(statistics::tcp);
        // What the host sent over its loopback are the scrapes.
        let scrapes = Device::read(&stage.host, "lo").egress.packets;
        Kernel {
            again: host["RetransSegs"] + peer["RetransSegs"],
            fast: host["TCPFastRetrans"] + peer["TCPFastRetrans"],
            sent: host["OutSegs"] + host["RetransSegs"] - scrapes,
        }
    })
}
