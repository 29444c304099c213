//! Conversations as an oracle knows them: what was said, and the segments by which a
//! capture shows it, some of them lost on their way to the other end and sent again, some
//! of them late.

use std::time::Duration;

use netmon_common::{
    abi::labels::{CloseReason, FailReason, Role},
    wire::tcp::{ACK, FIN, RST, SYN},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    flows::{End, Record},
    source::capture::segment::{Segment, Socket},
};

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Both are done, this one first: 0 is the client.
    Done(usize),
    /// This one resets it.
    Reset(usize),
    /// The request is refused.
    Refused,
    /// Nobody answers.
    Unanswered,
    /// It goes on when the capture ends, for so long that it is given up.
    Silence,
}

/// A conversation.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) ends: [Socket; 2],
    /// First sequence numbers.
    pub(super) initial: [u32; 2],
    /// What is said in turn: by whom, and how many bytes.
    pub(super) said: Vec<(usize, u32)>,
    /// Positions of segments that are sent again, and after how many others.
    pub(super) again: Vec<(Index, usize)>,
    /// Positions of segments that overtake the one before.
    pub(super) swapped: Vec<Index>,
    pub(super) last: Last,
}

const ROUND: Duration = Duration::from_millis(3);
const START: Duration = Duration::from_secs(1);

impl Conversation {
    pub(super) fn short() -> Self {
        Self {
            ends: [([203, 0, 113, 7].into(), 40_000), ([10, 0, 0, 1].into(), 443)],
            initial: [1000, 2000],
            said: vec![(0, 10), (1, 20)],
            again: Vec::new(),
            swapped: Vec::new(),
            last: Last::Done(0),
        }
    }

    fn opens(&self) -> bool {
        !matches!(self.last, Last::Refused | Last::Unanswered)
    }

    /// The segments in the order in which a capture sees them, three milliseconds apart.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let mut next = self.initial;
        let mut segment = |end: usize, flags: u8, payload: u32| {
            let sequence = next[end];
            let more = payload + u32::from(flags & (SYN | FIN) != 0);
            next[end] = sequence.wrapping_add(more);
            let (from, to) = (self.ends[end], self.ends[1 - end]);
            Segment { at: Duration::ZERO, from, to, sequence, flags, payload }
        };
        let mut all = vec![segment(0, SYN, 0)];
        if self.last == Last::Refused {
            all.push(segment(1, RST | ACK, 0));
        }
        if self.opens() {
            all.push(segment(1, SYN | ACK, 0));
            all.push(segment(0, ACK, 0));
            let begin = all.len();
            all.extend(self.said.iter().map(|(end, len)| segment(*end, ACK, *len)));
            self.disturb(&mut all, begin);
            match self.last {
                Last::Done(first) => {
                    all.push(segment(first, FIN | ACK, 0));
                    all.push(segment(1 - first, FIN | ACK, 0));
                    all.push(segment(first, ACK, 0));
                }
                Last::Reset(end) => all.push(segment(end, RST | ACK, 0)),
                Last::Refused | Last::Unanswered | Last::Silence => {}
            }
        }
        for (number, segment) in (0..).zip(&mut all) {
            segment.at = START + ROUND * number;
        }
        all
    }

    /// Sends some segments from `begin` on again, and has some overtake others.
    fn disturb(&self, all: &mut Vec<Segment>, begin: usize) {
        for (which, later) in &self.again {
            let len = all.len() - begin;
            if len > 0 {
                let at = which.index(len);
                let again = all[begin + at];
                all.insert((begin + at + later).min(all.len()), again);
            }
        }
        for which in &self.swapped {
            let len = all.len() - begin;
            if len > 1 {
                let at = begin + which.index(len - 1);
                all.swap(at, at + 1);
            }
        }
    }

    /// What must be told of it.
    pub(super) fn told(&self) -> Vec<Record> {
        let segments = self.segments();
        let count = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let bytes = |end| self.said.iter().filter(|it| it.0 == end).map(|it| u64::from(it.1)).sum();
        let sent = |end: usize| {
            let says = |it: &&Segment| it.from == self.ends[end] && it.payload > 0;
            u32::try_from(segments.iter().filter(says).count()).unwrap_or(u32::MAX)
        };
        let end = |here: usize| match self.last {
            Last::Done(_) => End::Closed(CloseReason::Fin),
            Last::Reset(by) if by == here => End::Closed(CloseReason::ResetSent),
            Last::Reset(_) => End::Closed(CloseReason::ResetReceived),
            Last::Refused => End::Failed(FailReason::Refused),
            Last::Unanswered => End::Failed(FailReason::Timeout),
            Last::Silence => End::Closed(CloseReason::Timeout),
        };
        // The last acknowledgement comes after the end.
        let last = if matches!(self.last, Last::Done(_)) { count - 2 } else { count - 1 };
        let opens = self.opens();
        let record = |role, here| Record {
            role,
            client: self.ends[0].0,
            client_port: self.ends[0].1,
            server: self.ends[1].0,
            service_port: self.ends[1].1,
            workload: 0,
            began: START,
            ended: START + ROUND * last,
            seen_to_open: true,
            handshake: opens.then_some(ROUND),
            client_bytes: if opens { bytes(0) } else { 0 },
            server_bytes: if opens { bytes(1) } else { 0 },
            client_segments: if opens { sent(0) } else { 0 },
            server_segments: if opens { sent(1) } else { 0 },
            end: end(here),
        };
        // A client in the Internet, and a server here.
        vec![record(Role::Passive, 1)]
    }
}

/// Any conversation, over IPv4 or IPv6.
pub(super) fn conversation() -> impl Strategy<Value = Conversation> {
    let ends = prop_oneof![
        Just([("203.0.113.7", 443), ("10.0.0.1", 22)]),
        Just([("2001:db8::7", 443), ("fd00::1", 22)]),
    ];
    let last = prop_oneof![
        (0_usize..2).prop_map(Last::Done),
        (0_usize..2).prop_map(Last::Reset),
        Just(Last::Refused),
        Just(Last::Unanswered),
        Just(Last::Silence),
    ];
    (
        ends,
        any::<[u32; 2]>(),
        vec((0_usize..2, 1_u32..70_000), 0..30),
        vec((any::<Index>(), 1_usize..9), 0..6),
        vec(any::<Index>(), 0..6),
        last,
    )
        .prop_map(|(ends, initial, said, again, swapped, last)| Conversation {
            ends: ends.map(|(address, port)| (address.parse().unwrap_or([0; 4].into()), port)),
            initial,
            said,
            again,
            swapped,
            last,
        })
}
