//! The counting rules: the only place that says which counter moves.

use crate::{
    abi::{
        histogram::{DNS_SIZE_BOUNDS, PACKET_SIZE_BOUNDS},
        labels::{IcmpClass, Protocol, Rcode, TcpFlag},
        tally::Tally,
    },
    packet::{Packet, Transport},
    wire::tcp::{ACK, FIN, PSH, RST, SYN, URG},
};

/// How much one buffer of the kernel was on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Bytes from the link layer up; headers of merged segments count once, as
    /// the kernel's interface statistics count them.
    pub bytes: u64,
    /// Packets on the wire.
    pub segments: u64,
    /// Size of every packet but the last.
    pub segment_bytes: u64,
    /// Size of the last packet.
    pub last_bytes: u64,
}

impl Volume {
    /// One packet of `bytes` bytes.
    #[inline(always)]
    pub const fn packet(bytes: u64) -> Self {
        Self { bytes, segments: 1, segment_bytes: bytes, last_bytes: bytes }
    }

    /// A buffer of `bytes` bytes that is several packets on the wire: `headers`
    /// bytes of headers, then payload in portions of `gso_size` bytes.
    /// `gso_segments` is the kernel's own count of them, 0 when it has none.
    #[inline(always)]
    pub fn merged(bytes: u64, headers: u64, gso_size: u64, gso_segments: u64) -> Self {
        let payload = bytes.saturating_sub(headers);
        let gso_size = gso_size.max(1);
        let segments = match gso_segments {
            0 => payload.div_ceil(gso_size).max(1),
            known => known,
        };
        let before_last = segments.wrapping_sub(1).wrapping_mul(gso_size);
        Self {
            bytes,
            segments,
            segment_bytes: headers.wrapping_add(gso_size),
            last_bytes: headers.wrapping_add(payload.saturating_sub(before_last)),
        }
    }
}

/// Counts one packet.
#[inline(always)]
pub fn account(tally: &mut Tally, packet: Packet, volume: &Volume) {
    let n = volume.segments;
    // Most packets are plain, and one comparison says so.
    if packet.is_plain()
        || account_details(tally, packet, n, volume.segment_bytes, volume.last_bytes)
    {
        bump(&mut tally.host_packets, packet.cell(), n);
        bump(&mut tally.host_bytes, packet.cell(), volume.bytes);
    }
    let sizes = &mut tally.packet_size_bytes;
    add(&mut sizes.sum, volume.bytes);
    sizes.count(&PACKET_SIZE_BOUNDS, volume.last_bytes, 1);
    if n > 1 {
        sizes.count(&PACKET_SIZE_BOUNDS, volume.segment_bytes, n.wrapping_sub(1));
    }
}

/// Counts what merging saved. Beside [`account`], which is crowded, and for merged
/// buffers alone: of others it counts nothing.
#[inline(always)]
pub fn account_merged(tally: &mut Tally, volume: &Volume) {
    let more = volume.segments.wrapping_sub(1);
    add(&mut tally.merged_packets, more);
    let wire = volume.segment_bytes.wrapping_mul(more).wrapping_add(volume.last_bytes);
    add(&mut tally.merged_headers_bytes, wire.wrapping_sub(volume.bytes));
}

/// Counts what is remarkable about a packet, and says whether it has a class.
///
/// A function of its own, so that what it needs does not take the registers of
/// the packets that never come here; its arguments are numbers, because the
/// address of a volume would force it into memory.
#[inline(always)]
fn account_details(
    tally: &mut Tally,
    packet: Packet,
    n: u64,
    segment_bytes: u64,
    last_bytes: u64,
) -> bool {
    if packet.vlan_tags() > 0 {
        add(&mut tally.vlan_packets, n);
        if packet.without_tags().is_plain() {
            return true;
        }
    }
    if packet.fragments() > 0 {
        bump(&mut tally.fragments, packet.ip_version_index(), n.wrapping_mul(packet.fragments()));
        if packet.is_tiny_first_fragment() {
            add(&mut tally.tiny_first_fragments, n);
        }
    }
    if let Some(reject) = packet.reject_index() {
        bump(&mut tally.rejected_packets, reject, n);
        bump(&mut tally.rejected_families, packet.family_index(), n);
        if packet.protocol_index() != Protocol::Other.index() {
            bump(&mut tally.unread_transport, packet.protocol_index(), n);
        }
        return false;
    }
    account_transport(tally, packet, n, segment_bytes, last_bytes);
    true
}

