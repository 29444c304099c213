//! The messages of an rtnetlink datagram that tell of devices.
//!
//! Must not trust a length. Invariant: what cannot be read is
//! [`Message::Damaged`], never a device that is not there.

use super::{Link, link};
use crate::netlink::message::{self, DONE, ERROR, OVERRUN};

/// One message of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A device exists and looks like this.
    New(Box<Link>),
    /// The device of this index is gone from this namespace.
    Gone(u32),
    /// The answer to the request of this sequence number ends.
    Done(u32),
    /// Request `sequence` failed with this error number.
    Failed {
        /// The request.
        sequence: u32,
        /// As in errno.h.
        errno: i32,
    },
    /// Something could not be read: the kernel knows more than was understood.
    Damaged,
}

/// The messages of one datagram.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    messages: message::Messages<'a>,
    interrupted: bool,
}

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
/// Bytes of `struct ifinfomsg`, all zero: every family, every device.
const EVERY_LINK: [u8; 16] = [0; 16];
const AF_UNSPEC: u8 = 0;

/// A request for all devices.
pub(super) fn dump_request(sequence: u32) -> Vec<u8> {
    message::dump_request(RTM_GETLINK, sequence, &EVERY_LINK)
}

impl<'a> Messages<'a> {
    /// The messages of `datagram`, in order. Those that do not speak of devices
    /// are left out.
    pub const fn parse(datagram: &'a [u8]) -> Self {
        Self { messages: message::Messages::parse(datagram), interrupted: false }
    }

    /// Whether a message up to now said that devices came or went while they
    /// were listed, so that the list may lack some.
    pub const fn interrupted(&self) -> bool {
        self.interrupted
    }
}

impl Iterator for Messages<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        for message in self.messages.by_ref() {
            let Ok(message) = message else { return Some(Message::Damaged) };
            self.interrupted |= message.interrupted();
            if let Some(message) = read(&message) {
                return Some(message);
            }
        }
        None
    }
}

