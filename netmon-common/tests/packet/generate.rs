//! Random frames: valid stacks of layers first, then a few damaged bytes and a
//! cut, so that most of them come far into the parser.

use netmon_common::{
    account::Volume,
    packet::{Link, Remote},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::seed::{
    self,
    frame::{Ipv4, Ipv6, dns, icmp, link, tcp, udp, with_window},
};

/// A frame, how it begins, and which end is remote.
pub(crate) type Frame = (Vec<u8>, Link, Remote);

/// Any frame: a generated stack or a seed, possibly damaged and cut.
pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    let seeds: Vec<(Vec<u8>, Link)> =
        seed::all().into_iter().map(|seed| (seed.bytes, seed.link)).collect();
    let whole = prop_oneof![6 => stack(), 3 => select(seeds), 1 => noise()];
    let damage = prop_oneof![2 => Just(Vec::new()), 1 => vec((0..120_usize, any::<u8>()), 1..4)];
    let remote = select(vec![Remote::Source, Remote::Destination]);
    (whole, damage, option::weighted(0.3, 0.0..1.0), remote).prop_map(
        |((mut bytes, link), damage, cut, remote)| {
            for (at, byte) in damage {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            if let Some(cut) = cut {
                bytes.truncate(share(bytes.len(), cut));
            }
            (bytes, link, remote)
        },
    )
}

/// One packet, or a buffer of several.
pub(crate) fn volume() -> impl Strategy<Value = Volume> {
    prop_oneof![
        (0..100_000_u64).prop_map(Volume::packet),
        (0..600_000_u64, 0..200_u64, 0..70_000_u64, 0..10_000_u64).prop_map(
            |(bytes, headers, gso_size, gso_segments)| {
                Volume::merged(bytes, headers, gso_size, gso_segments)
            }
        ),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a frame length"
)]
fn share(len: usize, of_one: f64) -> usize {
    (len as f64 * of_one) as usize
}

fn noise() -> impl Strategy<Value = (Vec<u8>, Link)> {
    (vec(any::<u8>(), 0..150), select(Link::ALL))
}

fn stack() -> impl Strategy<Value = (Vec<u8>, Link)> {
    let kind = prop_oneof![3 => Just(Link::Ethernet), 1 => select(Link::ALL)];
    let tag = select(vec![0x8100, 0x88a8, 0x9100]);
    let tags = prop_oneof![2 => Just(Vec::new()), 1 => vec(tag, 0..6)];
    let network = prop_oneof![
        4 => ipv4().prop_map(|packet| (0x0800, packet)),
        4 => ipv6().prop_map(|packet| (0x86dd, packet)),
        1 => (any::<u16>(), vec(any::<u8>(), 0..60)),
    ];
    (kind, tags, network)
        .prop_map(|(kind, tags, (ethertype, packet))| (link(kind, &tags, ethertype, &packet), kind))
}

fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let options = prop_oneof![3 => Just(0), 1 => 0..11_usize];
    let fragment = prop_oneof![3 => select(vec![0, 0x4000]), 2 => Just(0x2000), 1 => any::<u16>()];
    let address = prop_oneof![
        any::<[u8; 4]>(),
        (select(vec![10, 100, 127, 169, 172, 192, 224, 239, 255]), any::<[u8; 3]>())
            .prop_map(|(first, [a, b, c])| [first, a, b, c]),
        select(vec![[192, 168, 0, 1], [172, 16, 0, 1], [169, 254, 1, 1], [100, 127, 0, 1]]),
    ];
    let total_length = option::weighted(0.3, prop_oneof![0..64_u16, any::<u16>()]);
    (options, fragment, transport(), [address.clone(), address], total_length).prop_map(
        |(options, fragment, (protocol, payload), addresses, total_length)| {
            let options = vec![1; options * 4];
            Ipv4 { options, fragment, protocol, addresses, total_length }.packet(&payload)
        },
    )
}

fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    let number = select(vec![0, 43, 44, 44, 51, 60, 135, 139, 140]);
    let field = prop_oneof![select(vec![0, 1, 1, 8, 9]), any::<u16>()];
    let chain = vec((number, 0..4_u8, field), 0..11);
    let chain = prop_oneof![2 => Just(Vec::new()), 3 => chain];
    let address = prop_oneof![
        any::<[u8; 16]>(),
        (select(vec![0xfc, 0xfd, 0xfe, 0xff, 0x20, 0]), any::<u8>(), any::<u8>()).prop_map(
            |(first, second, last)| [first, second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
        ),
        Just([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        (select(vec![9, 10, 100, 127, 192, 224]), select(vec![0, 100, 168])).prop_map(
            |(first, second)| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, first, second, 0, 1]
        ),
    ];
    let payload_length = option::weighted(0.3, prop_oneof![0..64_u16, any::<u16>()]);
    (chain, transport(), [address.clone(), address], payload_length).prop_map(
        |(chain, (protocol, payload), addresses, payload_length)| {
            Ipv6 { chain, protocol, addresses, payload_length }.packet(&payload)
        },
    )
}

fn transport() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let port = || prop_oneof![select(vec![53, 53, 5353]), any::<u16>()];
    let message = prop_oneof![
        (any::<u16>(), 0..80_usize).prop_map(|(flags, len)| dns(flags, len)),
        vec(any::<u8>(), 0..40),
    ];
    let length = option::weighted(0.3, any::<u16>());
    prop_oneof![
        4 => (0..16_u8, any::<u8>(), select(vec![0, 0, 1, 0x100, 0x7210])).prop_map(
            |(offset, flags, window)| (6, with_window(tcp(offset, flags), window))
        ),
        4 => (port(), port(), length, message)
            .prop_map(|(source, destination, length, message)| {
                (17, udp([source, destination], length, &message))
            }),
        2 => (0..20_u8, 0..6_u8).prop_map(|(kind, code)| (1, icmp(kind, code))),
        2 => (select(vec![0, 1, 2, 3, 4, 127, 128, 129, 130, 132, 133, 136, 137, 138]))
            .prop_map(|kind| (58, icmp(kind, 0))),
        1 => (any::<u8>(), vec(any::<u8>(), 0..60)),
    ]
}
