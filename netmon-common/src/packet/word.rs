//! What the parser learned of a frame, packed into one word.

use super::{Link, Transport};
use crate::{
    abi::{
        labels::{Class, Family, Protocol},
        tally::host_cell,
    },
    reject::Reject,
    scope::Scope,
    wire::{dns, ethernet, ipv6, tcp, vlan},
};

/// What the parser learned of a frame, packed into one word. It is complete
/// even when the frame was rejected: it then says how far the parser came.
///
/// One word, because the verifier walks every combination of what the kernel
/// program holds in registers: the paths of the parser meet in this word, and
/// the counting rules start from it alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet(u64);

/// Some bits of a [`Packet`].
#[derive(Clone, Copy)]
pub(super) struct Field {
    shift: u32,
    bits: u32,
}

/// 0, or the index of the reject reason plus 1.
pub(super) const REJECT: Field = Field { shift: 0, bits: 4 };
pub(super) const VLAN_TAGS: Field = REJECT.then(3);
pub(super) const FRAGMENTS: Field = VLAN_TAGS.then(4);
pub(super) const TINY: Field = FRAGMENTS.then(1);
pub(super) const MDNS: Field = TINY.then(1);
/// Whether the transport is counted by itself whatever its detail: a message, a TCP
/// segment with a window of 0, or one with DNS in it.
pub(super) const MESSAGE: Field = MDNS.then(1);
pub(super) const DETAIL: Field = MESSAGE.then(8);
pub(super) const TRANSPORT: Field = DETAIL.then(3);
/// Position among the counters by scope and class: see [`host_cell`].
pub(super) const CELL: Field = TRANSPORT.then(6);
pub(super) const FAMILY: Field = CELL.then(2);
pub(super) const HEADERS: Field = FAMILY.then(15);
/// Of a segment with DNS in it, whether its window is 0.
pub(super) const MESSAGE_LEN: Field = HEADERS.then(16);

/// What the detail of a datagram that is no DNS is made of: port 5355 on either side.
pub(super) const LLMNR: u64 = 1 << 0;
/// To one of [`udp::AMPLIFIERS`](crate::wire::udp::AMPLIFIERS).
pub(super) const REQUEST: u64 = 1 << 1;
/// From one of them.
pub(super) const ANSWER: u64 = 1 << 2;

/// The bits of which none is set in a packet that is counted by nothing but its
/// cell and size. They stand in the lowest bits, so that one instruction of the
/// kernel's machine tests them all.
const REMARKABLE: u64 = REJECT.in_place()
    | VLAN_TAGS.in_place()
    | FRAGMENTS.in_place()
    | TINY.in_place()
    | MDNS.in_place()
    | MESSAGE.in_place()
    | DETAIL.of((tcp::FIN | tcp::SYN | tcp::RST | tcp::ACK | tcp::URG) as u64);

const _: () = {
    // Such a datagram does not pass for a plain one.
    assert!(DETAIL.of(LLMNR | REQUEST | ANSWER) & !REMARKABLE == 0);
    assert!(MESSAGE_LEN.shift + MESSAGE_LEN.bits <= u64::BITS);
    assert!(REMARKABLE < 1 << 31);
    // No extension header is longer than 2048 bytes, and what else there is,
    // from the link layer to TCP's own options, fits into 256.
    assert!(ipv6::MAX_EXTENSION_HEADERS * 2048 + 256 < 1 << HEADERS.bits);
    assert!(Reject::COUNT < 1 << REJECT.bits);
    assert!(vlan::MAX_TAGS + 1 < 1 << VLAN_TAGS.bits);
    assert!(host_cell(Scope::COUNT - 1, Class::COUNT - 1) < 1 << CELL.bits);
    assert!(Family::COUNT <= 1 << FAMILY.bits);
    assert!(ipv6::MAX_EXTENSION_HEADERS < 1 << FRAGMENTS.bits);
    assert!(Transport::COUNT <= 1 << TRANSPORT.bits);
};

impl Field {
    /// The field of `bits` bits that follows this one.
    const fn then(self, bits: u32) -> Self {
        Self { shift: self.shift.wrapping_add(self.bits), bits }
    }

    /// All bits of the field, where they stand.
    const fn in_place(self) -> u64 {
        self.of(self.mask())
    }

    /// `value` where the field stands.
    const fn of(self, value: u64) -> u64 {
        value.wrapping_shl(self.shift)
    }

    const fn mask(self) -> u64 {
        1_u64.wrapping_shl(self.bits).wrapping_sub(1)
    }
}

