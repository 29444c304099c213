//! One network device as rtnetlink describes it.
//!
//! Must not assume that a name is text: the kernel takes any bytes but `/`, `:`,
//! white space and NUL. Invariant: two different names never share a text.

use std::fmt;

use crate::netlink::attribute::{array, text, u32, walk};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index, never 0.
    pub ifindex: u32,
    /// Its name.
    pub name: Name,
    /// Its hardware type (`ARPHRD_*` of linux/if_arp.h).
    pub hardware: u16,
    /// Its hardware address, as long as its type has it.
    pub address: Vec<u8>,
    /// The name of its driver family (`veth`, `bridge`, ...); none for most hardware.
    pub kind: Option<String>,
    /// Whether a bus (PCI, virtio, USB, ...) has it. Kernels before 5.14 do not say.
    pub on_bus: bool,
    /// The device below it or, for a veth, its peer.
    pub lower: Option<u32>,
    /// Set when `lower` is an index of another network namespace.
    pub lower_netns: Option<i32>,
    /// The bond, bridge, VRF, ... that it is a member of.
    pub master: Option<u32>,
    /// Whether it is administratively up, has a carrier, and can pass packets.
    pub up: bool,
    /// How often it went down since it was first seen.
    pub flaps: u64,
    /// Speed in bytes per second, where the driver reports one.
    pub speed: Option<u64>,
    /// What its driver counted.
    pub stats: Stats,
}

/// The name of a device: raw bytes, which `Display` writes as text.
///
/// A name that is valid UTF-8 and does not contain `\x` stands as it is. In any
/// other name the bytes that are not UTF-8 are written as `\xNN` and backslashes
/// are doubled, so that no two names share a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

/// What the driver of a device counted since the device exists
/// (`rtnl_link_stats64`): packets, or bytes where the name says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the kernel's")]
pub struct Stats {
    pub rx_packets: u64,
    pub tx_packets: u64,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_dropped: u64,
    pub tx_dropped: u64,
    pub rx_fifo_errors: u64,
    pub rx_missed_errors: u64,
    pub tx_fifo_errors: u64,
}

// Attribute types and flags of linux/if_link.h and linux/if.h.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_PARENT_DEV_NAME: u16 = 56;
const IFLA_INFO_KIND: u16 = 1;
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;
const OPERSTATE_UNKNOWN: u8 = 0;
const OPERSTATE_UP: u8 = 6;

/// Bytes of `struct ifinfomsg`, which precedes the attributes.
const HEADER_LEN: usize = 16;
/// Bytes of the longest hardware address (`MAX_ADDR_LEN`).
const MAX_ADDRESS_LEN: usize = 32;

impl Link {
    /// Reads the payload of an `RTM_NEWLINK` message. None when it has no index
    /// or no name.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let header = Header::parse(payload)?;
        let mut link = Self { hardware: header.hardware, ..Self::nameless(header.ifindex) };
        let mut operstate = OPERSTATE_UNKNOWN;
        for (attribute, payload) in walk(payload.get(HEADER_LEN..)?) {
            match attribute {
                IFLA_IFNAME => link.name = Name::new(text(payload)),
                IFLA_ADDRESS if payload.len() <= MAX_ADDRESS_LEN => link.address = payload.to_vec(),
                // A tunnel without a device below it says 0.
                IFLA_LINK => link.lower = u32(payload).filter(|lower| *lower != 0),
                IFLA_LINK_NETNSID => {
                    link.lower_netns = array(payload, 0).map(i32::from_ne_bytes);
                }
                IFLA_MASTER => link.master = u32(payload).filter(|master| *master != 0),
                IFLA_OPERSTATE => operstate = *payload.first()?,
                IFLA_LINKINFO => link.kind = kind(payload),
                IFLA_STATS64 => link.stats = Stats::parse(payload).unwrap_or_default(),
                IFLA_PARENT_DEV_NAME => link.on_bus = true,
                _ => {}
            }
        }
        let flags_up = header.flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP;
        // A driver that has no notion of a carrier stays "unknown" and works.
        link.up = flags_up && matches!(operstate, OPERSTATE_UNKNOWN | OPERSTATE_UP);
        (!link.name.as_bytes().is_empty()).then_some(link)
    }

    /// A device of which only the index is known.
    pub(super) fn nameless(ifindex: u32) -> Self {
        Self {
            ifindex,
            name: Name::new(b""),
            hardware: 0,
            address: Vec::new(),
            kind: None,
            on_bus: false,
            lower: None,
            lower_netns: None,
            master: None,
            up: false,
            flaps: 0,
            speed: None,
            stats: Stats::default(),
        }
    }

    /// Whether anything but name, speed and counters differs.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let Self {
            ifindex,
            hardware,
            address,
            kind,
            on_bus,
            lower,
            lower_netns,
            master,
            up,
            name: _,
            flaps: _,
            speed: _,
            stats: _,
        } = self;
        *ifindex != other.ifindex
            || *hardware != other.hardware
            || *address != other.address
            || *kind != other.kind
            || *on_bus != other.on_bus
            || *lower != other.lower
            || *lower_netns != other.lower_netns
            || *master != other.master
            || *up != other.up
    }
}

