//! Messages of one direction of a connection, what a plain reader makes of them, and the
//! segments that carry them.

use netmon_common::{
    abi::{
        dns::DnsTally,
        histogram::DNS_SIZE_BOUNDS,
        labels::{DnsTransport, IpVersion, QueryType, Rcode},
    },
    dns::{LARGE_MESSAGE, Malformed},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    frame::dns,
    said::{RESPONSE, Way, asks, header, name},
};

/// The bytes of a stream: each message behind its length.
pub(crate) fn stream(messages: &[Vec<u8>]) -> Vec<u8> {
    let framed = |message: &Vec<u8>| [&(message.len() as u16).to_be_bytes(), &message[..]].concat();
    messages.iter().flat_map(framed).collect()
}

/// What a plain reader says of a first question: its type, or what is wrong with it.
fn question(message: &[u8]) -> Result<u16, Malformed> {
    let (mut at, mut len) = (12, 1);
    loop {
        match *message.get(at).ok_or(Malformed::Cut)? {
            0 => break,
            label @ 1..=63 => {
                len += 1 + usize::from(label);
                at += 1 + usize::from(label);
            }
            64..=191 => return Err(Malformed::Label),
            192.. => return Err(Malformed::Pointer),
        }
        if len > 255 {
            return Err(Malformed::Name);
        }
    }
    match message.get(at + 1..at + 5) {
        Some([high, low, ..]) => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(Malformed::Cut),
    }
}

/// What is counted of these messages, but for the lookups that they belong to.
pub(crate) fn counted(messages: &[Vec<u8>], version: IpVersion) -> DnsTally {
    let mut tally = DnsTally::ZERO;
    let row = DnsTransport::Tcp.index() * IpVersion::COUNT + version.index();
    let mut transfer = false;
    for message in messages {
        tally.tcp_message_bytes.observe(&DNS_SIZE_BOUNDS, message.len() as u64);
        let (mut qtype, mut fault) = (QueryType::Other, None);
        let response = message.len() >= 12 && message[2] & 0x80 != 0;
        if message.len() < 12 {
            fault = Some(Malformed::Length);
        } else {
            match (response, u16::from_be_bytes([message[4], message[5]])) {
                (true, 0) => {}
                (_, 1) => match question(message) {
                    Ok(number) => {
                        transfer = matches!(number, 251 | 252);
                        qtype = QueryType::of(number);
                    }
                    Err(what) => fault = Some(what),
                },
                _ => fault = Some(Malformed::Questions),
            }
        }
        if let Some(fault) = fault {
            tally.malformed[DnsTransport::Tcp.index() * Malformed::COUNT + fault.index()] += 1;
        }
        if response {
            let code = Rcode::of(message[3] & 0xf).index();
            tally.tcp_responses[version.index() * Rcode::COUNT + code] += 1;
            tally.large_tcp += u64::from(message.len() >= LARGE_MESSAGE && !transfer);
        } else if message.len() >= 12 {
            tally.queries[row * QueryType::COUNT + qtype.index()] += 1;
        }
    }
    tally
}

/// Messages with a header, whether they are responses, and their IDs.
pub(crate) fn headers(messages: &[Vec<u8>]) -> impl Iterator<Item = (bool, u16)> {
    let whole = messages.iter().filter(|message| message.len() >= 12);
    whole.map(|message| (message[2] & 0x80 != 0, u16::from_be_bytes([message[0], message[1]])))
}

/// Messages of which each has another ID.
pub(crate) fn messages(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(message(), 0..most).prop_map(|mut messages| {
        for (id, message) in messages.iter_mut().enumerate() {
            for (place, byte) in message.iter_mut().zip((id as u16).to_be_bytes()) {
                *place = byte;
            }
        }
        messages
    })
}

/// Any message: whole, damaged, short, long.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let flags =
        prop_oneof![Just(0x0100), (0..16_u16).prop_map(|code| RESPONSE | code), any::<u16>()];
    let labels = prop_oneof![
        6 => vec(1..64_u8, 0..5),
        1 => vec(1..4_u8, 0..140),
        1 => vec(prop_oneof![60..64_u8, Just(1)], 3..6),
    ];
    let qtype = prop_oneof![select(vec![1, 28, 16, 251, 252, 255]), any::<u16>()];
    let more = prop_oneof![10 => 0..200_usize, 1 => 16_300..16_500_usize];
    let asked = (flags, labels, qtype, more).prop_map(|(flags, labels, qtype, more)| {
        [asks(0, flags, &name(&labels), qtype), vec![0xc0; more]].concat()
    });
    let damaged = (asked, any::<[proptest::sample::Index; 2]>(), any::<u8>(), 0..5_u8);
    let damaged = damaged.prop_map(|(mut message, [at, end], byte, how)| {
        if how == 0 {
            message.truncate(end.index(message.len() + 1));
        }
        if how <= 1 && !message.is_empty() {
            let at = at.index(message.len().min(80));
            message[at] = byte;
        }
        message
    });
    prop_oneof![
        12 => damaged,
        1 => (any::<u16>(), 0..4_u16).prop_map(|(flags, count)| header(0, flags, count)),
        1 => vec(any::<u8>(), 0..80),
        1 => any::<u16>().prop_map(|flags| dns(flags, 40)),
    ]
}

/// A segment: which bytes of a stream it carries, and its flags.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) flags: u8,
}

pub(crate) const PUSH: u8 = 0x18;
pub(crate) const FIN: u8 = 0x11;
pub(crate) const RST: u8 = 0x14;

/// Who speaks on a connection, and how its frames begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    pub(crate) way: Way,
    pub(crate) client: u8,
    /// Sequence number of the first byte.
    pub(crate) first: u32,
}

impl Talk {
    /// The frame of a segment.
    pub(crate) fn frame(self, stream: &[u8], cut: &Cut) -> Vec<u8> {
        let sequence = self.first.wrapping_add(cut.from as u32);
        let payload = &stream[cut.from..cut.to];
        self.way.segment([self.client, 1], [40_000, 53], sequence, cut.flags, payload)
    }
}

/// Cuts a stream at random: the lengths of segments come round.
pub(crate) fn cuts(len: usize, lengths: &[usize]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut from = 0;
    for length in lengths.iter().cycle() {
        if from == len {
            return cuts;
        }
        let to = len.min(from + length.max(&1));
        cuts.push(Cut { from, to, flags: PUSH });
        from = to;
    }
    cuts
}
