//! DNS lookups and other datagrams.

use std::net::{IpAddr, SocketAddr};

use crate::{
    frame::{icmp, udp},
    traffic::{ICMP, ICMPV6, MS, Micros, Traffic, UDP, packet},
};

/// Types of DNS records.
pub(crate) const A: u16 = 1;
pub(crate) const NULL: u16 = 10;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;

/// Codes of DNS responses.
pub(crate) const NO_ERROR: u16 = 0;
pub(crate) const NX_DOMAIN: u16 = 3;

const RESPONSE: u16 = 0x8180;
const RECURSION_DESIRED: u16 = 0x0100;

/// What is asked for, and how it is answered.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u16,
    pub(crate) code: u16,
    /// Bytes of the data in the answer; none where there is no answer.
    pub(crate) data: usize,
}

impl<'a> Question<'a> {
    /// The address of a host, which exists.
    pub(crate) const fn address(name: &'a str) -> Self {
        Self { name, kind: A, code: NO_ERROR, data: 4 }
    }
}

impl Traffic {
    /// Adds a datagram from one end to the other.
    pub(crate) fn datagram(&mut self, at: Micros, [from, to]: [SocketAddr; 2], payload: &[u8]) {
        let datagram = udp([from.port(), to.port()], None, payload);
        self.packet(at, [from.ip(), to.ip()], UDP, &datagram);
    }

    /// A query and, half a moment later, its response. Tells when that was.
    pub(crate) fn lookup(
        &mut self,
        at: Micros,
        client: IpAddr,
        server: IpAddr,
        question: Question<'_>,
    ) -> Micros {
        let id = u16::try_from(self.below(1 << 16)).unwrap();
        let ends = [SocketAddr::new(client, self.port()), SocketAddr::new(server, 53)];
        self.datagram(at, ends, &query(id, question));
        let answered = at + 2 * MS + self.below(18 * MS);
        self.datagram(answered, [ends[1], ends[0]], &response(id, question));
        answered
    }

    /// A query that nobody answers.
    pub(crate) fn query(&mut self, at: Micros, client: IpAddr, server: IpAddr, name: &str) {
        let id = u16::try_from(self.below(1 << 16)).unwrap();
        let ends = [SocketAddr::new(client, self.port()), SocketAddr::new(server, 53)];
        self.datagram(at, ends, &query(id, Question::address(name)));
    }

    /// A datagram to a port on which nobody listens, and what the host says of it.
    pub(crate) fn unreachable(&mut self, at: Micros, [from, to]: [SocketAddr; 2]) {
        let datagram = udp([from.port(), to.port()], None, &[0; 8]);
        self.packet(at, [from.ip(), to.ip()], UDP, &datagram);
        let (protocol, mut message) = match from.ip() {
            IpAddr::V4(_) => (ICMP, icmp(3, 3)),
            IpAddr::V6(_) => (ICMPV6, icmp(1, 4)),
        };
        // What was sent, without its link layer.
        message.extend(&packet([from.ip(), to.ip()], UDP, &datagram)[14..]);
        self.packet(at + 200, [to.ip(), from.ip()], protocol, &message);
    }
}

/// A query.
pub(crate) fn query(id: u16, question: Question<'_>) -> Vec<u8> {
    message(id, RECURSION_DESIRED, [1, 0, 0], question)
}

/// A response, with one record where there is data.
pub(crate) fn response(id: u16, question: Question<'_>) -> Vec<u8> {
    let answers = u16::from(question.data > 0);
    let mut message = message(id, RESPONSE | question.code, [1, answers, 0], question);
    if answers > 0 {
        let [high, low] = u16::try_from(question.data).unwrap().to_be_bytes();
        // The name is that of the question; it may be kept for five minutes.
        message.extend([0xc0, 0x0c]);
        message.extend(question.kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 1, 44, high, low]);
        message.resize(message.len() + question.data, 7);
    }
    message
}

fn message(id: u16, flags: u16, counts: [u16; 3], question: Question<'_>) -> Vec<u8> {
    let [questions, answers, authorities] = counts;
    let mut message =
        [id, flags, questions, answers, authorities, 0].map(u16::to_be_bytes).concat();
    for label in question.name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(question.kind.to_be_bytes());
    message.extend([0, 1]);
    message
}
