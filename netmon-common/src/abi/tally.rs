//! What the TC programs count for one device and one direction.

use super::{
    counters::counters,
    histogram::{DNS_SIZE_BOUNDS, PACKET_SIZE_BOUNDS},
    labels::{Class, Family, IcmpClass, IpVersion, Protocol, Rcode, TcpFlag},
};
use crate::{reject::Reject, scope::Scope};

counters! {
    /// Everything that packets of one device and one direction move. The first
    /// three rows are all that a data packet touches.
    pub struct Tally {
        /// Size of packets on the wire, in bytes from the link layer up. The sum counts the headers of segments that the kernel merged once.
        inner packet_size_bytes(PACKET_SIZE_BOUNDS);
        /// Packets by scope of the remote address and by class, in wire segments.
        inner host_packets[scope: Scope, class: Class];
        /// Bytes by scope of the remote address and by class, from the link layer up.
        inner host_bytes[scope: Scope, class: Class];
        /// TCP segments with remarkable flags. One segment can appear under several values of flag.
        vantage tcp_flags[flag: TcpFlag];
        /// TCP segments with FIN and no other of the six classic flags.
        inner tcp_fin_only;
        /// TCP segments with flag sets that scanners send and TCP stacks do not: none, FIN alone, FIN+PSH+URG, SYN+FIN, SYN+RST.
        inner tcp_stealth;
        /// TCP segments of open connections (ACK, and none of SYN, RST, FIN) by which the sender says that it has no room for data.
        inner tcp_zero_window;
        /// UDP datagrams with port 53 on either side.
        inner dns_datagrams;
        /// Size of DNS messages over UDP, in bytes of UDP payload.
        inner dns_message_bytes(DNS_SIZE_BOUNDS);
        /// DNS queries over UDP.
        inner dns_queries[family: IpVersion];
        /// DNS responses over UDP by response code.
        inner dns_responses[family: IpVersion, rcode: Rcode];
        /// UDP datagrams with the multicast DNS port 5353 on either side.
        inner mdns_packets;
        /// UDP datagrams with the port 5355 of Link-Local Multicast Name Resolution on either side, and no DNS port.
        inner llmnr_packets;
        /// UDP datagrams to the ports of services that answer with much (19, 123, 161, 389, 1900, 3702, 11211), and no DNS port.
        inner amplifier_requests;
        /// UDP datagrams from these ports, and no DNS port.
        inner amplifier_answers;
        /// Bytes of these answers on the wire, from the link layer up.
        inner amplifier_answer_bytes;
        /// ICMP and ICMPv6 messages by class.
        vantage icmp_messages[family: IpVersion, class: IcmpClass];
        /// Packets that are IP fragments: for IPv4 the first and the later ones, for IPv6 every fragment header.
        vantage fragments[family: IpVersion];
        /// First fragments too short for a whole TCP or UDP header, by which TCP flags can be hidden.
        inner tiny_first_fragments;
        /// Packets with at least one VLAN tag.
        inner vlan_packets;
        /// Packets that belong to no class, by reason.
        inner rejected_packets[reason: Reject];
        /// Rejected packets by the network layer that they claim.
        inner rejected_families[family: Family];
        /// Rejected packets that end before their transport header, by the protocol that they claim.
        inner unread_transport[protocol: Protocol];
        /// Packets beyond the first of every merged buffer.
        inner merged_packets;
        /// Bytes of the headers of these packets, which the buffers do not have.
        inner merged_headers_bytes;
    }
}

/// Position of a cell of `host_packets` and `host_bytes`, from the indices of a
/// scope and a class.
#[inline(always)]
pub const fn host_cell(scope: usize, class: usize) -> usize {
    scope.wrapping_mul(Class::COUNT).wrapping_add(class)
}

/// The sum of an array of counters.
fn sum(cells: impl IntoIterator<Item = u64>) -> u64 {
    cells.into_iter().fold(0, u64::wrapping_add)
}

impl Tally {
    /// Packets, in wire segments.
    pub fn packets(&self) -> u64 {
        self.packet_size_bytes.total()
    }

    /// Bytes, from the link layer up.
    pub fn bytes(&self) -> u64 {
        self.packet_size_bytes.sum
    }

    /// Packets that were classed and that `wanted` picks.
    pub fn classed(&self, wanted: impl Fn(Scope, Class) -> bool) -> u64 {
        sum(Scope::ALL
            .iter()
            .flat_map(|scope| Class::ALL.iter().map(move |class| (*scope, *class)))
            .zip(self.host_packets)
            .filter(|((scope, class), _)| wanted(*scope, *class))
            .map(|(_, packets)| packets))
    }

    /// Packets that were rejected.
    pub fn rejected(&self) -> u64 {
        sum(self.rejected_packets)
    }

    /// By how much classes and rejects differ from packets. Anything but 0 is a
    /// fault of netmon.
    pub fn unexplained(&self) -> u64 {
        self.packets().abs_diff(self.classed(|_, _| true).wrapping_add(self.rejected()))
    }

    /// Packets of a network layer, whether or not they could be classed.
    pub fn family_packets(&self, family: Family) -> u64 {
        let rejected = self.rejected_families.get(family.index()).copied().unwrap_or(0);
        self.classed(|_, class| class.family() == family).wrapping_add(rejected)
    }

    /// Packets of a transport protocol, later fragments excepted, whether or
    /// not their transport header could be read.
    pub fn protocol_packets(&self, protocol: Protocol) -> u64 {
        let unread = self.unread_transport.get(protocol.index()).copied().unwrap_or(0);
        self.classed(|_, class| class.protocol() == protocol).wrapping_add(unread)
    }

    /// Segments with a given flag property.
    pub fn flag(&self, flag: TcpFlag) -> u64 {
        self.tcp_flags.get(flag.index()).copied().unwrap_or(0)
    }

    /// DNS messages over UDP that are longer than `bytes`, which must be one of
    /// [`DNS_SIZE_BOUNDS`].
    pub fn dns_longer_than(&self, bytes: u64) -> u64 {
        sum(DNS_SIZE_BOUNDS
            .iter()
            .copied()
            .chain([u64::MAX])
            .zip(self.dns_message_bytes.buckets)
            .filter(|(bound, _)| *bound > bytes)
            .map(|(_, count)| count))
    }
}
