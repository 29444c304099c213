//! What is counted of DNS beyond the packets: questions, TCP, and lookups.

use super::{
    allowance::Allowance,
    counters::{counters, words},
    histogram::{DNS_SIZE_BOUNDS, LOOKUP_BOUNDS},
    labels::{Direction, DnsTransport, IpVersion, QueryType, Rcode, Resolver},
};
use crate::{
    dns::{COHORTS, Datagram, Malformed, Note, Opened},
    wire::dns::{FURTHER_PORTS, Ports},
};

counters! {
    /// DNS messages that devices of one vantage saw in one direction.
    pub struct DnsTally {
        /// Queries by what they ask for.
        inner queries[transport: DnsTransport, family: IpVersion, qtype: QueryType];
        /// Responses over TCP by response code; those over UDP are with the packets.
        inner tcp_responses[family: IpVersion, rcode: Rcode];
        /// Size of messages over TCP, in bytes without the length before them; those over UDP are with the packets.
        inner tcp_message_bytes(DNS_SIZE_BOUNDS);
        /// Messages that are not whole, by the first fault of their header or question.
        inner malformed[transport: DnsTransport, reason: Malformed];
        /// Responses to a query that was not seen, or not any more.
        inner unmatched;
        /// Messages over TCP of 16 KiB and more that are no part of a zone transfer.
        inner large_tcp;
        /// Segments after which it is not known where the next message of their connection begins.
        inner streams_lost;
    }
}

/// The number of a vantage in the table of devices; 0 is none.
pub const VANTAGES: u32 = 4;

/// Tallies in all: by vantage and direction.
pub const DNS_TALLIES: u32 = VANTAGES * 2;

/// Position of the tally of a vantage and direction.
#[inline(always)]
pub const fn dns_tally(vantage: u32, direction: Direction) -> u32 {
    vantage.wrapping_mul(2).wrapping_add(direction as u32)
}

counters! {
    /// What became of lookups, of all vantages together. Of a lookup that crosses several
    /// devices the first one counts.
    pub struct LookupEvents {
        /// Queries that began a lookup; sent again they count once.
        inner asked;
        /// Lookups that were answered in time.
        inner answered;
        /// Lookups that were answered later than that: they are among those that ran out of time too.
        inner late;
        /// Lookups that were forgotten for newer ones before they could be answered.
        inner forgotten;
        /// Responses that were cut to fit into a datagram.
        inner truncated[resolver: Resolver];
        /// Messages whose names were handed on.
        inner names_sent;
        /// Messages whose names were left out, because there were too many at once.
        inner names_skipped;
        /// Messages whose names found no room.
        inner names_lost;
        /// Queries over TCP whose names were left out, because they came in pieces.
        inner names_split;
        /// Responses over TCP of which the same is true.
        inner answers_split;
    }
}

counters! {
    /// How long lookups at one resolver over one transport took.
    pub struct LookupTimes {
        /// Nanoseconds from the first query to its response.
        inner nanoseconds(LOOKUP_BOUNDS);
    }
}

/// Lookup times in all: by resolver and transport.
pub const LOOKUP_TIMES: u32 = 2 * 9;
const _: () = assert!(LOOKUP_TIMES as usize == DnsTransport::COUNT * Resolver::COUNT);

/// Position of the times of a resolver and transport.
#[inline(always)]
pub const fn lookup_times(resolver: u32, transport: DnsTransport) -> u32 {
    resolver.wrapping_mul(2).wrapping_add(transport as u32)
}

/// Counters of open lookups: by resolver, then by the moment at which they began.
pub const PENDING: usize = Resolver::COUNT * COHORTS;

/// Servers by whose hash large answers are counted; a power of two.
pub const LARGE_SERVERS: usize = 64;

/// What one CPU keeps of lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Lookups {
    /// What became of them.
    pub events: LookupEvents,
    /// How many are open, by resolver and by the time at which they began. Of one CPU this
    /// can be below 0; the sum over CPUs cannot.
    pub pending: [u64; PENDING],
    /// Answers over UDP of more than 1232 bytes, by a hash of the server.
    pub large: [u64; LARGE_SERVERS],
    /// How many names may still be handed on.
    pub allowance: Allowance,
    /// A tick of the kernel, and what the clock said when that was first seen.
    pub clock: [u64; 2],
    /// What one program leaves to the next.
    pub left: Left,
}

