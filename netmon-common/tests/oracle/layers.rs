//! The layers of a frame, peeled off one after the other.

use netmon_common::packet::{Link, Remote};

/// What can be said of a frame, in the words of the label values.
pub(crate) struct Facts {
    /// Why it belongs to no class.
    pub(crate) reject: Option<&'static str>,
    /// VLAN tags.
    pub(crate) tags: u64,
    /// Network layer.
    pub(crate) family: &'static str,
    /// Transport layer.
    pub(crate) protocol: &'static str,
    /// Reach of the remote address.
    pub(crate) scope: &'static str,
    /// The remote address: 4 bytes, also where it is mapped into IPv6, 16 or none.
    pub(crate) address: Vec<u8>,
    /// Fragment headers.
    pub(crate) fragments: u64,
    /// Whether IP claims a first fragment too short for TCP or UDP.
    pub(crate) tiny: bool,
    /// Bytes before the payload of TCP or UDP.
    pub(crate) headers: u64,
    /// What is known of the transport layer.
    pub(crate) upper: Upper,
}

/// The transport layer.
pub(crate) enum Upper {
    /// Nothing of interest.
    Nothing,
    /// The flag byte, and the window where there is one.
    Tcp(u8, Option<u64>),
    /// Ports, claimed payload length and the payload that is there.
    Udp { ports: [u64; 2], claimed: u64, message: Vec<u8> },
    /// The group of the message type.
    Icmp(&'static str),
}

/// First bits, how many of them count, and the scope of what begins so.
type Scopes = &'static [(&'static [u8], usize, &'static str)];

const IPV4_SCOPES: Scopes = &[
    (&[127], 8, "loopback"),
    (&[169, 254], 16, "link_local"),
    (&[10], 8, "private"),
    (&[172, 16], 12, "private"),
    (&[192, 168], 16, "private"),
    (&[100, 64], 10, "private"),
    (&[224], 4, "multicast"),
    (&[240], 4, "multicast"),
];

const IPV6_SCOPES: Scopes = &[
    (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    (&[0xfe, 0x80], 10, "link_local"),
    (&[0xfc], 7, "private"),
    (&[0xff], 8, "multicast"),
];

/// Whoever returns early says why; `None` is a frame that was read.
type Rejected = Option<&'static str>;

/// Reads a frame.
pub(crate) fn read(frame: &[u8], link: Link, remote: Remote) -> Facts {
    let mut facts = Facts {
        reject: None,
        tags: 0,
        family: "other",
        protocol: "other",
        scope: "public",
        address: Vec::new(),
        fragments: 0,
        tiny: false,
        headers: 0,
        upper: Upper::Nothing,
    };
    facts.reject = link_layer(&mut facts, frame, link, remote);
    facts
}

/// A big-endian number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number * 256 + u64::from(*byte))
}

fn link_layer(facts: &mut Facts, frame: &[u8], link: Link, remote: Remote) -> Rejected {
    let header_len = match link {
        Link::Ethernet => 14,
        Link::CookedV1 => 16,
        Link::CookedV2 => 20,
        Link::BsdLoopback => 4,
        Link::Raw => 0,
        Link::Unknown => return Some("link_type"),
    };
    if frame.len() < header_len.max(1) {
        return Some("truncated");
    }
    let (header, mut rest) = frame.split_at(header_len);
    let mut ethertype = match link {
        Link::Ethernet | Link::CookedV1 => number(&header[header_len - 2..]),
        Link::CookedV2 => number(&header[..2]),
        Link::Raw if rest[0] / 16 == 4 => 0x0800,
        Link::Raw => 0x86dd,
        _ => match header {
            [2, 0, 0, 0] | [0, 0, 0, 2] => 0x0800,
            [10 | 23 | 24 | 28 | 30, 0, 0, 0] | [0, 0, 0, 10 | 23 | 24 | 28 | 30] => 0x86dd,
            _ => 0,
        },
    };
    while [0x8100, 0x88a8, 0x9100].contains(&ethertype) && facts.tags < 4 {
        if rest.len() < 4 {
            return Some("truncated");
        }
        ethertype = number(&rest[2..4]);
        rest = &rest[4..];
        facts.tags += 1;
    }
    match ethertype {
        0x0800 => {
            facts.family = "ipv4";
            ipv4(facts, frame, rest, remote)
        }
        0x86dd => {
            facts.family = "ipv6";
            ipv6(facts, frame, rest, remote)
        }
        _ => None,
    }
}

fn ipv4(facts: &mut Facts, frame: &[u8], packet: &[u8], remote: Remote) -> Rejected {
    if packet.len() < 20 {
        return Some("truncated");
    }
    if packet[0] / 16 != 4 {
        return Some("ip_version");
    }
    let header_len = usize::from(packet[0] % 16) * 4;
    if header_len < 20 {
        return Some("ip_header_length");
    }
    if packet.len() < header_len {
        return Some("truncated");
    }
    let address = match remote {
        Remote::Source => &packet[12..16],
        Remote::Destination => &packet[16..20],
    };
    facts.scope = scope(address, IPV4_SCOPES);
    facts.address = address.to_vec();
    let more_fragments = packet[6] & 0x20 != 0;
    let offset = number(&packet[6..8]) % 0x2000;
    facts.fragments = u64::from(more_fragments || offset > 0);
    if offset > 0 {
        return None;
    }
    // A claim below the header is no claim: merged segments say 0.
    let claimed = usize::try_from(number(&packet[2..4])).ok()?.checked_sub(header_len);
    upper_layer(facts, frame, &packet[header_len..], packet[9], claimed, more_fragments)
}

fn ipv6(facts: &mut Facts, frame: &[u8], packet: &[u8], remote: Remote) -> Rejected {
    if packet.len() < 40 {
        return Some("truncated");
    }
    if packet[0] / 16 != 6 {
        return Some("ip_version");
    }
    let address = match remote {
        Remote::Source => &packet[8..24],
        Remote::Destination => &packet[24..40],
    };
    (facts.address, facts.scope) = match address {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, mapped @ ..] => {
            (mapped.to_vec(), scope(mapped, IPV4_SCOPES))
        }
        _ => (address.to_vec(), scope(address, IPV6_SCOPES)),
    };
    let mut next = packet[6];
    let mut used = 0;
    let mut more_fragments = false;
    let mut headers = 0;
    while [0, 43, 44, 51, 60, 135, 139, 140].contains(&next) {
        if headers == 8 {
            return Some("ext_header_limit");
        }
        headers += 1;
        let Some(header) = packet.get(40 + used..40 + used + 8) else {
            return Some(if more_fragments { "tiny_fragment" } else { "truncated" });
        };
        let length = usize::from(header[1]);
        match next {
            44 => {
                facts.fragments += 1;
                more_fragments |= header[3] % 2 == 1;
                if number(&header[2..4]) / 8 > 0 {
                    return None;
                }
                used += 8;
            }
            51 => used += length * 4 + 8,
            _ => used += length * 8 + 8,
        }
        next = header[0];
    }
    let rest = packet.get(40 + used..).unwrap_or_default();
    // Jumbograms and liars claim less than their extension headers.
    let claimed = usize::try_from(number(&packet[4..6])).ok()?.checked_sub(used);
    upper_layer(facts, frame, rest, next, claimed, more_fragments)
}

