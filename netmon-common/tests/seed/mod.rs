//! Named frames of every kind that netmon tells apart: what property tests
//! mutate, what the fuzzers start from, and what a differential test can send
//! through the kernel. All of them are made here, none is from a capture.

pub(crate) mod frame;

use frame::{Extension, Ipv4, Ipv6, dns, icmp, link, tcp, udp, with_window};
use netmon_common::packet::Link;

/// A frame with a name.
pub(crate) struct Seed {
    /// What it is, fit for a file name.
    pub(crate) name: String,
    /// How it begins.
    pub(crate) link: Link,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Every seed.
pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = transports();
    seeds.extend(ipv4_kinds());
    seeds.extend(ipv6_kinds());
    seeds.extend(link_kinds());
    seeds
}

fn ethernet(name: impl Into<String>, ethertype: u16, packet: &[u8]) -> Seed {
    Seed {
        name: name.into(),
        link: Link::Ethernet,
        bytes: link(Link::Ethernet, &[], ethertype, packet),
    }
}

/// A query in a segment with these flags.
fn spoken(flags: u8) -> Vec<u8> {
    let mut segment = tcp(5, flags);
    segment[2..4].copy_from_slice(&53_u16.to_be_bytes());
    [segment, vec![0, 40], dns(0x0100, 40)].concat()
}

/// What lies above IP, over both versions.
fn transports() -> Vec<Seed> {
    let mut kinds: Vec<(String, u8, Vec<u8>)> = vec![
        ("tcp_options".into(), TCP, tcp(15, 0x02)),
        ("tcp_offset_0".into(), TCP, tcp(0, 0x10)),
        ("tcp_data".into(), TCP, [tcp(8, 0x18), vec![0x61; 200]].concat()),
        ("tcp_window_0".into(), TCP, with_window(tcp(8, 0x10), 0)),
        ("tcp_window_0_rst".into(), TCP, with_window(tcp(5, 0x14), 0)),
        ("tcp_dns_null".into(), TCP, spoken(0x00)),
        ("tcp_dns_fin".into(), TCP, spoken(0x01)),
        ("tcp_dns_syn_fin".into(), TCP, spoken(0x03)),
        ("tcp_dns_syn".into(), TCP, spoken(0x02)),
        ("tcp_dns_push".into(), TCP, spoken(0x18)),
        ("udp".into(), UDP, udp([40_000, 123], None, &[0; 48])),
        ("udp_empty".into(), UDP, udp([0, 0], None, &[])),
        ("udp_length_0".into(), UDP, udp([40_000, 123], Some(0), &[0; 48])),
        ("udp_length_7".into(), UDP, udp([40_000, 53], Some(7), &dns(0x0100, 12))),
        ("udp_length_65535".into(), UDP, udp([40_000, 53], Some(65_535), &dns(0x0100, 12))),
        ("dns_query".into(), UDP, udp([40_000, 53], None, &dns(0x0100, 40))),
        ("dns_large".into(), UDP, udp([53, 40_000], None, &dns(0x8180, 1400))),
        ("dns_empty".into(), UDP, udp([40_000, 53], None, &[])),
        ("dns_mdns_port".into(), UDP, udp([5353, 53], None, &dns(0x0100, 40))),
        ("mdns".into(), UDP, udp([5353, 5353], None, &dns(0x8400, 60))),
        ("llmnr".into(), UDP, udp([40_000, 5355], None, &dns(0x0100, 40))),
        ("ntp_answer".into(), UDP, udp([123, 40_000], None, &[0x24; 48])),
        ("ntp_among_servers".into(), UDP, udp([123, 123], None, &[0x24; 48])),
        ("ssdp_answer_llmnr".into(), UDP, udp([1900, 5355], None, &[0x48; 40])),
        ("memcached_answer".into(), UDP, udp([11_211, 40_000], None, &[0; 1400])),
        ("ntp_answer_dns_port".into(), UDP, udp([123, 53], None, &dns(0x0100, 40))),
        ("gre".into(), 47, vec![0, 0, 8, 0]),
        ("sctp".into(), 132, vec![0; 12]),
    ];
    for flags in
        [0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x10, 0x11, 0x12, 0x14, 0x18, 0x29, 0x3f, 0xc2]
    {
        kinds.push((format!("tcp_flags_{flags:02x}"), TCP, tcp(5, flags)));
    }
    for code in 0..8 {
        let message = dns(0x8180 | code, 40);
        kinds.push((format!("dns_response_{code}"), UDP, udp([53, 40_000], None, &message)));
    }
    let mut seeds = Vec::new();
    for (name, protocol, payload) in kinds {
        let v4 = Ipv4::of(protocol).packet(&payload);
        let v6 = Ipv6::of(protocol).packet(&payload);
        seeds.push(ethernet(format!("ipv4_{name}"), IPV4, &v4));
        seeds.push(ethernet(format!("ipv6_{name}"), IPV6, &v6));
    }
    for (kind, code) in [(0, 0), (3, 1), (3, 4), (5, 0), (8, 0), (9, 0), (11, 0), (13, 0)] {
        let packet = Ipv4::of(1).packet(&icmp(kind, code));
        seeds.push(ethernet(format!("icmp_{kind}_{code}"), IPV4, &packet));
    }
    for kind in [1, 2, 3, 128, 129, 133, 134, 135, 136, 137, 143] {
        seeds.push(ethernet(format!("icmpv6_{kind}"), IPV6, &Ipv6::of(58).packet(&icmp(kind, 0))));
    }
    seeds
}

