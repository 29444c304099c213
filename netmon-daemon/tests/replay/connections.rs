//! Connections that a capture shows, segment by segment.

use serde_json::Value;

use crate::{
    file::{Record, at, ethernet, simple},
    flags, report_on,
};

const SYN: u8 = 2;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const FIN_ACK: u8 = 0x11;

/// How a packet of one end to the other begins: by version, and with an extension header.
#[derive(Clone, Copy, Debug)]
enum Way {
    V4,
    V6,
    V6Options,
}

/// Both ends: last octets of their addresses, and ports.
#[derive(Clone, Copy)]
struct Ends {
    way: Way,
    /// Whether the client is in the Internet.
    outside: bool,
    /// Whether the server is.
    abroad: bool,
    client: (u8, u16),
    server: (u8, u16),
}

impl Ends {
    /// A frame with a segment of the client, or of the server.
    fn frame(&self, by_server: bool, flags: u8, numbers: [u32; 2], payload: usize) -> Vec<u8> {
        let mut ends = [self.client, self.server];
        let mut outside = [self.outside, self.abroad];
        if by_server {
            ends.reverse();
            outside.reverse();
        }
        let address = |(outside, (last, _)): (bool, (u8, u16))| match (self.way, outside) {
            (Way::V4, true) => vec![203, 0, 113, last],
            (Way::V4, false) => vec![10, 0, 0, last],
            (_, true) => [&[0x20, 1, 0xd, 0xb8], &[0; 11][..], &[last]].concat(),
            (_, false) => [&[0xfd], &[0; 14][..], &[last]].concat(),
        };
        let addresses: Vec<u8> = outside.into_iter().zip(ends).flat_map(address).collect();
        let mut segment: Vec<u8> = ends.iter().flat_map(|(_, port)| port.to_be_bytes()).collect();
        segment.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        // With options of 12 bytes.
        segment.extend([0x80, flags, 16, 0, 0, 0, 0, 0]);
        segment.extend([1; 12]);
        segment.resize(segment.len() + payload, b'x');
        let len = |more: usize| u16::try_from(segment.len() + more).unwrap().to_be_bytes();
        let head = match self.way {
            Way::V4 => [&[0x45, 0], &len(20)[..], &[0, 1, 0, 0, 64, 6, 0, 0], &addresses].concat(),
            Way::V6 => [&[0x60, 0, 0, 0], &len(0)[..], &[6, 64], &addresses].concat(),
            Way::V6Options => {
                let options = [6, 0, 1, 4, 0, 0, 0, 0];
                [&[0x60, 0, 0, 0], &len(8)[..], &[0, 64], &addresses, &options].concat()
            }
        };
        // Frames are padded, which is no payload.
        let mut frame = ethernet(&[head, segment].concat());
        frame.resize(frame.len().max(60) + 4, 0);
        frame
    }

    /// A conversation that begins at a millisecond, as records with their times.
    fn talk(&self, began: u64, sizes: [usize; 2], life: u64) -> Vec<(u64, Record)> {
        let [asked, answered] = sizes.map(|size| u32::try_from(size).unwrap());
        let rows = [
            (0, false, SYN, [100, 0], 0),
            (1, true, SYN_ACK, [500, 101], 0),
            (2, false, ACK, [101, 501], 0),
            (3, false, ACK, [101, 501], sizes[0]),
            (4, true, ACK, [501, 101 + asked], sizes[1]),
            (life, true, FIN_ACK, [501 + answered, 101 + asked], 0),
            (life + 1, false, FIN_ACK, [101 + asked, 502 + answered], 0),
            (life + 2, true, ACK, [502 + answered, 102 + asked], 0),
        ];
        let record = |(after, by_server, flags, numbers, payload)| {
            let time = began + after;
            (time, at(time, self.frame(by_server, flags, numbers, payload)))
        };
        rows.into_iter().map(record).collect()
    }
}

/// One connection after the other, from new ports: so many, so many milliseconds apart.
fn talks(ends: Ends, number: u16, apart: u64, sizes: [usize; 2], life: u64) -> Value {
    let talk = |number: u16| {
        let client = (ends.client.0, 20_000 + number);
        Ends { client, ..ends }.talk(u64::from(number) * apart, sizes, life)
    };
    let mut records: Vec<_> = (0..number).flat_map(talk).collect();
    records.sort_by_key(|(time, _)| *time);
    report_on(&simple(&records.into_iter().map(|(_, record)| record).collect::<Vec<_>>()))
}

fn ends(way: Way, outside: bool, port: u16) -> Ends {
    Ends { way, outside, abroad: false, client: (7, 0), server: (1, port) }
}

fn raised(detector: &str, severity: &str) -> Vec<(String, String)> {
    vec![(detector.to_owned(), severity.to_owned())]
}

#[test]
fn guesses_at_passwords() {
    for (way, subject, peer) in [
        (Way::V4, "203.0.113.7", "10.0.0.1"),
        (Way::V6, "2001:db8::/64", "fd00::1"),
        (Way::V6Options, "2001:db8::/64", "fd00::1"),
    ] {
        let capture = talks(ends(way, true, 22), 12, 1000, [900, 2000], 400);
        assert_eq!(flags(&capture), raised("brute_force", "warning"), "{way:?}");
        let flag = &capture["red_flags"][0];
        assert_eq!((&flag["subject"], &flag["peer"]), (&subject.into(), &peer.into()), "{flag}");
        let many = talks(ends(way, true, 22), 110, 500, [900, 2000], 400);
        assert_eq!(flags(&many), raised("brute_force", "critical"), "{way:?}");
    }
    let silent = [
        ("a few", talks(ends(Way::V4, true, 22), 8, 1000, [900, 2000], 400)),
        ("sessions", talks(ends(Way::V4, true, 22), 30, 1000, [900, 9000], 400)),
        ("long ones", talks(ends(Way::V4, true, 22), 30, 1000, [900, 2000], 12_000)),
        ("a web server", talks(ends(Way::V4, true, 80), 500, 2, [100, 300], 10)),
        ("checks", talks(ends(Way::V4, true, 22), 30, 1000, [0, 30], 10)),
    ];
    for (name, capture) in silent {
        assert_eq!(flags(&capture), [], "{name}");
    }
}

