//! One TCP connection of a capture, from segment to segment.
//!
//! Pure. Bytes are told by sequence numbers, so what is sent again counts once and what
//! the capture missed counts as well. Invariant: it ends once.

use std::time::Duration;

use netmon_common::wire::tcp::{ACK, FIN, RST, SYN};

use super::{
    chatter::Chatter,
    segment::{Segment, Socket},
};

/// How far ahead of what is known a sequence number is believed: the largest window
/// (RFC 7323, section 2.3).
const WINDOW: u32 = 1 << 30;

/// How far one behind the first that was seen is believed to have been late.
const LATE: u32 = 1 << 20;

/// Silence after which nobody waits for an answer any more: requests are sent again after
/// 64 seconds at most (Linux, net.ipv4.tcp_syn_retries of 6).
const UNANSWERED: Duration = Duration::from_secs(130);

/// Silence after which a connection is over that one end has closed (Linux,
/// net.ipv4.tcp_fin_timeout of 60 s, twice).
const HALF_CLOSED: Duration = Duration::from_secs(120);

/// Silence after which an open connection is taken for dead: keep-alive probes begin after
/// two hours, and nine of them take eleven minutes (Linux).
const IDLE: Duration = Duration::from_secs(7_875);

/// How long a connection that is over is remembered, so that late segments begin no other
/// one: twice the segment lifetime (RFC 9293, section 3.4.2).
const LINGERING: Duration = Duration::from_secs(240);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It ended, and late segments may come.
    Over,
    /// Somebody asked for it.
    Asked,
    /// Somebody answered.
    Answered,
    /// Its handshake is complete, or nobody saw it.
    Open,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// Both ends said that they are done.
    Done,
    /// This end reset it: 0 is the client.
    Reset(usize),
    /// Nothing more was heard.
    Silence,
}

/// What one end sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stream {
    /// The sequence number of its first byte, where anything was seen.
    first: Option<u32>,
    /// Whether that is certain.
    is_certain: bool,
    /// Bytes from the first to the last.
    pub(super) bytes: u64,
    /// Segments with payload.
    pub(super) segments: u32,
    is_done: bool,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    /// Who asked for it, and who was asked.
    pub(super) ends: [Socket; 2],
    /// When the first segment came.
    pub(super) began: Duration,
    /// When the last one came that meant anything.
    pub(super) last: Duration,
    /// Whether the request was seen.
    pub(super) seen_to_open: bool,
    /// From the request to its answer.
    pub(super) handshake: Option<Duration>,
    pub(super) stage: Stage,
    /// By end.
    pub(super) streams: [Stream; 2],
    /// What goes back and forth.
    pub(super) chatter: Chatter,
}

impl Stream {
    /// The stream begins behind this number.
    fn begin(&mut self, initial: u32) {
        (self.first, self.is_certain) = (Some(initial.wrapping_add(1)), true);
    }

    /// Takes what a segment carries.
    fn take(&mut self, sequence: u32, segment: &Segment) {
        self.segments = self.segments.saturating_add(u32::from(segment.payload > 0));
        let is_done = segment.flags & FIN != 0;
        let first = *self.first.get_or_insert(sequence);
        // An acknowledgement may stand behind the end, or before a byte that probes.
        if segment.payload == 0 && !is_done {
            return;
        }
        let before = first.wrapping_sub(sequence);
        let probes = before == 1 && segment.payload == 1;
        if !self.is_certain && !probes && before > 0 && before <= LATE {
            self.first = Some(sequence);
            self.bytes += u64::from(before);
        }
        let first = self.first.unwrap_or(sequence);
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
        let known = first.wrapping_add(self.bytes as u32);
        let ahead = sequence.wrapping_add(segment.payload).wrapping_sub(known);
        if ahead <= WINDOW {
            self.bytes += u64::from(ahead);
        }
        self.is_done |= is_done;
    }
}