impl Packet {
    /// The packed form.
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// The packet of a packed form.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline(always)]
    const fn get(self, field: Field) -> u64 {
        self.0.wrapping_shr(field.shift) & field.mask()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fields have at most 16 bits")]
    pub(super) const fn index(self, field: Field) -> usize {
        self.get(field) as usize
    }

    /// Raises a field by `value`.
    ///
    /// By addition, of which the verifier learns nothing when it knows nothing
    /// of the word so far: see [`Bytes::forget`](crate::bytes::Bytes::forget).
    #[inline(always)]
    pub(super) const fn set(&mut self, field: Field, value: u64) {
        self.0 = self.0.wrapping_add(field.of(value));
    }

    /// Why the frame belongs to no class, if so, as an index into
    /// [`Reject::ALL`].
    #[inline(always)]
    pub(crate) const fn reject_index(self) -> Option<usize> {
        self.index(REJECT).checked_sub(1)
    }

    /// Whether the frame was rejected for this reason.
    #[inline(always)]
    pub const fn is_rejected_as(self, reject: Reject) -> bool {
        self.get(REJECT) == (reject.index() as u64).wrapping_add(1)
    }

    /// VLAN tags in the frame.
    #[inline(always)]
    pub const fn vlan_tags(self) -> u64 {
        self.get(VLAN_TAGS)
    }

    /// The same packet with more VLAN tags, which stood beside the frame.
    #[inline(always)]
    #[must_use]
    pub const fn with_outer_tags(mut self, tags: u64) -> Self {
        self.set(VLAN_TAGS, tags);
        self
    }

    /// The same packet with longer headers, if they are known: by the tags that
    /// stood beside the frame.
    #[inline(always)]
    #[must_use]
    pub const fn with_longer_headers(mut self, bytes: u64) -> Self {
        if self.headers() != 0 {
            self.set(HEADERS, bytes);
        }
        self
    }

    /// Position among the counters by scope and class.
    #[inline(always)]
    pub(crate) const fn cell(self) -> usize {
        self.index(CELL)
    }

    /// The class, as an index into [`Class::ALL`].
    #[inline(always)]
    pub(super) const fn class_index(self) -> usize {
        self.cell() % Class::COUNT
    }

    /// The same packet without its VLAN tags.
    #[inline(always)]
    pub(crate) const fn without_tags(self) -> Self {
        Self(self.0 & !VLAN_TAGS.in_place())
    }

    /// Network layer that the link layer announces, as an index into
    /// [`Family::ALL`].
    #[inline(always)]
    pub(crate) const fn family_index(self) -> usize {
        self.index(FAMILY)
    }

    /// The IP version, as an index into
    /// [`IpVersion::ALL`](crate::abi::labels::IpVersion::ALL); out of range
    /// where there is none.
    #[inline(always)]
    pub(crate) const fn ip_version_index(self) -> usize {
        self.family_index().wrapping_sub(1)
    }

    /// Transport protocol, as an index into [`Protocol::ALL`]; `Other` for later
    /// fragments and as long as it is not known.
    #[inline(always)]
    pub(crate) const fn protocol_index(self) -> usize {
        // The classes of a version stand together, behind the one without IP.
        self.class_index().saturating_sub(1) % Protocol::COUNT
    }

    /// Whether there is a remote address whose scope counts: an IP header that
    /// was read, in a packet that was not rejected.
    #[inline(always)]
    pub(super) const fn has_scope(self) -> bool {
        self.get(REJECT) == 0 && self.family_index() != Family::Other.index()
    }

    /// The same packet with another scope.
    #[inline(always)]
    pub(super) const fn with_scope(self, scope: Scope) -> Self {
        let cell = host_cell(scope.index(), self.class_index());
        Self((self.0 & !CELL.in_place()) | CELL.of(cell as u64))
    }

    /// Scope of the remote address, as an index into [`Scope::ALL`].
    #[inline(always)]
    pub(crate) const fn scope_index(self) -> usize {
        self.cell() / Class::COUNT
    }

    /// Fragment headers that were met.
    #[inline(always)]
    pub const fn fragments(self) -> u64 {
        self.get(FRAGMENTS)
    }

    /// Whether a first fragment is too short for a whole transport header.
    #[inline(always)]
    pub const fn is_tiny_first_fragment(self) -> bool {
        self.get(TINY) != 0
    }

    /// Whether nothing moves but packets and bytes: no tag, no fragment, no
    /// reject, and nothing in the transport that is counted by itself.
    #[inline(always)]
    pub const fn is_plain(self) -> bool {
        self.0 & REMARKABLE == 0
    }

    /// What is counted of the transport layer.
    #[inline(always)]
    pub const fn is(self, transport: Transport) -> bool {
        self.get(TRANSPORT) == transport.index() as u64
    }

    /// Whether this is a TCP segment.
    #[inline(always)]
    pub const fn is_tcp(self) -> bool {
        self.is(Transport::Tcp) || self.is(Transport::DnsSegment)
    }

    /// Whether this is a DNS message over UDP of any kind.
    #[inline(always)]
    pub const fn is_dns(self) -> bool {
        self.is(Transport::DnsShort)
            || self.is(Transport::DnsQuery)
            || self.is(Transport::DnsResponse)
    }

    /// Whether `len` bytes of the frame are too few to tell all of it.
    #[inline(always)]
    pub const fn is_cut_at(self, len: usize) -> bool {
        self.is_rejected_as(Reject::Truncated)
            || self.is_rejected_as(Reject::TinyFragment)
            || self.is_tcp() && len < self.index(HEADERS)
            || self.is_dns() && len < self.index(HEADERS).wrapping_add(dns::READ)
    }

    /// Whether this is a UDP datagram with port 5353 on either side.
    #[inline(always)]
    pub const fn is_mdns(self) -> bool {
        self.get(MDNS) != 0
    }

    /// Whether this is a UDP datagram with port 5355 on either side, and no DNS.
    #[inline(always)]
    pub const fn is_llmnr(self) -> bool {
        self.is(Transport::Udp) && self.get(DETAIL) & LLMNR != 0
    }

    /// Whether this is a UDP datagram to a service that answers with much, and no DNS.
    #[inline(always)]
    pub const fn is_amplifier_request(self) -> bool {
        self.is(Transport::Udp) && self.get(DETAIL) & REQUEST != 0
    }

    /// Whether this is a UDP datagram from such a service, and no DNS.
    #[inline(always)]
    pub const fn is_amplifier_answer(self) -> bool {
        self.is(Transport::Udp) && self.get(DETAIL) & ANSWER != 0
    }

    /// What [`Transport`] says of it.
    #[inline(always)]
    pub(crate) const fn detail(self) -> usize {
        self.index(DETAIL)
    }

    /// The flag byte of a TCP segment.
    #[inline(always)]
    pub const fn tcp_flags(self) -> u8 {
        let [detail, ..] = self.get(DETAIL).to_le_bytes();
        detail ^ tcp::ACK
    }

    /// Not 0 if this may speak of an attempt to connect, if it is TCP: a segment with SYN, or
    /// with neither ACK nor RST, or a first fragment that is too short to say. A number and
    /// no answer, because the verifier walks on from each answer.
    #[inline(always)]
    pub const fn may_ask(self) -> u64 {
        const { assert!(tcp::SYN == 1 << 1 && tcp::RST == 1 << 2 && tcp::ACK == 1 << 4) };
        let flags = self.get(DETAIL) ^ tcp::ACK as u64;
        let asks = flags >> 1 | !(flags >> 2 | flags >> 4);
        self.get(TINY) | asks & 1
    }

    /// Whether this is a TCP segment with a window field of 0.
    #[inline(always)]
    pub const fn has_zero_window(self) -> bool {
        if self.is(Transport::DnsSegment) {
            self.get(MESSAGE_LEN) != 0
        } else {
            self.get(MESSAGE) != 0 && self.is(Transport::Tcp)
        }
    }

    /// Bytes of headers up to the transport payload; 0 when not known.
    #[inline(always)]
    pub const fn headers(self) -> u64 {
        self.get(HEADERS)
    }

    /// 1 for IPv6, 0 for IPv4, in a packet of either: a number, of which nothing is asked.
    #[inline(always)]
    pub const fn version_6(self) -> u64 {
        const { assert!(Family::Ipv4.index() == 0b01 && Family::Ipv6.index() == 0b10) };
        self.get(FAMILY) >> 1
    }

    /// Offset of the IP header in a frame with this link type, one that devices have, when
    /// `beside` of its tags stood beside it: [`network`](super::network) without a look at
    /// the frame.
    #[inline(always)]
    pub const fn network(self, link: usize, beside: u64) -> u64 {
        let header = if link == Link::Ethernet.index() { ethernet::HEADER_LEN as u64 } else { 0 };
        let tags = self.vlan_tags().wrapping_sub(beside);
        header.wrapping_add(tags.wrapping_mul(vlan::TAG_LEN as u64))
    }

    /// Length of the UDP payload as UDP claims it, in bytes.
    #[inline(always)]
    pub const fn claimed_message_len(self) -> u64 {
        self.get(MESSAGE_LEN)
    }
}
