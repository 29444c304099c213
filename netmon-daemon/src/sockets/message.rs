//! What the kernel says of one socket (`struct inet_diag_msg`), and how it is
//! asked (`struct inet_diag_req_v2`).
//!
//! Must not trust a length. Invariant: a message that cannot be read gives no
//! socket, never one that is not there.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use netmon_common::abi::labels::IpVersion;

use super::{
    listener::{AddressClass, Listener},
    outgoing::Outgoing,
    state::State,
    talker::Talker,
};
use crate::netlink::{
    attribute::{array, walk},
    message::dump_request,
};

/// The kind of requests and answers (`SOCK_DIAG_BY_FAMILY`).
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// What is wanted of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Listening sockets, with their counters. They have a table of their own in
    /// the kernel: no other socket is visited.
    Listeners,
    /// All others, with what they sent.
    Connections,
}

/// A socket of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    /// Its state; none when it is one that is not known.
    pub(super) state: Option<State>,
    /// The IP version of its packets.
    pub(super) family: IpVersion,
    /// Its local port.
    pub(super) port: u16,
    local: IpAddr,
    remote: SocketAddr,
    receive_queue: u32,
    send_queue: u32,
    cookie: u64,
    inode: u32,
    drops: Option<u32>,
    workload: u64,
    acknowledged: Option<u64>,
    traffic: Option<Traffic>,
}

/// What went over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Traffic {
    /// Milliseconds since payload was sent last, and received.
    silence: [u32; 2],
    received: u64,
    /// Segments with payload that were sent, and received.
    segments: [u32; 2],
    /// The shortest round trip, in microseconds.
    round_trip: u32,
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// Bytes of `struct inet_diag_msg`, which precedes the attributes.
const HEADER_LEN: usize = 72;
/// Bytes of `struct inet_diag_sockid`, which ends the request. All zero, it
/// stands for every socket.
const EVERY_SOCKET: [u8; 48] = [0; 48];
/// The attribute with the memory and the drops of a socket, and where in it the
/// drops are (`SK_MEMINFO_DROPS`), in bytes.
const INET_DIAG_SKMEMINFO: u16 = 7;
const DROPS: usize = 8 * 4;

/// The attribute with `struct tcp_info`, and where in it `tcpi_bytes_acked` is, in bytes;
/// sockets in TIME_WAIT have none.
const INET_DIAG_INFO: u16 = 2;
const BYTES_ACKED: usize = 120;
/// The same of what goes over a connection, in bytes: `tcpi_last_data_sent`,
/// `tcpi_last_data_recv`, `tcpi_bytes_received`, `tcpi_min_rtt`, `tcpi_data_segs_in` and
/// `tcpi_data_segs_out`.
const LAST_SENT: usize = 44;
const LAST_RECEIVED: usize = 52;
const BYTES_RECEIVED: usize = 128;
const MIN_RTT: usize = 148;
const DATA_SEGMENTS_IN: usize = 152;
const DATA_SEGMENTS_OUT: usize = 156;
/// Milliseconds of silence after which a connection has nothing to say in a census: more
/// than there are from one to the next.
const SILENT: u32 = 6000;
/// The attribute with the control group, since Linux 5.9.
const INET_DIAG_CGROUP_ID: u16 = 21;

/// A request for the sockets of one IP version.
pub(super) fn request(wanted: Wanted, family: IpVersion, sequence: u32) -> Vec<u8> {
    let family = match family {
        IpVersion::V4 => AF_INET,
        IpVersion::V6 => AF_INET6,
    };
    let listening = 1_u32 << State::Listen.number();
    let (extensions, states) = match wanted {
        Wanted::Listeners => (1_u8 << (INET_DIAG_SKMEMINFO - 1), listening),
        Wanted::Connections => {
            let all = State::ALL.iter().fold(0, |states, state| states | 1 << state.number());
            (1 << (INET_DIAG_INFO - 1), all & !listening)
        }
    };
    let mut body = vec![family, IPPROTO_TCP, extensions, 0];
    body.extend(states.to_ne_bytes());
    body.extend(EVERY_SOCKET);
    dump_request(SOCK_DIAG_BY_FAMILY, sequence, &body)
}

