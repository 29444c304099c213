//! What follows the network layer.

use crate::abi::labels::labels;

labels! {
    /// What follows the network layer, as far as it is counted.
    pub enum Transport {
        /// Nothing that is counted by itself.
        None = "none",
        /// A UDP datagram, without further interest unless the detail says by bits that it
        /// is LLMNR, or goes to or comes from a service that answers with much.
        Udp = "udp",
        /// A TCP segment; the detail is its flag byte with ACK inverted, so that
        /// a plain segment has none of the bits that say more.
        Tcp = "tcp",
        /// A DNS message over UDP that ends before its flags.
        DnsShort = "dns_short",
        /// A DNS query over UDP.
        DnsQuery = "dns_query",
        /// A DNS response over UDP; the detail is an index into [`Rcode`](crate::abi::labels::Rcode).
        DnsResponse = "dns_response",
        /// An ICMP message; the detail is an index into [`IcmpClass`](crate::abi::labels::IcmpClass).
        Icmp = "icmp",
        /// A TCP segment of a connection on which DNS is spoken; the detail is that of TCP.
        DnsSegment = "dns_segment",
    }
}
