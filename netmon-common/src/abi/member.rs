//! The members of kernel structures that the programs read.
//!
//! Their offsets differ between kernels. The daemon looks them up in the running
//! kernel's BTF and hands them over before the programs are loaded.

use super::labels::labels;

/// Offset of a member that the running kernel does not have.
pub const NO_MEMBER: u32 = u32::MAX;

labels! {
    /// A member, by its path: structure and member, once for every structure that
    /// lies inside of another or behind a pointer.
    pub enum Member {
        /// Segments that a buffer becomes.
        SkbTcpGsoSegs = "sk_buff.cb tcp_skb_cb.tcp_gso_segs",
        /// TCP flags of a buffer.
        SkbTcpFlags = "sk_buff.cb tcp_skb_cb.tcp_flags",
        /// Bytes of a buffer.
        SkbLen = "sk_buff.len",
        /// References to a buffer.
        SkbUsers = "sk_buff.users",
        /// Where the memory of a buffer begins.
        SkbHead = "sk_buff.head",
        /// Where the IP header stands in it, in bytes.
        SkbNetworkHeader = "sk_buff.network_header",
        /// Device of a buffer.
        SkbDevice = "sk_buff.dev",
        /// Namespace of a device.
        DeviceNet = "net_device.nd_net",
        /// Remote IPv4 address.
        SockDaddr = "sock_common.skc_daddr",
        /// Remote IPv6 address.
        SockDaddr6 = "sock_common.skc_v6_daddr",
        /// Address family.
        SockFamily = "sock_common.skc_family",
        /// State.
        SockState = "sock_common.skc_state",
        /// Local IPv4 address.
        SockLocal = "sock_common.skc_rcv_saddr",
        /// Local IPv6 address.
        SockLocal6 = "sock_common.skc_v6_rcv_saddr",
        /// Remote port, in network byte order.
        SockDport = "sock_common.skc_dport",
        /// Local port, in host byte order; 0 once the port was given back.
        SockNum = "sock_common.skc_num",
        /// Network namespace.
        SockNet = "sock_common.skc_net",
        /// Transport protocol.
        SockProtocol = "sock.sk_protocol",
        /// Flags of the socket: bit 0 is set once no process has it any more, bit 1 once
        /// the peer has said that it is done.
        SockFlags = "sock_common.skc_flags",
        /// Control group of whoever made the socket, or its listener.
        SockGroup = "sock.sk_cgrp_data sock_cgroup_data.cgroup",
        /// What stands for a control group in its file system.
        GroupNode = "cgroup.kn",
        /// The number of that.
        NodeNumber = "kernfs_node.id",
        /// Why the connection broke, as an error number.
        SockError = "sock.sk_err",
        /// Local port, in network byte order, also after the port was given back.
        InetSport = "inet_sock.inet_sport",
        /// Congestion state, in the low five bits.
        CongestionState = "inet_connection_sock.icsk_ca_state",
        /// Which timer is set.
        PendingTimer = "inet_connection_sock.icsk_pending",
        /// Smoothed round-trip time in eighths of a microsecond.
        Srtt = "tcp_sock.srtt_us",
        /// Variation of the round-trip time in quarters of a microsecond.
        RttVariation = "tcp_sock.mdev_us",
        /// Segments sent.
        SegmentsSent = "tcp_sock.segs_out",
        /// Segments sent again.
        TotalRetransmits = "tcp_sock.total_retrans",
        /// Bytes sent, those sent again included.
        BytesSent = "tcp_sock.bytes_sent",
        /// Bytes sent again.
        BytesRetransmitted = "tcp_sock.bytes_retrans",
        /// Segments with payload sent.
        DataSegmentsSent = "tcp_sock.data_segs_out",
        /// Segments with payload received.
        DataSegmentsReceived = "tcp_sock.data_segs_in",
        /// Bytes received in order.
        BytesReceived = "tcp_sock.bytes_received",
        /// Packets that came out of order.
        OutOfOrder = "tcp_sock.rcv_ooopack",
        /// When the first answer to a request was sent, in microseconds.
        RequestAnswered = "tcp_request_sock.snt_synack",
        /// Number of a network namespace.
        NetNumber = "net.ns ns_common.inum",
    }
}
