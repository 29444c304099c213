//! Segments of TCP connections on which DNS is spoken: which stream they belong to, what
//! of them is new, and what is counted of the messages that they complete.

use super::{
    Books, Identity, Kind, Lookup, Malformed, Note, Place, Sighting,
    books::add,
    note::{Found, kind},
    stream::{STREAM_SET_BITS, STREAM_WAYS, Stream, Whole},
};
use crate::{
    abi::labels::DnsTransport,
    account::bump,
    bytes::Bytes,
    wire::tcp::{FIN, RST},
};

/// A segment of a connection on which DNS is spoken.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Sequence number.
    pub sequence: u32,
    /// Flags.
    pub flags: u8,
    /// Offset of its payload.
    pub at: usize,
    /// Offset behind its payload.
    pub end: usize,
    /// 0 for what devices receive, 1 for what they send.
    pub direction: u16,
}

/// A segment whose stream was found, and how much of it is still to be read. Words, as one
/// program leaves them to the next: so the verifier walks what follows once, whatever the
/// way here was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Opened {
    /// Number of the stream: its set, and where in it.
    number: u64,
    /// Offset of what is to be read next, and of the end.
    here: u64,
    end: u64,
    /// See [`Span`].
    begins: u64,
    /// Sequence number at the end.
    behind: u64,
    /// Whether the connection ends.
    last: u64,
    /// See [`Place`].
    network: u64,
    version_6: u64,
    transport: u64,
    sighting: u64,
    vantage: u64,
}

impl Opened {
    /// Nothing is to be read.
    pub const NOTHING: Self = Self {
        number: 0,
        here: 0,
        begins: 0,
        end: 0,
        behind: 0,
        last: 0,
        network: 0,
        version_6: 0,
        transport: 0,
        sighting: 0,
        vantage: 0,
    };
}

/// How far a segment was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// To its end.
    Done,
    /// There is more of it.
    More,
}

/// Steps that are done at once, up to the end of a message at most: prefix, header, the
/// rest of it, one for each label of up to eight, their end, two for the type, and the rest.
const STEPS: usize = 16;

/// What was read before of a segment is at most so many bytes; where it seems to be more,
/// something is missing, or the segment belongs to a later connection.
const LONGEST_OVERLAP: u32 = 1 << 20;

/// Of the number of a stream, the bits that say where in its set it stands.
const WAY_BITS: u32 = 2;
const _: () = assert!(STREAM_WAYS == 1 << WAY_BITS);

/// Finds the stream of a segment, if there is anything to read in it.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
pub fn open<B: Bytes + ?Sized, K: Books>(
    books: &mut K,
    bytes: &B,
    place: &Place,
    segment: &Segment,
) -> Option<Opened> {
    let Segment { sequence, flags, at, end, direction } = *segment;
    let ends = flags & (FIN | RST) != 0;
    if end <= at && !ends {
        return None;
    }
    let Place { network, version_6, transport, sighting, vantage } = *place;
    let identity = Identity { id: direction, response: false, kind: kind(vantage, 0) };
    let flow = Lookup::read(bytes, network, version_6 != 0, transport, identity, books.keys())?;
    let (set, mark) = flow.stream();
    let now = (books.now() >> 30) as u32;
    let streams = books.streams(set)?;
    let mut way = 0;
    let mut found = false;
    let mut age = 0;
    for (at, stream) in streams.iter().enumerate() {
        let unused = if stream.mark == 0 { u32::MAX } else { now.wrapping_sub(stream.used) };
        if stream.mark == mark {
            (way, found) = (at, true);
            break;
        }
        // A free one gives way first, then that which was used least lately.
        if unused > age {
            (way, age) = (at, unused);
        }
    }
    let way = bytes.forget_offset(way) & (STREAM_WAYS - 1);
    let stream = streams.get_mut(way)?;
    let mut lost = false;
    if !found {
        if end <= at {
            return None;
        }
        lost = stream.mark != 0 && stream.is_within();
        *stream = Stream::new(mark, sequence);
    }
    // So much of the segment was read before.
    if stream.next.wrapping_sub(sequence) > LONGEST_OVERLAP {
        // Behind the end of a connection comes another one.
        lost = !stream.is_ended();
        stream.restart(sequence);
    }
    stream.used = now;
    let here = at.wrapping_add(stream.next.wrapping_sub(sequence) as usize);
    if lost {
        add(&mut books.tally()?.streams_lost, 1);
    }
    Some(Opened {
        number: u64::from(set << WAY_BITS) | way as u64,
        here: here as u64,
        begins: ELSEWHERE as u64,
        end: end as u64,
        behind: u64::from(sequence.wrapping_add(end.wrapping_sub(at) as u32)),
        last: u64::from(ends),
        network: network as u64,
        version_6,
        transport: transport as u64,
        sighting: sighting.to_word(),
        vantage,
    })
}

/// Reads on in a segment, to the end of a message at most.
#[inline(always)]
pub fn read_on<K: Books>(books: &mut K, opened: &mut Opened) -> Progress {
    read(books, opened).unwrap_or(Progress::Done)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "they were shorter numbers before")]
