//! Resets. The truth of those that TCP sent is the kernel's `OutRsts`, summed over
//! all namespaces, and the tracepoint as the kernel's own tracer sees it; the two
//! are the same on kernels from 6.12 on. Of those that it received there is the
//! tracepoint only: a reset that fits no connection is none, and of the kernel's
//! counters `EstabResets` counts connections and not resets.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

use crate::{
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_DEVICE, Stage, alone, settled},
    statistics::Stack,
    tracer::Tracer,
};

const ADDRESS_6: &str = "fd00::1";
const PEER_ADDRESS_6: &str = "fd00::2";
const PORT: u16 = 4000;
const CLOSED: u16 = 4001;
const SENT: &str = "tcp_send_reset";
const RECEIVED: &str = "tcp_receive_reset";

#[test]
fn resets_are_what_the_stack_says() {
    require!("hping3", "unshare");
    let _alone = alone();
    let stage = Stage::new();
    stage.host.ip_batch(&format!("address add {ADDRESS_6}/64 dev {DEVICE} nodad\n"));
    stage.peer.ip_batch(&format!("address add {PEER_ADDRESS_6}/64 dev {PEER_DEVICE} nodad\n"));
    let netmon = stage.netmon();
    let mut tracer = Tracer::start(&["tcp/tcp_send_reset", "tcp/tcp_receive_reset"]);
    // What is done, how many resets of it are sent and how many fit a connection
    // at the other end.
    let cases: [(_, Act, _, _); 6] = [
        ("connections to closed ports", refused, 20, 20),
        ("aborted connections", aborted, 20, 20),
        ("connections closed with data unread", unread, 20, 20),
        ("segments for nobody", |stage| unasked(stage, "-A", CLOSED), 5, 0),
        ("segments for a listener", |stage| unasked(stage, "-A", PORT), 5, 0),
        ("resets for nobody", |stage| unasked(stage, "-R", PORT), 0, 0),
    ];
    for (name, act, sent, received) in cases {
        let mut read = || (Stack::read(), tracer.count(SENT), tracer.count(RECEIVED));
        let before = settled(&netmon, &mut read);
        act(&stage);
        let after = settled(&netmon, &mut read);
        let moved = |direction| {
            after.moved(&before, "netmon_tcp_resets_total", &[("direction", direction)])
        };
        let (stack, traced_sent, traced_received) = &after.kernel;
        assert_eq!(moved("egress"), stack.reset_since(&before.kernel.0), "{name}: OutRsts");
        assert_eq!(moved("egress"), traced_sent - before.kernel.1, "{name}: {SENT}");
        assert_eq!(moved("ingress"), traced_received - before.kernel.2, "{name}: {RECEIVED}");
        assert!(moved("egress") >= sent && moved("ingress") >= received, "{name}");
    }
    netmon.stop();
}

/// Something that causes resets.
type Act = fn(&Stage);

/// Asks for connections to a port that nobody listens on.
fn refused(stage: &Stage) {
    stage.peer.enter(|| {
        for address in [ADDRESS, ADDRESS_6] {
            for _ in 0..10 {
                let refused = TcpStream::connect((address, CLOSED)).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            }
        }
    });
}

/// Ends connections without a farewell, from either end.
fn aborted(stage: &Stage) {
    for_each_connection(stage, |number, host, peer| {
        let (one, mut other) = if number % 2 == 0 { (host, peer) } else { (peer, host) };
        set_socket_linger(&one, Some(Duration::ZERO)).unwrap();
        drop(one);
        assert_eq!(other.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// Closes connections although something lies there unread.
fn unread(stage: &Stage) {
    for_each_connection(stage, |_, host, mut peer| {
        peer.write_all(b"unread").unwrap();
        assert_ne!(host.peek(&mut [0]).unwrap(), 0);
        drop(host);
        assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// Sends five segments with this flag of hping3 that belong to no connection; there
/// is a listener on [`PORT`] only.
fn unasked(stage: &Stage, flag: &str, port: u16) {
    let _listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    let mut command = stage.peer.command("hping3");
    command.args(["-q", "-n", flag, "-c", "5", "-i", "u1000", "-p", &port.to_string(), ADDRESS]);
    // It fails when nobody answers.
    let said = command.output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("5 packets transmitted"), "{said:?}");
}

/// Opens ten connections to each address of the host, one after the other, and
/// does something with the two ends of each.
fn for_each_connection(stage: &Stage, act: impl Fn(u32, TcpStream, TcpStream)) {
    for address in [ADDRESS, ADDRESS_6] {
        let address: IpAddr = address.parse().unwrap();
        let listener = stage.host.enter(|| TcpListener::bind((address, PORT)).unwrap());
        for number in 0..10 {
            let peer = stage.peer.enter(|| TcpStream::connect((address, PORT)).unwrap());
            let (host, _) = listener.accept().unwrap();
            act(number, host, peer);
        }
    }
}