impl Socket {
    /// Reads the payload of a message.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let word = |at| array(payload, at).map(u32::from_ne_bytes);
        let address = |at| match *payload.first()? {
            AF_INET => Some(IpAddr::V4(Ipv4Addr::from_octets(array(payload, at)?))),
            AF_INET6 => Some(Ipv6Addr::from_octets(array(payload, at)?).to_canonical()),
            _ => None,
        };
        let local = address(8)?;
        let remote_port = u16::from_be_bytes(array(payload, 6)?);
        let (mut drops, mut workload, mut acknowledged, mut traffic) = (None, 0, None, None);
        for (kind, value) in walk(payload.get(HEADER_LEN..)?) {
            match kind {
                INET_DIAG_SKMEMINFO => drops = array(value, DROPS).map(u32::from_ne_bytes),
                INET_DIAG_CGROUP_ID => workload = array(value, 0).map_or(0, u64::from_ne_bytes),
                INET_DIAG_INFO => {
                    acknowledged = array(value, BYTES_ACKED).map(u64::from_ne_bytes);
                    traffic = Traffic::parse(value);
                }
                _ => {}
            }
        }
        Some(Self {
            state: State::of(*payload.get(1)?),
            family: if local.is_ipv4() { IpVersion::V4 } else { IpVersion::V6 },
            port: u16::from_be_bytes(array(payload, 4)?),
            local,
            cookie: u64::from(word(44)?) | u64::from(word(48)?) << u32::BITS,
            receive_queue: word(56)?,
            send_queue: word(60)?,
            inode: word(68)?,
            drops,
            remote: SocketAddr::new(address(24)?, remote_port),
            workload,
            acknowledged,
            traffic,
        })
    }

    /// Whether it is a half-open connection of a listener. A socket that a
    /// program opened is in the same state when two hosts call each other at
    /// once, but belongs to a file.
    pub(super) fn is_half_open(&self) -> bool {
        self.state == Some(State::SynRecv) && self.inode == 0
    }

    /// It as a connection that is open, if it is one and the kernel says what it sent.
    pub(super) fn connection(&self) -> Option<Outgoing> {
        let sent = self.acknowledged.filter(|_| self.state == Some(State::Established))?;
        Some(Outgoing {
            cookie: self.cookie,
            local: SocketAddr::new(self.local, self.port),
            remote: self.remote,
            workload: self.workload,
            sent,
        })
    }

    /// It as a connection over which something went both ways of late, if it is one.
    pub(super) fn talker(&self) -> Option<Talker> {
        let sent = self.acknowledged.filter(|_| self.state == Some(State::Established))?;
        let traffic = self.traffic.as_ref()?;
        let talks = traffic.silence.iter().all(|silence| *silence < SILENT)
            && traffic.segments.iter().all(|segments| *segments > 0);
        // Where nothing was measured it is the greatest number.
        let is_measured = !matches!(traffic.round_trip, 0 | u32::MAX);
        talks.then(|| Talker {
            cookie: self.cookie,
            local: SocketAddr::new(self.local, self.port),
            remote: self.remote,
            workload: self.workload,
            segments: traffic.segments,
            bytes: [sent, traffic.received],
            round_trip: is_measured.then(|| Duration::from_micros(traffic.round_trip.into())),
        })
    }

    /// It as a listener, if it is one.
    pub(super) fn listener(&self) -> Option<Listener> {
        (self.state == Some(State::Listen)).then(|| Listener {
            port: self.port,
            family: self.family,
            address: AddressClass::of(self.local),
            backlog: self.receive_queue,
            backlog_max: self.send_queue,
            drops: self.drops,
            cookie: self.cookie,
            inode: self.inode,
        })
    }
}

