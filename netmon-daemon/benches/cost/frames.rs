//! The frames that are measured.

use netmon_common::packet::Link;

use crate::frame::{Ipv4, Ipv6, dns, link, tcp, udp};

const TCP: u8 = 6;
const UDP: u8 = 17;

fn ethernet(tags: &[u16], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    link(Link::Ethernet, tags, ethertype, packet)
}

/// A full segment of data.
fn data(len: usize) -> Vec<u8> {
    let mut segment = tcp(5, 0x18);
    segment.resize(len, 0x61);
    segment
}

/// A message about the address of www.example.com, with this ID and so many bytes behind
/// the question.
fn message(flags: u16, id: u16, more: usize) -> Vec<u8> {
    let mut message = dns(flags, 12);
    message[..2].copy_from_slice(&id.to_be_bytes());
    message.extend(b"\x03www\x07example\x03com\x00\x00\x01\x00\x01");
    message.resize(message.len() + more, 0);
    message
}

/// A query and its response with this ID.
pub(crate) fn lookup(id: u16) -> [Vec<u8>; 2] {
    let query = udp([40_000, 53], None, &message(0x0100, id, 0));
    let response = udp([53, 40_000], None, &message(0x8180, id, 80));
    let there = Ipv4::of(UDP);
    let [client, server] = there.addresses;
    let back = Ipv4 { addresses: [server, client], ..Ipv4::of(UDP) };
    [there.packet(&query), back.packet(&response)].map(|packet| ethernet(&[], 0x0800, &packet))
}

/// A request of one of many clients for one of many ports, and its answer.
pub(crate) fn request(client: u16, port: u16) -> [Vec<u8>; 2] {
    let [third, fourth] = client.to_be_bytes();
    let (client, server) = ([10, 1, third, fourth], [10, 2, 0, 1]);
    let mut syn = tcp(10, 0x02);
    syn[2..4].copy_from_slice(&port.to_be_bytes());
    let mut answer = [&syn[2..4], &syn[..2], &syn[4..]].concat();
    answer[13] = 0x12;
    [([client, server], syn), ([server, client], answer)].map(|(addresses, segment)| {
        ethernet(&[], 0x0800, &Ipv4 { addresses, ..Ipv4::of(TCP) }.packet(&segment))
    })
}

/// Named frames, in the order of the report.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let v4 = |protocol, payload: &[u8]| Ipv4::of(protocol).packet(payload);
    let v6 = |protocol, payload: &[u8]| Ipv6::of(protocol).packet(payload);
    let query = udp([40_000, 53], None, &message(0x0100, 0, 0));
    let response = udp([53, 40_000], None, &message(0x8180, 0, 80));
    let fragment = Ipv4 { fragment: 0x2000, ..Ipv4::of(UDP) };
    let chain = Ipv6 { chain: vec![(0, 0, 0), (60, 0, 0), (43, 0, 0)], ..Ipv6::of(TCP) };
    vec![
        ("data_v4", ethernet(&[], 0x0800, &v4(TCP, &data(1480)))),
        ("data_v6", ethernet(&[], 0x86dd, &v6(TCP, &data(1460)))),
        ("ack_v4", ethernet(&[], 0x0800, &v4(TCP, &tcp(5, 0x10)))),
        ("syn_v4", ethernet(&[], 0x0800, &v4(TCP, &tcp(10, 0x02)))),
        ("syn_v6", ethernet(&[], 0x86dd, &v6(TCP, &tcp(10, 0x02)))),
        ("synack_v4", ethernet(&[], 0x0800, &v4(TCP, &tcp(10, 0x12)))),
        ("synack_v6", ethernet(&[], 0x86dd, &v6(TCP, &tcp(10, 0x12)))),
        ("rst_v4", ethernet(&[], 0x0800, &v4(TCP, &tcp(5, 0x04)))),
        ("dns_query", ethernet(&[], 0x0800, &v4(UDP, &query))),
        ("dns_response", ethernet(&[], 0x0800, &v4(UDP, &response))),
        ("udp", ethernet(&[], 0x0800, &v4(UDP, &udp([40_000, 4433], None, &[0; 1200])))),
        ("arp", ethernet(&[], 0x0806, &[0; 46])),
        ("vlan_data", ethernet(&[0x8100], 0x0800, &v4(TCP, &data(1480)))),
        ("fragment", ethernet(&[], 0x0800, &fragment.packet(&[0; 1480]))),
        ("ipv6_chain", ethernet(&[], 0x86dd, &chain.packet(&data(1400)))),
    ]
}
