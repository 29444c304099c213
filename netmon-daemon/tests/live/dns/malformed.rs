//! Messages that are none, over the wire: each is counted by what is wrong with it,
//! and those around them as if there were none.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::{
    Scene, Side,
    asking::Transport,
    message::{A, TXT, framed, header, kind, name, query},
    servers::silent,
};
use crate::{
    deadline::until_ok, exposition::Exposition, requirement::require, stage::among_others,
};

/// How often each is sent.
const TIMES: u16 = 7;

const MALFORMED: &str = "netmon_dns_malformed_total";

/// What is wrong with a message, its bytes, and as what it may count: nothing is
/// listed where only the daemon's life is at stake.
type Case = (&'static str, Vec<u8>, &'static [&'static str]);

/// A query for a text whose question is these bytes.
fn asks(name: &[u8]) -> Vec<u8> {
    [&header(1, 0x0100, 1)[..], name, &kind(TXT)].concat()
}

/// So many labels of 63 bytes.
fn labels(count: usize) -> Vec<u8> {
    [&[63][..], &[b'x'; 63]].concat().repeat(count)
}

/// Messages that are damaged over either transport.
fn messages() -> Vec<Case> {
    let good = query(1, "www.damaged.test", TXT);
    let claims = |questions: u16| [&header(1, 0x0100, questions)[..], &good[12..]].concat();
    let answer = [&header(1, 0x8180, 1)[..2], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &good[12..]];
    let loops = [&answer.concat()[..], &[0xc0, 34, 0, 16, 0, 1, 0, 0, 0, 9, 0, 0]].concat();
    vec![
        ("65,535 questions", claims(65_535), &["questions"]),
        ("two questions", claims(2), &["questions"]),
        ("a query without a question", header(1, 0x0100, 0), &["questions"]),
        ("a label of type 0x40", asks(&[0x41, b'x', 0]), &["label"]),
        ("a label of type 0x80", asks(&[0x81, b'x', 0]), &["label"]),
        ("a pointer to itself", asks(&[0xc0, 12]), &["label", "pointer"]),
        ("a pointer into a loop", asks(b"\x03www\xc0\x0c"), &["label", "pointer"]),
        ("two pointers in a circle", asks(&[0xc0, 14, 0xc0, 12]), &["label", "pointer"]),
        ("a pointer beyond the end", asks(&[0xff, 0xff]), &["label", "pointer"]),
        ("a name of 257 bytes", asks(&[labels(4), vec![0]].concat()), &["name"]),
        ("63 KB of labels", asks(&labels(984)), &["name"]),
        ("a label beyond the end", [&header(1, 0x0100, 1)[..], b"\x3fabc"].concat(), &["cut"]),
        ("a name without an end", [&header(1, 0x0100, 1)[..], b"\x03abc"].concat(), &["cut"]),
        ("half a question", [header(1, 0x0100, 1), name("a.test"), vec![0]].concat(), &["cut"]),
        ("records that are not there", [&good[..6], &[0xff; 6], &good[12..]].concat(), &[]),
        ("a record whose name is a loop", loops, &[]),
        ("all bits set", vec![0xff; 500], &[]),
    ]
}

/// Datagrams that no stream could have.
fn datagrams() -> Vec<Case> {
    let mut cases = messages();
    for length in [0, 1, 5, 11] {
        cases.push(("a datagram without a header", vec![1; length], &["short"]));
    }
    cases
}

/// Streams: messages with their lengths, and lengths that are not theirs.
fn streams() -> Vec<Case> {
    let good = query(1, "www.damaged.test", TXT);
    let lies = |length: u16| [&length.to_be_bytes()[..], &good].concat();
    let mut cases: Vec<Case> = messages()
        .into_iter()
        .map(|(what, bytes, reasons)| (what, framed(&bytes), reasons))
        .collect();
    cases.extend([
        ("a length of nothing", vec![0, 0], &["length", "short"][..]),
        ("a length below the header's", framed(&[1; 11]), &["length", "short"]),
        ("a length that never comes", lies(65_535), &[]),
        ("a length that ends within", lies(20), &[]),
        ("half a length", vec![0], &[]),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: damaged.test\r\n\r\n".to_vec(), &[]),
    ]);
    cases
}

#[test]
fn damaged_messages_are_counted_by_reason() {
    require!();
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _silent = silent(scene.serving(), scene.server());
        let listener = scene.serving().enter(|| TcpListener::bind((scene.server(), 53)).unwrap());
        let socket = scene.asking().enter(|| UdpSocket::bind((scene.client(), 0)).unwrap());
        socket.connect((scene.server(), 53)).unwrap();
        let netmon = scene.stage.netmon();
        let mut good = 0..;
        for (transport, cases) in [(Transport::Udp, datagrams()), (Transport::Tcp, streams())] {
            for (what, bytes, reasons) in cases {
                let before = netmon.fresh();
                for _ in 0..TIMES {
                    let next = query(good.next().unwrap(), "www.good.test", A);
                    for message in [&bytes, &next] {
                        if transport == Transport::Udp {
                            socket.send(message).unwrap();
                        }
                    }
                    if transport == Transport::Tcp {
                        // Each by itself: nobody knows where a message begins after a lie.
                        write(&scene, &listener, &bytes);
                        write(&scene, &listener, &framed(&next));
                    }
                }
                let what = format!("{side:?}, {transport:?}, {what}");
                until_ok("damaged messages are counted", || {
                    counted(&before, &netmon.fresh(), transport, reasons)
                        .map_err(|why| format!("{what}: {why}"))
                });
            }
        }
        netmon.stop();
    }
}

/// Sends a stream, with a segment for each of its first bytes, and takes it.
fn write(scene: &Scene, listener: &TcpListener, bytes: &[u8]) {
    let address = (scene.server(), 53);
    let mut stream = scene.asking().enter(|| TcpStream::connect(address).unwrap());
    stream.set_nodelay(true).unwrap();
    let (one_by_one, rest) = bytes.split_at(bytes.len().min(40));
    for byte in one_by_one.chunks(1).chain([rest]) {
        stream.write_all(byte).unwrap();
    }
    drop(stream);
    let mut taken = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut taken).unwrap();
    assert_eq!(taken.len(), bytes.len());
}

/// Whether the good queries were counted, no more and no less, and the others for one
/// of these reasons.
fn counted(
    before: &Exposition,
    after: &Exposition,
    transport: Transport,
    reasons: &[&str],
) -> Result<(), String> {
    let labels = [("vantage", "boundary"), ("transport", transport.name())];
    let grew = |name: &str, label: (&str, &str)| {
        let labels = [labels[0], labels[1], label];
        after.so_far(name, &labels) - before.so_far(name, &labels)
    };
    let good = grew("netmon_dns_queries_total", ("qtype", "A"));
    let times = u64::from(TIMES);
    if good != times {
        return Err(format!("{good} good queries of {times}"));
    }
    let damaged: u64 = reasons.iter().map(|reason| grew(MALFORMED, ("reason", reason))).sum();
    let all = after.so_far(MALFORMED, &labels) - before.so_far(MALFORMED, &labels);
    match reasons {
        [] => Ok(()),
        _ if damaged == times && all == times => Ok(()),
        _ => Err(format!("{damaged} for {reasons:?}, {all} for any reason, of {times}")),
    }
}
