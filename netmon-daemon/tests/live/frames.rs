//! Frames that no tool sends: tagged twice, damaged, or without a link header.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Lines, Write},
    process::{ChildStdin, ChildStdout, Stdio},
};

use crate::netns::{NetNs, Running};

/// Sends them, by a script: raw sockets have no safe function in Rust.
pub(crate) struct Sender {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Running,
}

impl Sender {
    /// Sends through a device as it is.
    pub(crate) fn packet(namespace: &NetNs, device: &str) -> Self {
        Self::start(namespace, "packet", device)
    }

    /// Makes a tun device and sends into it, so that the namespace receives.
    pub(crate) fn tun(namespace: &NetNs, device: &str) -> Self {
        Self::start(namespace, "tun", device)
    }

    fn start(namespace: &NetNs, kind: &str, device: &str) -> Self {
        let mut command = namespace.command("python3");
        command.args(["-c", include_str!("frames.py"), kind, device]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Running::spawn(&mut command);
        let input = process.0.stdin.take().unwrap();
        let output = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let mut sender = Self { input, output, _process: process };
        assert_eq!(sender.output.next().unwrap().unwrap(), "ready");
        sender
    }

    /// Sends a frame so many times, and returns when it is sent.
    pub(crate) fn send(&mut self, frame: &[u8], times: u64) {
        let mut line = String::new();
        for byte in frame {
            write!(line, "{byte:02x}").unwrap();
        }
        for _ in 0..times {
            writeln!(self.input, "{line}").unwrap();
            assert_eq!(self.output.next().unwrap().unwrap(), "sent");
        }
    }
}

/// An Ethernet frame to everybody with these tags and type, and what follows.
pub(crate) fn ethernet(tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 9]);
    for (number, tag) in (1_u16..).zip(tags) {
        frame.extend(tag.to_be_bytes());
        frame.extend(number.to_be_bytes());
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An IPv4 packet from 192.0.2.1 (public) to 198.51.100.1 (public).
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + payload.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1]);
    let sum: u32 =
        packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2, both public.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 64]);
    for last in 1..=2 {
        packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(payload);
    packet
}

/// A UDP datagram between ports that mean nothing, without a checksum.
pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let mut datagram = vec![0x9c, 0x40, 0x9c, 0x41, len[0], len[1], 0, 0];
    datagram.extend(payload);
    datagram
}

/// A TCP segment with these flags and no payload.
pub(crate) fn tcp(flags: u8) -> Vec<u8> {
    let mut segment = vec![0x9c, 0x40, 0x9c, 0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags];
    segment.extend([0, 0, 0, 0, 0, 0]);
    segment
}