/// What is known of the packet at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Left {
    /// The word of the packet; to the verifier, a number of which it knows nothing.
    pub unknown: u64,
    /// Position of the tally.
    pub tally: u64,
    /// The beginning of a datagram.
    pub datagram: Datagram,
    /// Of a stream, what is still to be read.
    pub opened: Opened,
    /// What is noted of its message.
    pub note: Note,
}

impl Left {
    const NOTHING: Self = Self {
        unknown: 0,
        tally: 0,
        datagram: Datagram::NOTHING,
        opened: Opened::NOTHING,
        note: Note::NOTHING,
    };
}

impl Lookups {
    /// Nothing happened.
    pub const ZERO: Self = Self {
        events: LookupEvents::ZERO,
        pending: [0; PENDING],
        large: [0; LARGE_SERVERS],
        allowance: Allowance::NONE,
        clock: [0; 2],
        left: Left::NOTHING,
    };

    /// Size of the layout in 64-bit words.
    pub const WORDS: usize = words(size_of::<Self>());

    /// What `words` hold, summed over CPUs.
    pub fn from_words(words: &[u64; Self::WORDS]) -> Self {
        let mut lookups = Self::ZERO;
        let (events, rest) = words.split_at(LookupEvents::WORDS);
        if let Ok(events) = events.try_into() {
            lookups.events = LookupEvents::from_words(events);
        }
        let places = lookups.pending.iter_mut().chain(&mut lookups.large);
        for (place, word) in places.zip(rest) {
            *place = *word;
        }
        lookups
    }
}

/// What the programs are told about DNS, one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct DnsSettings {
    /// Hashes of the servers that have figures of their own; 0 where there is none.
    pub resolvers: [u64; Resolver::COUNT - 1],
    /// Whether names are handed on.
    pub names: u64,
    /// Where DNS is spoken.
    pub ports: Ports,
}

impl DnsSettings {
    /// No server is known, and names stay where they are.
    pub const QUIET: Self =
        Self { resolvers: [0; Resolver::COUNT - 1], names: 0, ports: Ports::STANDARD };

    /// Size of the layout in 64-bit words.
    pub const WORDS: usize = words(size_of::<Self>());

    /// The words of the layout, in order.
    pub fn words(&self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        let values = self.resolvers.into_iter().chain([self.names]).chain(self.ports.words());
        for (word, value) in words.iter_mut().zip(values) {
            *word = value;
        }
        words
    }

    /// The place of a server among those that have figures of their own, as an index into
    /// [`Resolver::ALL`].
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a number below 16")]
    pub fn place(&self, server: u64) -> u32 {
        // The first places are those that are asked most.
        let known = self.resolvers.iter().position(|known| *known == server);
        known.unwrap_or(Resolver::Other.index()) as u32
    }
}

const _: () = assert!(FURTHER_PORTS == 8);

/// Bytes of a message that are handed on at most: what a classic datagram holds.
pub const NAMES_KEPT: usize = 512;

/// A message whose names are handed on: what stands before its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct NameEvent {
    /// When it was seen, in nanoseconds of the monotonic clock, to a tick of the kernel.
    pub at: u64,
    /// The control group of the socket that sent it; 0 where there is none here.
    pub group: u64,
    /// Who asks, as it stands on the wire; an IPv4 address as it is mapped into IPv6.
    pub client: [u64; 2],
    /// Who is asked.
    pub server: [u64; 2],
    /// Length of the whole message.
    pub len: u64,
}

/// Messages whose names one CPU may hand on within one span: some 60,000 a second where the
/// kernel ticks 250 times a second, as most do. So 20,000 lookups a second are not too many
/// even where one CPU sees all their queries and responses.
pub const ALLOWANCE: u64 = 4096;

/// Such a span is 2 to the power of this many ticks of the kernel, 64 ms at 250 a second.
pub const ALLOWANCE_BITS: u32 = 4;

impl NameEvent {
    /// Length of the layout in bytes.
    pub const LEN: usize = size_of::<Self>();
}

/// Room for an event and the bytes of its message, in 64-bit words.
pub const NAME_WORDS: usize = words(NameEvent::LEN + NAMES_KEPT);

/// Bytes of the ring through which names are handed on; a power of two and a multiple of
/// the page size. A tenth of a second at 40,000 messages a second, of 200 bytes each with
/// what stands before them, is 800 KB.
pub const NAMES_RING: u32 = 1 << 20;