#[inline(always)]
fn account_transport(
    tally: &mut Tally,
    packet: Packet,
    n: u64,
    segment_bytes: u64,
    last_bytes: u64,
) {
    let version = packet.ip_version_index();
    if packet.is_mdns() {
        add(&mut tally.mdns_packets, n);
    }
    if packet.is_tcp() {
        account_flags(tally, packet.tcp_flags(), n);
        // A connection that begins or ends has no window that could be closed, and
        // resets have 0 there.
        let open = packet.tcp_flags() & (SYN | RST | FIN | ACK) == ACK;
        if open && packet.has_zero_window() {
            add(&mut tally.tcp_zero_window, n);
        }
    } else if packet.is(Transport::Icmp) {
        bump(&mut tally.icmp_messages, pair(version, IcmpClass::COUNT, packet.detail()), n);
    } else if packet.is(Transport::Udp) {
        account_datagram(tally, packet, n, segment_bytes, last_bytes);
    } else if packet.is_dns() {
        add(&mut tally.dns_datagrams, n);
        if packet.is(Transport::DnsQuery) {
            bump(&mut tally.dns_queries, version, n);
        } else if packet.is(Transport::DnsResponse) {
            bump(&mut tally.dns_responses, pair(version, Rcode::COUNT, packet.detail()), n);
        }
        account_message_sizes(tally, packet, n, segment_bytes, last_bytes);
    }
}

/// Counts what is remarkable about a datagram that is no DNS.
#[inline(always)]
fn account_datagram(
    tally: &mut Tally,
    packet: Packet,
    n: u64,
    segment_bytes: u64,
    last_bytes: u64,
) {
    if packet.is_llmnr() {
        add(&mut tally.llmnr_packets, n);
    }
    if packet.is_amplifier_request() {
        add(&mut tally.amplifier_requests, n);
    }
    if packet.is_amplifier_answer() {
        add(&mut tally.amplifier_answers, n);
        let before_last = segment_bytes.wrapping_mul(n.wrapping_sub(1));
        add(&mut tally.amplifier_answer_bytes, before_last.wrapping_add(last_bytes));
    }
}

/// Counts the sizes of DNS messages: as UDP claims the one, or, where UDP claims
/// the sum of merged datagrams, by the packets on the wire.
#[inline(always)]
fn account_message_sizes(
    tally: &mut Tally,
    packet: Packet,
    n: u64,
    segment_bytes: u64,
    last_bytes: u64,
) {
    let sizes = &mut tally.dns_message_bytes;
    let mut last = packet.claimed_message_len();
    if n > 1 {
        let before_last = n.wrapping_sub(1);
        let each = segment_bytes.saturating_sub(packet.headers());
        last = last_bytes.saturating_sub(packet.headers());
        add(&mut sizes.sum, each.wrapping_mul(before_last));
        sizes.count(&DNS_SIZE_BOUNDS, each, before_last);
    }
    sizes.observe(&DNS_SIZE_BOUNDS, last);
}

/// Position of a cell in an array of two dimensions, the second `columns` wide.
#[inline(always)]
const fn pair(row: usize, columns: usize, column: usize) -> usize {
    row.wrapping_mul(columns).wrapping_add(column)
}

/// The bits that tell a plain segment: PSH is left out, it says nothing.
const REMARKABLE: u8 = FIN | SYN | RST | ACK | URG;
/// All six classic bits; ECE and CWR are congestion control (RFC 3168).
const CLASSIC: u8 = REMARKABLE | PSH;

#[inline(always)]
fn account_flags(tally: &mut Tally, flags: u8, n: u64) {
    if flags & REMARKABLE == ACK {
        return;
    }
    let has = |bits| flags & bits == bits;
    let flags = flags & CLASSIC;
    let counters = &mut tally.tcp_flags;
    let mut count = |flag: TcpFlag| bump(counters, flag.index(), n);
    if has(SYN | ACK) {
        count(TcpFlag::Synack);
    } else if has(SYN) {
        count(TcpFlag::Syn);
    }
    if has(FIN) {
        count(TcpFlag::Fin);
    }
    if has(RST) {
        count(TcpFlag::Rst);
    }
    let null = flags == 0;
    let xmas = has(FIN | PSH | URG) && flags & (SYN | RST | ACK) == 0;
    let syn_fin = has(SYN | FIN);
    let syn_rst = has(SYN | RST);
    let unanchored = flags & (SYN | RST | ACK) == 0;
    if null {
        count(TcpFlag::Null);
    } else if xmas {
        count(TcpFlag::Xmas);
    } else if syn_rst || unanchored {
        count(TcpFlag::OtherInvalid);
    }
    if syn_fin {
        count(TcpFlag::SynFin);
    }
    let fin_only = flags == FIN;
    if fin_only {
        add(&mut tally.tcp_fin_only, n);
    }
    if null || xmas || fin_only || syn_fin || syn_rst {
        add(&mut tally.tcp_stealth, n);
    }
}

#[inline(always)]
fn add(counter: &mut u64, n: u64) {
    *counter = counter.wrapping_add(n);
}

/// Adds to one counter of an array; nothing where the array has no such counter.
#[inline(always)]
pub fn bump<const N: usize>(counters: &mut [u64; N], index: usize, n: u64) {
    if let Some(counter) = counters.get_mut(index) {
        add(counter, n);
    }
}