/// The scope of the first prefix that holds the address.
fn scope(address: &[u8], prefixes: Scopes) -> &'static str {
    let bit = |bytes: &[u8], at: usize| bytes.get(at / 8).unwrap_or(&0) >> (7 - at % 8) & 1;
    prefixes
        .iter()
        .find(|(prefix, len, _)| (0..*len).all(|at| bit(prefix, at) == bit(address, at)))
        .map_or("public", |(_, _, scope)| *scope)
}

fn upper_layer(
    facts: &mut Facts,
    frame: &[u8],
    rest: &[u8],
    protocol: u8,
    claimed: Option<usize>,
    first_fragment: bool,
) -> Rejected {
    let (name, header_len, needed) = match protocol {
        6 => ("tcp", 20, 14),
        17 => ("udp", 8, 8),
        1 => ("icmp", 0, 2),
        58 => ("icmp", 0, 1),
        _ => return None,
    };
    facts.protocol = name;
    facts.tiny = first_fragment && claimed.is_some_and(|claimed| claimed < header_len);
    if rest.len() < needed {
        return Some(if first_fragment { "tiny_fragment" } else { "truncated" });
    }
    let before = (frame.len() - rest.len()) as u64;
    facts.upper = match protocol {
        6 => {
            facts.headers = before + u64::from(rest[12] / 16) * 4;
            let window = rest.get(14..16).filter(|_| rest[12] >= 0x50).map(number);
            Upper::Tcp(rest[13], window)
        }
        17 => {
            facts.headers = before + 8;
            Upper::Udp {
                ports: [number(&rest[..2]), number(&rest[2..4])],
                claimed: number(&rest[4..6]).saturating_sub(8),
                message: rest[8..].to_vec(),
            }
        }
        1 => Upper::Icmp(match (rest[0], rest[1]) {
            (0 | 8, _) => "echo",
            (3, 4) => "frag_needed",
            (3, _) => "unreachable",
            (5, _) => "redirect",
            (9 | 10, _) => "nd",
            (11, _) => "ttl_exceeded",
            _ => "other",
        }),
        _ => Upper::Icmp(match rest[0] {
            1 => "unreachable",
            2 => "frag_needed",
            3 => "ttl_exceeded",
            128 | 129 => "echo",
            133..=136 => "nd",
            137 => "redirect",
            _ => "other",
        }),
    };
    None
}
