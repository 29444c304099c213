//! Why a frame could not be classed.

use crate::abi::labels::labels;

labels! {
    /// The named reason for which a frame belongs to no class. Each reason is a
    /// counter, so that nothing vanishes uncounted.
    pub enum Reject {
        /// The frame ends before a header that it announces.
        Truncated = "truncated",
        /// The first fragment ends before or within its transport header.
        TinyFragment = "tiny_fragment",
        /// The IP version field contradicts the link layer.
        IpVersion = "ip_version",
        /// The IPv4 header length is below the minimum of 20 bytes.
        IpHeaderLength = "ip_header_length",
        /// The IPv6 extension header chain is longer than
        /// [`MAX_EXTENSION_HEADERS`](crate::wire::ipv6::MAX_EXTENSION_HEADERS).
        ExtHeaderLimit = "ext_header_limit",
        /// The device or capture has a link type that netmon cannot read.
        LinkType = "link_type",
    }
}
