//! What the fuzz targets make of an input. It stands here so that
//! `tests/regressions.rs` replays a past crash exactly as the fuzzer ran it.

#[path = "../message/mod.rs"]
mod message;
#[path = "../oracle/mod.rs"]
mod oracle;

use netmon_common::{
    account::Volume,
    packet::{Link, Remote},
};

/// Runs one input of a target, which is named as in `fuzz/Cargo.toml`. Panics
/// where netmon and an oracle differ.
pub(crate) fn check(target: &str, input: &[u8]) {
    match target {
        "packet" => with_head(input, packet),
        "dns" => with_head(input, dns),
        "dns_message" => {
            message::walk(input);
            message::check(input);
        }
        "dns_walk" => {
            message::walk(input);
        }
        _ => unreachable!("no fuzz target is called {target}"),
    }
}

/// Runs a target whose input begins with three bytes that say how to take the rest.
fn with_head(input: &[u8], run: fn([u8; 3], &[u8])) {
    if let Some((head, rest)) = input.split_first_chunk() {
        run(*head, rest);
    }
}

/// The first byte chooses link type and remote end, the next two whether the
/// frame is a merged buffer; the rest is the frame.
fn packet([how, gso_size, gso_segments]: [u8; 3], frame: &[u8]) {
    let link = Link::ALL[usize::from(how >> 1) % Link::COUNT];
    let remote = if how & 1 == 0 { Remote::Source } else { Remote::Destination };
    let bytes = frame.len() as u64;
    let volume = match u64::from(gso_size) {
        0 => Volume::packet(bytes),
        size => Volume::merged(bytes * 16, bytes / 2, size * 16, u64::from(gso_segments)),
    };
    oracle::check(frame, link, remote, &volume);
}

/// The first byte chooses IP version and ports, the next two are the length
/// that UDP claims, or 0 for the true one; the rest is the message.
fn dns([how, high, low]: [u8; 3], message: &[u8]) {
    let header: &[u8] = if how & 1 == 0 { &IPV4 } else { &IPV6 };
    let ports: [u16; 2] = match how >> 1 & 3 {
        0 => [40_000, 53],
        1 => [53, 40_000],
        2 => [53, 53],
        _ => [5353, 53],
    };
    let length = match u16::from_be_bytes([high, low]) {
        0 => u16::try_from(message.len() + 8).unwrap_or(u16::MAX),
        lie => lie,
    };
    let udp = [ports[0], ports[1], length, 0].map(u16::to_be_bytes);
    let frame = [header, udp.as_flattened(), message].concat();
    oracle::check(&frame, Link::Raw, Remote::Source, &Volume::packet(frame.len() as u64));
}

/// From 192.0.2.1 to 198.51.100.2, UDP.
const IPV4: [u8; 20] = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];

/// From 2001:db8:: to fe80::, UDP.
const IPV6: [u8; 40] = [
    0x60, 0, 0, 0, 0, 0, 17, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe,
    0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
