//! Messages in TCP streams: cut anywhere, or many in one segment.

use std::{io::Write as _, net::TcpStream};

use super::{
    Scene, Side,
    answering::Answering,
    asking::Transport,
    message::{A, TXT, framed, query, take},
    witness::Seen,
};
use crate::{
    capture::Capturing,
    requirement::require,
    stage::{DEVICE, among_others},
};

/// How a stream is written.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A byte at a time.
    Bytes,
    /// Everything at once.
    Pipelined,
    /// The length by itself, then the message.
    LengthApart,
    /// Each message with the length of the next, so that every segment begins amid
    /// one.
    Shifted,
}

const WAYS: [Way; 4] = [Way::Bytes, Way::Pipelined, Way::LengthApart, Way::Shifted];

/// The least segment that the kernel agrees to, and the usual one.
const SEGMENTS: [&str; 2] = ["256", "1460"];

/// Questions of one connection. The server writes the answer to `b` a byte at a time,
/// and answers to `t<length>` are longer than a segment.
const NAMES: [(&str, u16); 5] = [
    ("a.cut.test", A),
    ("b.cut.test", A),
    ("t700.cut.test", TXT),
    ("t5000.cut.test", TXT),
    ("b-t300.cut.test", TXT),
];

/// Connections of each kind.
const CONNECTIONS: u16 = 5;

#[test]
fn messages_are_found_however_a_stream_is_cut() {
    require!("ethtool", "python3", "tcpdump", "tshark");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        // Segments pass as they are written.
        scene.stage.features(&["tso", "off", "gso", "off", "gro", "off"]);
        let _answering = Answering::start(&scene);
        let netmon = scene.stage.netmon();
        for (segment, way) in SEGMENTS.into_iter().flat_map(|it| WAYS.map(|way| (it, way))) {
            let what = format!("{side:?}, {segment}, {way:?}");
            for (namespace, device) in
                [(&scene.stage.host, DEVICE), (&scene.stage.peer, crate::stage::PEER_DEVICE)]
            {
                namespace.ip_batch(&format!(
                    "route replace 10.0.0.0/24 dev {device} advmss {segment}\n"
                ));
            }
            let before = scene.stage.settled(&netmon);
            let capturing = Capturing::start(&scene.stage.host, DEVICE);
            for connection in 0..CONNECTIONS {
                ask(&scene, way, connection);
            }
            let after = scene.stage.settled(&netmon);
            let seen = Seen::of(&capturing.stop());
            let messages = u64::from(CONNECTIONS) * NAMES.len() as u64;
            assert_eq!(seen.totals(Transport::Tcp), [messages; 2], "{what}");
            seen.agrees(&before, &after, scene.directions(), &what);
            for lost in [("source", "dns_streams"), ("source", "dns_lookups")] {
                let lost = after.grew(&before, "netmon_events_lost_total", &[lost]);
                assert_eq!(lost, 0, "{what}");
            }
            assert_eq!(after.grew(&before, "netmon_dns_malformed_total", &[]), 0, "{what}");
        }
        netmon.stop();
    }
}

/// Asks everything over one connection, and reads all answers.
fn ask(scene: &Scene, way: Way, connection: u16) {
    let mut stream = scene.asking().enter(|| TcpStream::connect((scene.server(), 53)).unwrap());
    // What is written leaves at once.
    stream.set_nodelay(true).unwrap();
    let messages: Vec<Vec<u8>> = (0..)
        .zip(NAMES)
        .map(|(number, (name, kind))| framed(&query(connection * 100 + number, name, kind)))
        .collect();
    let all = messages.concat();
    let pieces: Vec<&[u8]> = match way {
        Way::Bytes => all.chunks(1).collect(),
        Way::Pipelined => vec![&all],
        Way::LengthApart => messages.iter().flat_map(|it| [&it[..2], &it[2..]]).collect(),
        Way::Shifted => {
            let mut ends = vec![0];
            ends.extend(messages.iter().scan(0, |end, message| {
                *end += message.len();
                Some((*end + 2).min(all.len()))
            }));
            ends.windows(2).map(|range| &all[range[0]..range[1]]).collect()
        }
    };
    for piece in pieces {
        stream.write_all(piece).unwrap();
    }
    take(&mut stream, NAMES.len());
}
