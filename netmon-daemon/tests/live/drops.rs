//! Packets that the kernel drops, provoked one reason at a time. The truth is what
//! was sent, what the kernel's own tracer saw of the same reason, because netmon
//! counts the drops of all namespaces, and the counters of the namespace.

use std::{
    io::{ErrorKind, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};
use serde_json::Value;

use crate::{
    daemon::Netmon,
    deadline::{until_ok, until_true},
    frames::{Sender, ethernet, ipv4, tcp, udp},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Settled, Stage, alone, settled},
    statistics::protocols,
    tracer::Tracer,
};

const LISTENING: u16 = 4000;
const CLOSED: u16 = 4001;
const FORBIDDEN: u16 = 4002;
/// The port of a peer whose acknowledgements are lost at first.
const SLOW: u16 = 40_001;
/// How many packets are dropped for a reason.
const SENT: u64 = 20;

/// The frames that no tool sends are from and to these (see `frames`); what lies
/// beyond the host is forwarded.
const ROUTES: &str = "
    address add 198.51.100.1/32 dev net0
    route add 192.0.2.0/24 via 10.0.0.2
    route add 203.0.113.0/24 via 10.0.0.2
";
const BEYOND: &str = "203.0.113.1";
const ACK: u8 = 0x10;
const DROPS: &str = "netmon_drops_total";

/// A way to get packets dropped.
struct Case {
    name: &'static str,
    /// Does it, and returns how many.
    act: fn(&Stage) -> u64,
    /// The kernel's reason, and its subsystem.
    reason: &'static str,
    subsystem: &'static str,
    /// The counter of the namespace that says the same, where there is one.
    counter: Option<&'static str>,
}

const CASES: [Case; 7] = [
    Case {
        name: "datagrams for nobody",
        act: |stage| send(stage, ADDRESS, CLOSED, 64),
        reason: "NO_SOCKET",
        subsystem: "socket",
        counter: Some("UdpNoPorts"),
    },
    Case {
        name: "requests for nobody",
        act: refused,
        reason: "NO_SOCKET",
        subsystem: "socket",
        counter: None,
    },
    Case {
        name: "a full receive buffer",
        act: overfull,
        reason: "SOCKET_RCVBUFF",
        subsystem: "socket",
        counter: Some("UdpRcvbufErrors"),
    },
    Case {
        name: "a rule of the firewall",
        act: |stage| send(stage, ADDRESS, FORBIDDEN, 64),
        reason: "NETFILTER_DROP",
        subsystem: "netfilter",
        counter: None,
    },
    Case {
        name: "wrong sums of TCP",
        act: |stage| inject(stage, &ipv4(6, &tcp(ACK))),
        reason: "TCP_CSUM",
        subsystem: "tcp",
        counter: Some("TcpInCsumErrors"),
    },
    Case {
        name: "wrong sums of UDP",
        act: |stage| inject(stage, &ipv4(17, &wrong(udp(b"lost")))),
        reason: "UDP_CSUM",
        subsystem: "udp",
        counter: Some("UdpInCsumErrors"),
    },
    Case {
        name: "too many hops",
        act: |stage| send(stage, BEYOND, CLOSED, 1),
        reason: "IP_INHDR",
        subsystem: "ip",
        counter: Some("IpInHdrErrors"),
    },
];

#[test]
fn drops_have_the_right_name_and_count() {
    require!("nft", "python3", "unshare");
    let _alone = alone();
    let stage = Stage::new();
    stage.host.ip_batch(ROUTES);
    stage.host.sysctl("net/ipv4/ip_forward", "1");
    stage.peer.ip_batch(&format!("route add {BEYOND} via {ADDRESS}\n"));
    let rule = format!("type filter hook input priority 0\nudp dport {FORBIDDEN} drop");
    stage.host.run(["nft", &format!("table inet rules {{\nchain in {{\n{rule}\n}}\n}}")]);
    let mut tracer = Tracer::drops(&CASES.map(|case| case.reason));
    let netmon = stage.netmon();
    for Case { name, act, reason, subsystem, counter } in CASES {
        let lower = reason.to_lowercase();
        let labels = [("subsystem", subsystem), ("reason", lower.as_str())];
        let kernel = || counter.map_or(0, |counter| protocols(&stage.host)[counter]);
        let before = (drops(&netmon, &mut tracer, reason), kernel());
        let dropped = act(&stage);
        let after = until_ok(&format!("{name} are counted"), || {
            let after = drops(&netmon, &mut tracer, reason);
            let truth = after.kernel - before.0.kernel;
            let counted = after.grew(&before.0, DROPS, &labels);
            if counted == truth && truth >= dropped {
                Ok(truth)
            } else {
                Err(format!("{counted} of {truth}, {dropped} provoked"))
            }
        });
        assert_eq!(after, dropped, "{name}: {reason}");
        if let Some(counter) = counter {
            assert_eq!(kernel() - before.1, dropped, "{name}: {counter}");
        }
    }
    netmon.stop();
}

