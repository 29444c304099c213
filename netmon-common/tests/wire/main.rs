//! Literal frames, header by header, and what the parser must make of each.
//! Every vector is also cut at every byte: no cut may panic, vanish from the
//! counts or be rejected for another reason than the cut or the frame's own.

mod arp;
mod bsd_loopback;
mod cooked;
mod dns;
mod ethernet;
mod icmp;
mod ipv4;
mod ipv6;
mod raw;
mod tcp;
mod udp;
mod vlan;

use netmon_common::{
    abi::{labels::Family, tally::Tally},
    account::{Volume, account},
    packet::{Link, Packet, Remote, Transport, parse},
    reject::Reject,
};

/// An Ethernet header up to the EtherType.
const MACS: &str = "ffffffffffff 020000000001";
/// IPv4 without options up to the protocol; 192.0.2.1 to 198.51.100.2 follow.
const IPV4: &str = "4500 0028 0001 0000 40";
/// Checksum and addresses of an IPv4 header.
const IPV4_REST: &str = "0000 c0000201 c6336402";
/// 2001:db8::1 to 2001:db8::2.
const IPV6_ADDRESSES: &str = "20010db8000000000000000000000001 20010db8000000000000000000000002";
/// A SYN from port 54321 to port 80.
const SYN: &str = "d431 0050 00000001 00000000 5002 7210 0000 0000";

/// One vector: what it shows, the frame in hexadecimal, the expected summary.
type Case<'a> = (&'a str, String, &'a str);

/// Bytes from hexadecimal digits; white space is for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0, "odd number of digits: {text}");
    digits.chunks(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// Checks Ethernet frames of received packets.
fn check(cases: &[Case]) {
    check_link(Link::Ethernet, cases);
}

/// Checks frames of received packets.
fn check_link(link: Link, cases: &[Case]) {
    for (name, frame, expected) in cases {
        let frame = hex(frame);
        let packet = parse(frame.as_slice(), link, Remote::Source);
        assert_eq!(summary(packet), *expected, "{name}");
        cut_everywhere(name, &frame, link, packet);
    }
}

fn cut_everywhere(name: &str, frame: &[u8], link: Link, whole: Packet) {
    let mut tally = Tally::ZERO;
    for len in 0..=frame.len() {
        let cut = parse(&frame[..len], link, Remote::Source);
        let because_of_cut =
            matches!(cut.reject(), None | Some(Reject::Truncated | Reject::TinyFragment));
        assert!(
            because_of_cut || cut.reject() == whole.reject(),
            "{name} cut to {len} bytes is rejected as {:?}",
            cut.reject()
        );
        // What was read before the cut does not change.
        assert!(cut.vlan_tags() <= whole.vlan_tags(), "{name} cut to {len} bytes");
        assert!(cut.fragments() <= whole.fragments(), "{name} cut to {len} bytes");
        assert!(
            cut.family() == whole.family() || cut.family() == Family::Other,
            "{name} cut to {len} bytes"
        );
        account(&mut tally, cut, &Volume::packet(len as u64));
    }
    assert_eq!(tally.unexplained(), 0, "{name}");
    assert_eq!(tally.packets(), frame.len() as u64 + 1, "{name}");
}

/// What the parser learned, in words: the class, or the reject reason with
/// family and protocol, then whatever is not usual.
fn summary(packet: Packet) -> String {
    let mut words = vec![match packet.reject() {
        None => packet.class().label().to_owned(),
        Some(reject) => {
            let (family, protocol) = (packet.family().label(), packet.protocol().label());
            format!("{} {family} {protocol}", reject.label())
        }
    }];
    if packet.scope().label() != "public" {
        words.push(packet.scope().label().to_owned());
    }
    if packet.vlan_tags() > 0 {
        words.push(format!("tags {}", packet.vlan_tags()));
    }
    if packet.fragments() > 0 {
        words.push(format!("fragments {}", packet.fragments()));
    }
    if packet.is_tiny_first_fragment() {
        words.push("tiny".to_owned());
    }
    let message = packet.claimed_message_len();
    match packet.transport() {
        Transport::None => {}
        Transport::Tcp => words.push(format!("flags {:02x}", packet.tcp_flags())),
        Transport::DnsSegment => words.push(format!("dns, flags {:02x}", packet.tcp_flags())),
        Transport::Udp if packet.is_mdns() => {}
        Transport::Udp => words.push("udp".to_owned()),
        Transport::Icmp => words.extend(packet.icmp_class().map(|class| class.label().to_owned())),
        Transport::DnsShort => words.push(format!("dns {message}")),
        Transport::DnsQuery => words.push(format!("query {message}")),
        Transport::DnsResponse => {
            words.extend(packet.rcode().map(|rcode| format!("{} {message}", rcode.label())));
        }
    }
    if packet.is_mdns() {
        words.push("mdns".to_owned());
    }
    if packet.headers() > 0 {
        words.push(format!("headers {}", packet.headers()));
    }
    words.join(", ")
}