fn read<K: Books>(books: &mut K, opened: &mut Opened) -> Option<Progress> {
    let number = opened.number as u32;
    let (set, way) = (number >> WAY_BITS, number as usize & (STREAM_WAYS - 1));
    let end = opened.end as usize;
    let span = Span { here: opened.here as usize, end, begins: opened.begins as usize };
    let Span { here, begins, .. } = books.advance(number, span);
    let stream = books.streams(set)?.get_mut(way)?;
    if here == UNREAD {
        stream.restart(opened.behind as u32);
        add(&mut books.tally()?.streams_lost, 1);
        return None;
    }
    (opened.here, opened.begins) = (here as u64, begins as u64);
    if here < end {
        stream.next = (opened.behind as u32).wrapping_sub(end.wrapping_sub(here) as u32);
    } else if stream.next.wrapping_sub(opened.behind as u32).cast_signed() < 0 {
        stream.next = opened.behind as u32;
    }
    if stream.is_complete() {
        books.conclude(opened, begins);
        books.settle();
    }
    if here < end {
        return Some(Progress::More);
    }
    if opened.last != 0 {
        let stream = books.streams(set)?.get_mut(way)?;
        let within = stream.is_within();
        stream.end(opened.behind as u32);
        if within {
            let row = DnsTransport::Tcp.index().wrapping_mul(Malformed::COUNT);
            let cut = row.wrapping_add(Malformed::Cut.index());
            bump(&mut books.tally()?.malformed, cut, 1);
        }
    }
    Some(Progress::Done)
}

/// What is noted of the message that is complete; [`Note::NOTHING`] where none is.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "they were shorter numbers before")]
pub fn conclude<B: Bytes + ?Sized, K: Books>(
    books: &mut K,
    bytes: &B,
    opened: &Opened,
    begins: usize,
) -> Note {
    let number = opened.number as u32;
    let (set, way) = (number >> WAY_BITS, number as usize & (STREAM_WAYS - 1));
    let stream = books.streams(set).and_then(|streams| streams.get_mut(way));
    let Some(whole) = stream.and_then(Stream::complete) else { return Note::NOTHING };
    let start = (opened.here as usize).wrapping_sub(usize::from(whole.len));
    let start = if begins == ELSEWHERE { ELSEWHERE } else { start };
    let place = Place {
        network: opened.network as usize,
        version_6: opened.version_6,
        transport: opened.transport as usize,
        sighting: Sighting::from_word(opened.sighting),
        vantage: opened.vantage,
    };
    Note::new(bytes, &place, &found(&whole, start), books.keys())
}

/// The part of a segment that is still to be read, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins; [`UNREAD`] where bytes are missing.
    pub here: usize,
    /// Where it ends.
    pub end: usize,
    /// A place within the message that is being read, if it began in this segment; else 0.
    pub begins: usize,
}

/// See [`Span`].
pub const UNREAD: usize = u32::MAX as usize;

/// Where a message begins that did not begin in this segment.
const ELSEWHERE: usize = 0;

/// Reads on in a stream to the end of a message, or of the segment, or as far as is read at
/// once.
#[inline(always)]
pub fn advance<B: Bytes + ?Sized, K: Books>(
    books: &mut K,
    bytes: &B,
    number: u32,
    span: Span,
) -> Span {
    let Span { mut here, mut begins, .. } = span;
    let end = bytes.forget_offset(span.end);
    let (set, way) = (number >> WAY_BITS, number as usize & (STREAM_WAYS - 1));
    let stream = books.streams(set).and_then(|streams| streams.get_mut(way));
    let Some(stream) = stream else { return Span { here: UNREAD, ..span } };
    for _ in 0..STEPS {
        (here, begins) = (bytes.forget_offset(here), bytes.forget_offset(begins));
        stream.forget(bytes);
        if here >= end || stream.is_complete() {
            break;
        }
        let began = stream.is_within();
        let Ok(read) = stream.step(bytes, here, end) else {
            here = UNREAD;
            break;
        };
        here = here.wrapping_add(read as usize);
        if !began {
            begins = here;
        }
    }
    Span { here, end, begins }
}

/// What is known of a message at `start`.
#[inline(always)]
fn found(whole: &Whole, start: usize) -> Found {
    let has_header = whole.fault != LENGTH;
    let kind = match (has_header, whole.header.is_response()) {
        (false, _) => Kind::Short,
        (true, false) => Kind::Query,
        (true, true) => Kind::Response,
    };
    Found {
        header: whole.header,
        has_header,
        kind: kind as u64,
        asked: u64::from(whole.asked),
        fault: u64::from(whole.fault),
        transport: DnsTransport::Tcp,
        transfer: u64::from(whole.transfer),
        times: 1,
        // Behind what a note has room for, a message is not looked at.
        at: if start > usize::from(u16::MAX) { ELSEWHERE } else { start },
        len: usize::from(whole.len),
    }
}

/// [`Malformed::Length`] as streams keep it.
const LENGTH: u8 = Malformed::Length as u8 + 1;

impl Lookup {
    /// The set in which a stream stands, and what tells it from others; never 0.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the bits below those of the set")]
    const fn stream(self) -> (u32, u32) {
        let set = self.hash >> (u64::BITS - STREAM_SET_BITS);
        (set as u32, (self.hash >> (u32::BITS - STREAM_SET_BITS)) as u32 | 1)
    }
}