/// A listener whose connections nobody accepts ignores requests, and drops the last
/// steps of handshakes that were under way when its queue was filled. The kernel
/// counts both in `ListenOverflows` and has a reason for the second alone.
#[test]
fn what_a_full_accept_queue_drops_is_counted_once() {
    require!("nft", "unshare", "hping3");
    let _alone = alone();
    let stage = Stage::new();
    let mut tracer = Tracer::drops(&["TCP_LISTEN_OVERFLOW"]);
    let netmon = stage.netmon();
    stage.host.sysctl("net/core/somaxconn", "1");
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, LISTENING)).unwrap());
    let connect = |from: u16| {
        stage.peer.sysctl("net/ipv4/ip_local_port_range", &format!("{from} {from}"));
        stage.peer.enter(|| TcpStream::connect((ADDRESS, LISTENING)).unwrap())
    };
    let rule = format!("type filter hook output priority 0\ntcp sport {SLOW} tcp flags ack drop");
    stage.peer.run(["nft", &format!("table inet rules {{\nchain out {{\n{rule}\n}}\n}}")]);
    let mut slow = connect(SLOW);
    let queue = [connect(SLOW + 1), connect(SLOW + 2)];
    let overflows = || protocols(&stage.host)["TcpExtListenOverflows"];
    let mut at_rest = || settled(&netmon, || [overflows(), tracer.dropped("TCP_LISTEN_OVERFLOW")]);

    let before = at_rest();
    let mut request = stage.peer.command("hping3");
    request.args(["-q", "-n", "-S", "-i", "u1000", "-s", "5000", "-c", &SENT.to_string()]);
    let said = request.args(["-p", &LISTENING.to_string(), ADDRESS]).output().unwrap();
    let sent = format!("{SENT} packets transmitted");
    assert!(String::from_utf8_lossy(&said.stderr).contains(&sent), "{said:?}");
    let asked = at_rest();
    assert_eq!(overflowed(&before, &asked), [SENT, 0], "{SENT} requests");
    assert_eq!(asked.kernel[0] - before.kernel[0], SENT, "ListenOverflows");

    stage.peer.run(["nft", "flush", "ruleset"]);
    slow.write_all(b"at last").unwrap();
    until_true("the last step is dropped", || overflows() > asked.kernel[0]);
    set_socket_linger(&slow, Some(Duration::ZERO)).unwrap();
    drop(slow);
    let after = at_rest();
    let [kernel, dropped] = [0, 1].map(|at| after.kernel[at] - asked.kernel[at]);
    assert_eq!(overflowed(&asked, &after), [kernel - dropped, dropped], "of {kernel} in all");
    drop((listener, queue));
    netmon.stop();
}

/// Requests and last steps of handshakes that met a full queue.
fn overflowed<T>(before: &Settled<T>, after: &Settled<T>) -> [u64; 2] {
    ["listen_overflow", "tcp_listen_overflow"].map(|reason| {
        let labels = [("subsystem", "tcp"), ("reason", reason)];
        after.grew(before, DROPS, &labels)
    })
}

/// A moment at which nothing is dropped for a reason, as the tracer sees it.
fn drops(netmon: &Netmon<'_>, tracer: &mut Tracer, reason: &str) -> Settled<u64> {
    settled(netmon, || tracer.dropped(reason))
}

/// Sends datagrams from the peer.
fn send(stage: &Stage, to: &str, port: u16, hops: u32) -> u64 {
    stage.peer.enter(|| {
        let socket = UdpSocket::bind((PEER_ADDRESS, 0)).unwrap();
        socket.set_ttl(hops).unwrap();
        for _ in 0..SENT {
            socket.send_to(b"lost", (to, port)).unwrap();
        }
    });
    SENT
}

/// Asks for connections to a port that nobody listens on.
fn refused(stage: &Stage) -> u64 {
    stage.peer.enter(|| {
        for _ in 0..SENT {
            let refused = TcpStream::connect((ADDRESS, CLOSED)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
    });
    SENT
}

/// Sends more than a socket has room for; what it has room for is received.
fn overfull(stage: &Stage) -> u64 {
    let socket = stage.host.enter(|| UdpSocket::bind((ADDRESS, LISTENING)).unwrap());
    set_socket_recv_buffer_size(&socket, 1).unwrap();
    send(stage, ADDRESS, LISTENING, 64);
    socket.set_nonblocking(true).unwrap();
    let received = std::iter::from_fn(|| socket.recv(&mut [0; 16]).ok()).count();
    assert!(received > 0);
    SENT - u64::try_from(received).unwrap()
}

/// Sends packets to the host that no socket would.
fn inject(stage: &Stage, packet: &[u8]) -> u64 {
    let said = stage.host.run(["ip", "-j", "link", "show", "dev", DEVICE]);
    let said: Value = serde_json::from_slice(&said).unwrap();
    let address = said[0]["address"].as_str().unwrap();
    let address = address.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    let mut frame = ethernet(&[], 0x0800, packet);
    frame.splice(..6, address);
    Sender::packet(&stage.peer, PEER_DEVICE).send(&frame, SENT);
    SENT
}

/// A datagram with a sum that is not its own.
fn wrong(mut datagram: Vec<u8>) -> Vec<u8> {
    datagram[6..8].copy_from_slice(&[0x12, 0x34]);
    datagram
}