/// The part of `struct ifinfomsg` that is used.
pub(super) struct Header {
    pub(super) ifindex: u32,
    hardware: u16,
    flags: u32,
}

impl Header {
    /// None when it is cut off or has no index.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let header = Self {
            hardware: u16::from_ne_bytes(array(payload, 2)?),
            ifindex: u32::from_ne_bytes(array(payload, 4)?),
            flags: u32::from_ne_bytes(array(payload, 8)?),
        };
        (header.ifindex != 0).then_some(header)
    }
}

impl Name {
    /// A name of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The name as the kernel knows it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(text) = str::from_utf8(&self.0)
            && !text.contains(r"\x")
        {
            return f.write_str(text);
        }
        for chunk in self.0.utf8_chunks() {
            f.write_str(&chunk.valid().replace('\\', r"\\"))?;
            for byte in chunk.invalid() {
                write!(f, r"\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Stats {
    /// Reads a `struct rtnl_link_stats64`; newer kernels append to it.
    fn parse(payload: &[u8]) -> Option<Self> {
        let word = |index: usize| array(payload, index * 8).map(u64::from_ne_bytes);
        Some(Self {
            rx_packets: word(0)?,
            tx_packets: word(1)?,
            rx_bytes: word(2)?,
            tx_bytes: word(3)?,
            rx_dropped: word(6)?,
            tx_dropped: word(7)?,
            rx_fifo_errors: word(14)?,
            rx_missed_errors: word(15)?,
            tx_fifo_errors: word(18)?,
        })
    }

    /// Whether any of the traffic counters is below what it was.
    pub(super) fn fell_below(&self, before: &Self) -> bool {
        self.rx_packets < before.rx_packets || self.tx_packets < before.tx_packets
    }
}

fn kind(link_info: &[u8]) -> Option<String> {
    let (_, kind) = walk(link_info).find(|(attribute, _)| *attribute == IFLA_INFO_KIND)?;
    Some(String::from_utf8_lossy(text(kind)).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_names_share_a_text() {
        let cases: [(&[u8], &str); 9] = [
            (b"eth0", "eth0"),
            (b"a\\b", r"a\b"),
            (b"a\\\\b", r"a\\b"),
            (b"\"{}\"", "\"{}\""),
            ("é".as_bytes(), "é"),
            (b"nm\xff0", r"nm\xff0"),
            (b"nm\\xff0", r"nm\\xff0"),
            (b"\\\xff", r"\\\xff"),
            (b"\\\\xff", r"\\\\xff"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Name::new(bytes).to_string(), text);
        }
        // Every name of up to four of these bytes.
        let alphabet = [b'\\', b'x', b'f', 0xff, 0xc3, 0xa9];
        let mut names: Vec<Vec<u8>> = vec![Vec::new()];
        let mut last = names.clone();
        for _ in 0..5 {
            last = last
                .iter()
                .flat_map(|name| alphabet.map(|byte| [name.as_slice(), &[byte]].concat()))
                .collect();
            names.extend_from_slice(&last);
        }
        let texts: HashSet<_> = names.iter().map(|name| Name::new(name).to_string()).collect();
        assert_eq!(texts.len(), names.len());
    }
}