impl Traffic {
    /// Reads `struct tcp_info`.
    fn parse(value: &[u8]) -> Option<Self> {
        let word = |at| array(value, at).map(u32::from_ne_bytes);
        Some(Self {
            silence: [word(LAST_SENT)?, word(LAST_RECEIVED)?],
            received: array(value, BYTES_RECEIVED).map(u64::from_ne_bytes)?,
            segments: [word(DATA_SEGMENTS_OUT)?, word(DATA_SEGMENTS_IN)?],
            round_trip: word(MIN_RTT)?,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
pub(super) mod tests {
    use super::*;
    use crate::netlink::message::build;

    /// What Linux 6.18 says of a listener on `[::]:8443` with room for three, one
    /// of which is taken.
    #[rustfmt::skip]
    const LISTENER: [u8; 156] = [
        0x0a, 0x0a, 0x00, 0x00, 0x20, 0xfb, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x77, 0x12, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0xe4, 0x4d, 0x17, 0x00, 0x05, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x05, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x0c, 0x00, 0x15, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x16, 0x00,
        0x12, 0x00, 0x00, 0x00, 0x28, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00,
    ];

    /// The part of a message that precedes the attributes.
    pub(in super::super) fn header(family: u8, state: u8, port: u16, local: &[u8]) -> Vec<u8> {
        let mut header = vec![family, state, 0, 0];
        header.extend(port.to_be_bytes());
        header.extend([0; 2]);
        header.extend(local);
        header.resize(HEADER_LEN, 0);
        header
    }

    #[test]
    fn a_listener() {
        let socket = Socket::parse(&LISTENER).unwrap();
        let expected = Listener {
            port: 8443,
            family: IpVersion::V6,
            address: AddressClass::Any,
            backlog: 1,
            backlog_max: 3,
            drops: Some(7),
            cookie: 0x1277,
            inode: 0x0017_4de4,
        };
        assert_eq!(socket.listener(), Some(expected));
        assert!(!socket.is_half_open());
        // Kernels that do not say more.
        let brief = Socket::parse(&LISTENER[..HEADER_LEN]).unwrap();
        assert_eq!(brief.listener(), Some(Listener { drops: None, ..expected }));
        let short = Socket::parse(&LISTENER[..LISTENER.len() - 4]).unwrap();
        assert_eq!(short.listener(), Some(Listener { drops: None, ..expected }));
        let mut late = LISTENER;
        late[48] = 2;
        let cookie = Socket::parse(&late).unwrap().listener().map(|listener| listener.cookie);
        assert_eq!(cookie, Some(0x0002_0000_1277));
    }

    #[test]
    fn the_address_says_the_ip_version_and_the_class() {
        use AddressClass::{Any, Loopback, Specific};
        use IpVersion::{V4, V6};
        let mut one = [0; 16];
        one[15] = 1;
        let mapped = |last: [u8; 4]| {
            let mut mapped = [0; 16];
            mapped[10..12].fill(0xff);
            mapped[12..].copy_from_slice(&last);
            mapped
        };
        let cases: [(u8, &[u8], IpVersion, AddressClass); 10] = [
            (AF_INET, &[0; 4], V4, Any),
            (AF_INET, &[127, 0, 0, 1], V4, Loopback),
            (AF_INET, &[127, 255, 0, 9], V4, Loopback),
            (AF_INET, &[192, 0, 2, 1], V4, Specific),
            (AF_INET6, &[0; 16], V6, Any),
            (AF_INET6, &one, V6, Loopback),
            (AF_INET6, &[0x20; 16], V6, Specific),
            (AF_INET6, &mapped([0; 4]), V4, Any),
            (AF_INET6, &mapped([127, 0, 0, 1]), V4, Loopback),
            (AF_INET6, &mapped([192, 0, 2, 1]), V4, Specific),
        ];
        for (af, local, family, address) in cases {
            let listener = Socket::parse(&header(af, 10, 80, local)).unwrap().listener().unwrap();
            assert_eq!((listener.family, listener.address), (family, address), "{local:?}");
        }
    }

    #[test]
    fn half_open_connections_belong_to_no_file() {
        for (state, inode, half_open) in
            [(3, 0, true), (3, 5, false), (12, 0, true), (1, 0, false), (10, 0, false)]
        {
            let mut bytes = header(AF_INET, state, 80, &[127, 0, 0, 1]);
            bytes[HEADER_LEN - 4] = inode;
            assert_eq!(Socket::parse(&bytes).unwrap().is_half_open(), half_open, "{state} {inode}");
        }
    }

    #[test]
    fn damage_gives_no_socket_or_another_and_no_panic() {
        for len in 0..LISTENER.len() {
            assert_eq!(Socket::parse(&LISTENER[..len]).is_some(), len >= HEADER_LEN, "{len}");
        }
        for at in 0..LISTENER.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = LISTENER;
                damaged[at] = value;
                let known = [AF_INET, AF_INET6].contains(&damaged[0]);
                assert_eq!(Socket::parse(&damaged).is_some(), known, "{at} {value}");
            }
        }
    }

    #[test]
    fn requests() {
        let body = |family, extensions, states: [u8; 4]| {
            let mut body = vec![family, 6, extensions, 0];
            body.extend(states);
            body.resize(56, 0);
            body
        };
        let cases = [
            (Wanted::Listeners, IpVersion::V4, body(2, 0x40, [0, 0x04, 0, 0])),
            (Wanted::Listeners, IpVersion::V6, body(10, 0x40, [0, 0x04, 0, 0])),
            (Wanted::Connections, IpVersion::V4, body(2, 2, [0x7e, 0x0b, 0, 0])),
            (Wanted::Connections, IpVersion::V6, body(10, 2, [0x7e, 0x0b, 0, 0])),
        ];
        for (wanted, family, body) in cases {
            let expected = build(20, 0x301, 9, &body);
            assert_eq!(request(wanted, family, 9), expected, "{wanted:?} {family:?}");
        }
    }
}