/// None for what does not speak of devices.
fn read(message: &message::Message<'_>) -> Option<Message> {
    let (payload, sequence) = (message.payload, message.sequence);
    // Bridges announce their ports with a family of their own (`AF_BRIDGE`), and
    // say that a device is gone when it only left the bridge.
    let of_device = payload.first().is_none_or(|family| *family == AF_UNSPEC);
    match message.kind {
        RTM_NEWLINK if of_device => {
            let link = Link::parse(payload);
            Some(link.map_or(Message::Damaged, |link| Message::New(link.into())))
        }
        RTM_DELLINK if of_device => {
            let header = link::Header::parse(payload);
            Some(header.map_or(Message::Damaged, |header| Message::Gone(header.ifindex)))
        }
        DONE => Some(match message.errno() {
            None | Some(0) => Message::Done(sequence),
            Some(errno) => Message::Failed { sequence, errno },
        }),
        ERROR => match message.errno() {
            Some(0) => None,
            Some(errno) => Some(Message::Failed { sequence, errno }),
            None => Some(Message::Damaged),
        },
        OVERRUN => Some(Message::Damaged),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::{
        links::Stats,
        netlink::message::{DUMP_INTR, HEADER_LEN, build as message},
    };

    fn device(family: u8, ifindex: u32, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![family, 0];
        bytes.extend(772_u16.to_ne_bytes());
        bytes.extend(ifindex.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 4]);
        for (kind, payload) in attributes {
            bytes.extend(u16::try_from(payload.len() + 4).unwrap().to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*payload);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn parse(datagram: &[u8]) -> Vec<Message> {
        Messages::parse(datagram).collect()
    }

    #[test]
    fn reads_every_field_of_a_device() {
        let mut stats = Vec::new();
        (1..=25_u64).for_each(|word| stats.extend(word.to_ne_bytes()));
        let mut kind = 9_u16.to_ne_bytes().to_vec();
        kind.extend(1_u16.to_ne_bytes());
        kind.extend(b"veth\0");
        let payload = device(
            0,
            7,
            0x1_0001,
            &[
                (3, b"nm\xff0\0"),
                (1, &[2, 0xfc, 0, 0, 0, 1]),
                (5, &9_u32.to_ne_bytes()),
                (37, &(-1_i32).to_ne_bytes()),
                (10, &4_u32.to_ne_bytes()),
                (16, &[6]),
                (0x8012, &kind),
                (23, &stats),
                (56, b"virtio2\0"),
            ],
        );
        let Some(Message::New(link)) = parse(&message(RTM_NEWLINK, 0, 0, &payload)).pop() else {
            panic!("no device");
        };
        assert_eq!(
            *link,
            Link {
                ifindex: 7,
                name: link::Name::new(b"nm\xff0"),
                hardware: 772,
                address: vec![2, 0xfc, 0, 0, 0, 1],
                kind: Some("veth".to_owned()),
                on_bus: true,
                lower: Some(9),
                lower_netns: Some(-1),
                master: Some(4),
                up: true,
                flaps: 0,
                speed: None,
                stats: Stats {
                    rx_packets: 1,
                    tx_packets: 2,
                    rx_bytes: 3,
                    tx_bytes: 4,
                    rx_dropped: 7,
                    tx_dropped: 8,
                    rx_fifo_errors: 15,
                    rx_missed_errors: 16,
                    tx_fifo_errors: 19,
                },
            }
        );
    }

    #[test]
    fn up_means_that_packets_can_pass() {
        const UP: u32 = 1;
        const LOWER_UP: u32 = 1 << 16;
        let cases = [
            ("up", UP | LOWER_UP, 6, true),
            ("a driver without operational state", UP | LOWER_UP, 0, true),
            ("administratively down", 0, 2, false),
            ("no carrier", UP, 2, false),
            ("no carrier, no operational state", UP, 0, false),
            ("waits for 802.1X", UP | LOWER_UP, 5, false),
            ("the layer below is down", UP | LOWER_UP, 3, false),
        ];
        for (name, flags, operstate, up) in cases {
            let payload = device(0, 1, flags, &[(3, b"lo"), (16, &[operstate])]);
            assert_eq!(Link::parse(&payload).unwrap().up, up, "{name}");
        }
    }

    #[test]
    fn reads_what_is_there_and_says_what_it_could_not_read() {
        let named = device(0, 3, 0, &[(3, b"a")]);
        let bridge_port = device(7, 3, 0, &[(3, b"a")]);
        let error = (-16_i32).to_ne_bytes();
        let new = |payload: &[u8]| Message::New(Link::parse(payload).unwrap().into());
        let cases = [
            ("nothing", vec![], vec![]),
            ("device", message(RTM_NEWLINK, 2, 0, &named), vec![new(&named)]),
            ("gone", message(RTM_DELLINK, 0, 0, &named), vec![Message::Gone(3)]),
            ("port of a bridge", message(RTM_NEWLINK, 0, 0, &bridge_port), vec![]),
            ("left a bridge", message(RTM_DELLINK, 0, 0, &bridge_port), vec![]),
            ("no name", message(RTM_NEWLINK, 0, 0, &device(0, 3, 0, &[])), vec![Message::Damaged]),
            (
                "no index",
                message(RTM_NEWLINK, 0, 0, &device(0, 0, 0, &[(3, b"a")])),
                vec![Message::Damaged],
            ),
            ("cut device", message(RTM_DELLINK, 0, 0, &[0; 5]), vec![Message::Damaged]),
            ("done", message(DONE, 2, 9, &[0; 4]), vec![Message::Done(9)]),
            ("done with nothing", message(DONE, 2, 9, &[]), vec![Message::Done(9)]),
            (
                "done with an error",
                message(DONE, 2, 9, &error),
                vec![Message::Failed { sequence: 9, errno: 16 }],
            ),
            (
                "error",
                message(ERROR, 0, 9, &error),
                vec![Message::Failed { sequence: 9, errno: 16 }],
            ),
            ("acknowledgement", message(ERROR, 0, 9, &[0; 4]), vec![]),
            ("overrun", message(OVERRUN, 0, 0, &[]), vec![Message::Damaged]),
            (
                "the rest is lost with a bad length",
                [
                    message(RTM_DELLINK, 0, 0, &named),
                    vec![15; 16],
                    message(RTM_DELLINK, 0, 0, &named),
                ]
                .concat(),
                vec![Message::Gone(3), Message::Damaged],
            ),
        ];
        for (name, datagram, expected) in cases {
            assert_eq!(parse(&datagram), expected, "{name}");
        }
    }

    #[test]
    fn an_interrupted_list_says_so() {
        let payload = device(0, 3, 0, &[(3, b"a")]);
        for (flags, interrupted) in [(2, false), (2 | DUMP_INTR, true)] {
            let datagram = message(RTM_NEWLINK, flags, 1, &payload);
            let mut messages = Messages::parse(&datagram);
            messages.by_ref().for_each(drop);
            assert_eq!(messages.interrupted(), interrupted);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_ends() {
        let payload = device(0, 3, 0, &[(3, b"a"), (18, &[8, 0, 1, 0, b'x']), (23, &[0; 200])]);
        let whole = [message(RTM_NEWLINK, 0, 0, &payload), message(DONE, 0, 0, &[0; 4])].concat();
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).len() <= 2);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                assert!(parse(&damaged).len() <= 2 + damaged.len() / HEADER_LEN);
            }
        }
    }
}