fn ipv4_kinds() -> Vec<Seed> {
    let base = Ipv4::of(TCP);
    let addresses = |source| [source, [198, 51, 100, 2]];
    let kinds = [
        ("options", Ipv4 { options: vec![1; 40], ..base.clone() }),
        ("fragment_first", Ipv4 { fragment: 0x2000, ..base.clone() }),
        ("fragment_later", Ipv4 { fragment: 0x20b9, ..base.clone() }),
        ("fragment_last", Ipv4 { fragment: 0x0172, ..base.clone() }),
        ("fragment_tiny", Ipv4 { fragment: 0x2000, total_length: Some(28), ..base.clone() }),
        ("total_length_0", Ipv4 { total_length: Some(0), ..base.clone() }),
        ("total_length_19", Ipv4 { fragment: 0x2000, total_length: Some(19), ..base.clone() }),
        ("from_loopback", Ipv4 { addresses: addresses([127, 0, 0, 1]), ..base.clone() }),
        ("from_link_local", Ipv4 { addresses: addresses([169, 254, 0, 1]), ..base.clone() }),
        ("from_private", Ipv4 { addresses: addresses([172, 31, 0, 1]), ..base.clone() }),
        ("from_shared", Ipv4 { addresses: addresses([100, 64, 0, 1]), ..base.clone() }),
        ("from_multicast", Ipv4 { addresses: addresses([224, 0, 0, 251]), ..base.clone() }),
    ];
    let mut seeds: Vec<Seed> = kinds
        .iter()
        .map(|(name, header)| ethernet(format!("ipv4_{name}"), IPV4, &header.packet(&tcp(5, 2))))
        .collect();
    for first in [0x40, 0x44, 0x4f, 0x65, 0x05] {
        let mut packet = base.packet(&tcp(5, 2));
        packet[0] = first;
        seeds.push(ethernet(format!("ipv4_first_byte_{first:02x}"), IPV4, &packet));
    }
    seeds
}

fn ipv6_kinds() -> Vec<Seed> {
    let chains: [(&str, &[Extension]); 12] = [
        ("hop_by_hop", &[(0, 0, 0)]),
        ("routing", &[(43, 2, 0)]),
        ("destination_options", &[(60, 1, 0)]),
        ("authentication", &[(51, 4, 0)]),
        ("mobility_hip_shim6", &[(135, 0, 0), (139, 0, 0), (140, 0, 0)]),
        ("fragment_first", &[(44, 0, 1)]),
        ("fragment_later", &[(44, 0, 0x05c9)]),
        ("fragment_atomic", &[(44, 0, 0)]),
        ("fragment_twice", &[(44, 0, 1), (44, 0, 0)]),
        ("fragment_then_options", &[(44, 0, 1), (60, 0, 0)]),
        ("chain_8", &[(60, 0, 0); 8]),
        ("chain_9", &[(60, 0, 0); 9]),
    ];
    let mut seeds = Vec::new();
    for (name, chain) in chains {
        let header = Ipv6 { chain: chain.to_vec(), ..Ipv6::of(TCP) };
        seeds.push(ethernet(format!("ipv6_{name}"), IPV6, &header.packet(&tcp(5, 2))));
    }
    let fragment = Ipv6 { chain: vec![(44, 0, 1)], ..Ipv6::of(TCP) };
    let jumbo = Ipv6 { chain: vec![(0, 0, 0xc204)], payload_length: Some(0), ..Ipv6::of(TCP) };
    seeds.push(ethernet("ipv6_fragment_tiny", IPV6, &fragment.packet(&tcp(5, 2)[..14])));
    seeds.push(ethernet("ipv6_jumbogram", IPV6, &jumbo.packet(&tcp(5, 2))));
    seeds.push(ethernet("ipv6_nothing", IPV6, &Ipv6::of(59).packet(&[])));
    let sources = [
        ("loopback", 0, 0, 1),
        ("link_local", 0xfe, 0x80, 1),
        ("private", 0xfd, 0, 1),
        ("multicast", 0xff, 2, 0xfb),
    ];
    for (scope, first, second, last) in sources {
        let mut header = Ipv6::of(TCP);
        header.addresses[0] = [first, second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        seeds.push(ethernet(format!("ipv6_from_{scope}"), IPV6, &header.packet(&tcp(5, 2))));
    }
    seeds
}

fn link_kinds() -> Vec<Seed> {
    let v4 = Ipv4::of(TCP).packet(&tcp(5, 2));
    let v6 = Ipv6::of(TCP).packet(&tcp(5, 2));
    let mut seeds = vec![
        ethernet("arp", 0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]),
        ethernet("lldp", 0x88cc, &[]),
        ethernet("spanning_tree", 0x0026, &[0x42, 0x42, 3]),
    ];
    for tpid in [0x8100, 0x88a8, 0x9100] {
        for count in [1, 2, 4, 5] {
            let bytes = link(Link::Ethernet, &vec![tpid; count], IPV4, &v4);
            let name = format!("tags_{tpid:04x}_{count}");
            seeds.push(Seed { name, link: Link::Ethernet, bytes });
        }
    }
    for (name, ethertype, packet) in [("ipv4", IPV4, &v4), ("ipv6", IPV6, &v6)] {
        for kind in [Link::Raw, Link::CookedV1, Link::CookedV2, Link::BsdLoopback, Link::Unknown] {
            let bytes = link(kind, &[], ethertype, packet);
            seeds.push(Seed { name: format!("{}_{name}", kind.label()), link: kind, bytes });
        }
    }
    seeds
}