#[test]
fn connections_opened_for_every_request() {
    for way in [Way::V4, Way::V6] {
        // Between two hosts of one network, nobody knows at which of them it was captured.
        let capture = talks(ends(way, false, 11_211), 1200, 60, [30, 60], 20);
        assert_eq!(flags(&capture), raised("connection_churn", "warning"), "{way:?}");
        let flag = &capture["red_flags"][0];
        let sides =
            if matches!(way, Way::V4) { ["10.0.0.7", "10.0.0.1"] } else { ["fd00::7", "fd00::1"] };
        assert_eq!([&flag["subject"], &flag["peer"]], sides, "{flag}");
        let few = talks(ends(way, false, 11_211), 600, 200, [30, 60], 20);
        assert_eq!(flags(&few), [], "five a second");
        let long = talks(ends(way, false, 11_211), 1200, 60, [30, 60], 3000);
        assert_eq!(flags(&long), [], "they live for three seconds");
    }
}

#[test]
fn habits() {
    let abroad = |port| Ends { abroad: true, ..ends(Way::V4, false, port) };
    // How many, how many seconds apart; in a replay nothing but this is known.
    for (port, number, apart, expected) in [
        (443, 1, 1, vec![]),
        (60_123, 3, 60, vec![]),
        (4444, 1, 1, raised("unusual_port", "warning")),
        (443, 60, 300, raised("beacon", "warning")),
        (443, 40, 300, vec![]),
    ] {
        let capture = talks(abroad(port), number, apart * 1000, [300, 200], 400);
        assert_eq!(flags(&capture), expected, "{port}, {number} times");
        for flag in capture["red_flags"].as_array().unwrap() {
            assert_eq!(
                (&flag["subject"], &flag["peer"]),
                (&"10.0.0.7".into(), &"203.0.113.1".into())
            );
        }
    }
    let near = talks(ends(Way::V4, false, 4444), 1, 1, [300, 200], 400);
    assert_eq!(flags(&near), []);
}

/// How requests and answers go over one connection: so many milliseconds to the other end
/// and back, bytes of both, and milliseconds from one to the next.
#[derive(Clone, Copy)]
struct Chatter {
    round_trip: u64,
    sizes: [usize; 2],
    pace: u64,
}

/// One connection that goes on for 75 seconds and is open at the end.
fn chatter(ends: Ends, how: Chatter, seen_to_open: bool) -> Value {
    let Chatter { round_trip, sizes, pace } = how;
    let ends = Ends { client: (ends.client.0, 40_000), ..ends };
    let mut records = Vec::new();
    if seen_to_open {
        for (after, by_server, flags, numbers) in [
            (0, false, SYN, [100, 0]),
            (round_trip, true, SYN_ACK, [500, 101]),
            (round_trip, false, ACK, [101, 501]),
        ] {
            records.push(at(after, ends.frame(by_server, flags, numbers, 0)));
        }
    }
    let [mut asked, mut answered] = [101, 501];
    for begun in (10..75_000).step_by(usize::try_from(pace).unwrap()) {
        records.push(at(begun, ends.frame(false, ACK, [asked, answered], sizes[0])));
        asked += u32::try_from(sizes[0]).unwrap();
        let answer = ends.frame(true, ACK, [answered, asked], sizes[1]);
        records.push(at(begun + round_trip, answer));
        answered += u32::try_from(sizes[1]).unwrap();
    }
    report_on(&simple(&records))
}

#[test]
fn small_messages_back_and_forth() {
    let small = Chatter { round_trip: 1, sizes: [40, 60], pace: 3 };
    let near = Chatter { round_trip: 0, ..small };
    for (name, way, how, seen_to_open, severity) in [
        ("near", Way::V4, near, true, "warning"),
        ("a millisecond away", Way::V4, small, true, "critical"),
        ("open before", Way::V6, small, false, "critical"),
    ] {
        let capture = chatter(ends(way, false, 5432), how, seen_to_open);
        assert_eq!(flags(&capture), raised("chatty_application", severity), "{name}");
        let flag = &capture["red_flags"][0];
        let sides =
            if matches!(way, Way::V4) { ["10.0.0.7", "10.0.0.1"] } else { ["fd00::7", "fd00::1"] };
        assert_eq!([&flag["subject"], &flag["peer"]], sides, "{name}: {flag}");
    }
    for (name, how) in [
        ("large answers", Chatter { sizes: [40, 1400], ..small }),
        ("a hundred a second", Chatter { pace: 10, ..small }),
    ] {
        let capture = chatter(ends(Way::V4, false, 5432), how, true);
        assert_eq!(flags(&capture), [], "{name}");
    }
    let client = Ends { outside: true, ..ends(Way::V4, true, 5432) };
    assert_eq!(flags(&chatter(client, small, true)), [], "somebody else's habit");
}