impl Talk {
    /// The connection that a segment begins, if it can: by a request, or in the middle of
    /// one that nobody saw begin.
    pub(super) fn begin(segment: &Segment) -> Option<Self> {
        let Segment { at, from, to, flags, .. } = *segment;
        let (ends, stage) = match flags & (SYN | ACK | RST) {
            SYN => ([from, to], Stage::Asked),
            flags if flags == SYN | ACK => ([to, from], Stage::Answered),
            // Servers have the lower ports.
            ACK if from.1 < to.1 => ([to, from], Stage::Open),
            ACK => ([from, to], Stage::Open),
            _ => return None,
        };
        let mut talk = Self {
            ends,
            began: at,
            last: at,
            seen_to_open: stage == Stage::Asked,
            handshake: None,
            stage,
            streams: [Stream::default(); 2],
            chatter: Chatter::default(),
        };
        talk.carry(segment);
        let end = talk.end(segment);
        // Nothing is over with the first segment.
        let _ = talk.chatter.take(end, segment);
        Some(talk)
    }

    /// Whether a segment asks for another connection between the same ends.
    pub(super) fn is_another(&self, segment: &Segment) -> bool {
        let asks = segment.flags & (SYN | ACK | RST | FIN) == SYN;
        let [client, _] = self.ends;
        let same = self.streams[0].first == Some(segment.sequence.wrapping_add(1));
        // Both may ask at once.
        let crosses = segment.from != client && self.stage == Stage::Asked;
        asks && !(same && segment.from == client) && !crosses
    }

    /// Takes a segment; tells how the connection ended if it did so now.
    pub(super) fn take(&mut self, segment: &Segment) -> Option<(Finish, Stage)> {
        if self.stage == Stage::Over {
            return None;
        }
        self.last = segment.at;
        let end = self.end(segment);
        if segment.flags & RST != 0 {
            return Some(self.finish(Finish::Reset(end)));
        }
        let by_server = end == 1;
        let is_answer = segment.flags & (SYN | ACK) == SYN | ACK;
        let says = segment.payload > 0 || segment.flags & FIN != 0;
        self.stage = match self.stage {
            Stage::Asked if by_server && is_answer => {
                self.handshake = Some(segment.at.saturating_sub(self.began));
                Stage::Answered
            }
            Stage::Asked | Stage::Answered
                if segment.flags & SYN == 0 && segment.flags & ACK != 0 && (!by_server || says) =>
            {
                Stage::Open
            }
            stage => stage,
        };
        self.carry(segment);
        let is_done = self.streams.iter().all(|stream| stream.is_done);
        (is_done && self.stage == Stage::Open).then(|| self.finish(Finish::Done))
    }

    /// Ends a connection of which nothing was heard for long. Tells how, if it was not
    /// over.
    pub(super) fn expire(&mut self, now: Duration) -> Option<(Finish, Stage)> {
        let is_half = self.streams.iter().any(|stream| stream.is_done);
        let patience = match self.stage {
            Stage::Over => return None,
            Stage::Asked | Stage::Answered => UNANSWERED,
            Stage::Open if is_half => HALF_CLOSED,
            Stage::Open => IDLE,
        };
        let how = if is_half { Finish::Done } else { Finish::Silence };
        (now.saturating_sub(self.last) > patience).then(|| self.finish(how))
    }

    /// Ends a connection whose place is taken by another one.
    pub(super) fn supersede(&mut self) -> Option<(Finish, Stage)> {
        (self.stage != Stage::Over).then(|| self.finish(Finish::Silence))
    }

    /// Whether it need not be remembered any more.
    pub(super) fn is_forgotten(&self, now: Duration) -> bool {
        self.stage == Stage::Over && now.saturating_sub(self.last) > LINGERING
    }

    fn finish(&mut self, how: Finish) -> (Finish, Stage) {
        (how, std::mem::replace(&mut self.stage, Stage::Over))
    }

    fn carry(&mut self, segment: &Segment) {
        let end = self.end(segment);
        let Some(stream) = self.streams.get_mut(end) else { return };
        let mut sequence = segment.sequence;
        if segment.flags & SYN != 0 {
            if !stream.is_certain {
                stream.begin(sequence);
            }
            sequence = sequence.wrapping_add(1);
        }
        stream.take(sequence, segment);
    }

    /// Which end sent a segment: 0 is the client.
    pub(super) fn end(&self, segment: &Segment) -> usize {
        let [client, _] = self.ends;
        usize::from(segment.from != client)
    }
}
