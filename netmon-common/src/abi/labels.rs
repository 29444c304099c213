//! Closed sets of label values.
//!
//! What is assumed until it is known stands first in `Family`, `Protocol` and
//! `Scope`, so that a packet of which nothing is known is the number 0.

pub use super::dns_labels::{DnsTransport, QueryType, Resolver};

/// Declares an enum whose variants are label values, in counter order.
///
/// `COUNT`, `ALL` and `LABELS` follow from the list, so that a new value is one
/// line here and reaches layouts, metrics and documentation by itself.
macro_rules! labels {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $label:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        $vis enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in counter order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// How many values there are.
            pub const COUNT: usize = Self::ALL.len();
            /// The label values, in counter order.
            pub const LABELS: &'static [&'static str] = &[$($label,)+];

            /// The value as it appears in labels and JSON keys.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            /// The position of this value in a counter array.
            #[inline(always)]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use labels;

labels! {
    /// Which way a packet crosses a device.
    pub enum Direction {
        /// Into the host, or out of a socket's view: received by the device.
        Ingress = "ingress",
        /// Sent by the device.
        Egress = "egress",
    }
}

labels! {
    /// Network layer of a frame, as its link layer announces it.
    pub enum Family {
        /// Anything else: ARP, LLDP, spanning tree, ...
        Other = "other",
        /// Internet Protocol version 4.
        Ipv4 = "ipv4",
        /// Internet Protocol version 6.
        Ipv6 = "ipv6",
    }
}

labels! {
    /// The two versions of the Internet Protocol, where nothing else can occur.
    pub enum IpVersion {
        /// Version 4.
        V4 = "ipv4",
        /// Version 6.
        V6 = "ipv6",
    }
}

labels! {
    /// Transport protocols that are told apart.
    pub enum Protocol {
        /// Any other protocol, and every fragment but the first.
        Other = "other",
        /// Transmission Control Protocol (6).
        Tcp = "tcp",
        /// User Datagram Protocol (17).
        Udp = "udp",
        /// ICMP (1) and ICMPv6 (58).
        Icmp = "icmp",
    }
}

labels! {
    /// The class of a packet that was parsed: its family and its protocol.
    pub enum Class {
        /// No IP at all.
        NonIp = "non_ip",
        /// Anything else over IPv4.
        Ipv4Other = "ipv4_other",
        /// TCP over IPv4.
        Ipv4Tcp = "ipv4_tcp",
        /// UDP over IPv4.
        Ipv4Udp = "ipv4_udp",
        /// ICMP over IPv4.
        Ipv4Icmp = "ipv4_icmp",
        /// Anything else over IPv6.
        Ipv6Other = "ipv6_other",
        /// TCP over IPv6.
        Ipv6Tcp = "ipv6_tcp",
        /// UDP over IPv6.
        Ipv6Udp = "ipv6_udp",
        /// ICMP over IPv6.
        Ipv6Icmp = "ipv6_icmp",
    }
}

impl Class {
    /// The network layer of this class.
    pub const fn family(self) -> Family {
        match self {
            Self::Ipv4Tcp | Self::Ipv4Udp | Self::Ipv4Icmp | Self::Ipv4Other => Family::Ipv4,
            Self::Ipv6Tcp | Self::Ipv6Udp | Self::Ipv6Icmp | Self::Ipv6Other => Family::Ipv6,
            Self::NonIp => Family::Other,
        }
    }

    /// The transport protocol of this class.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Ipv4Tcp | Self::Ipv6Tcp => Protocol::Tcp,
            Self::Ipv4Udp | Self::Ipv6Udp => Protocol::Udp,
            Self::Ipv4Icmp | Self::Ipv6Icmp => Protocol::Icmp,
            Self::Ipv4Other | Self::Ipv6Other | Self::NonIp => Protocol::Other,
        }
    }
}

labels! {
    /// What is remarkable about the flags of a TCP segment. One segment can be
    /// counted under several values.
    pub enum TcpFlag {
        /// SYN set and ACK clear, whatever the other bits.
        Syn = "syn",
        /// SYN and ACK set.
        Synack = "synack",
        /// FIN set.
        Fin = "fin",
        /// RST set.
        Rst = "rst",
        /// None of FIN, SYN, RST, PSH, ACK, URG.
        Null = "null",
        /// FIN, PSH and URG set; SYN, RST and ACK clear.
        Xmas = "xmas",
        /// SYN and FIN set.
        SynFin = "syn_fin",
        /// Any other set that no TCP stack sends: SYN with RST, or no SYN, RST
        /// or ACK at all (FIN alone among them).
        OtherInvalid = "other_invalid",
    }
}

labels! {
    /// Groups of ICMP and ICMPv6 message types.
    pub enum IcmpClass {
        /// Echo request and reply.
        Echo = "echo",
        /// Destination unreachable, but for "fragmentation needed".
        Unreachable = "unreachable",
        /// Fragmentation needed (IPv4), packet too big (IPv6).
        FragNeeded = "frag_needed",
        /// Time exceeded.
        TtlExceeded = "ttl_exceeded",
        /// Redirect.
        Redirect = "redirect",
        /// Neighbour and router discovery.
        Nd = "nd",
        /// Any other type.
        Other = "other",
    }
}

labels! {
    /// DNS response codes that are told apart (RFC 1035, section 4.1.1).
    pub enum Rcode {
        /// No error.
        NoError = "noerror",
        /// Format error.
        FormErr = "formerr",
        /// Server failure.
        ServFail = "servfail",
        /// The name does not exist.
        NxDomain = "nxdomain",
        /// Not implemented.
        NotImp = "notimp",
        /// Refused by policy.
        Refused = "refused",
        /// Any other code, or a message too short to hold one.
        Other = "other",
    }
}

impl Rcode {
    /// The code of the low four bits of the flags.
    #[inline(always)]
    pub const fn of(number: u8) -> Self {
        match number {
            0 => Self::NoError,
            1 => Self::FormErr,
            2 => Self::ServFail,
            3 => Self::NxDomain,
            4 => Self::NotImp,
            5 => Self::Refused,
            _ => Self::Other,
        }
    }
}

labels! {
    /// Why TCP sent a segment again.
    pub enum RetransmitKind {
        /// The retransmission timer ran out.
        Rto = "rto",
        /// Acknowledgements told of a loss.
        Fast = "fast",
        /// A tail-loss probe (RFC 8985, section 7).
        Tlp = "tlp",
        /// A connection request.
        Syn = "syn",
        /// The answer to a connection request.
        Synack = "synack",
    }
}

labels! {
    /// Which end of a connection this host is.
    pub enum Role {
        /// The end that asked for the connection.
        Active = "active",
        /// The end that accepted it.
        Passive = "passive",
    }
}

labels! {
    /// How a connection ended, as this end saw it.
    pub enum CloseReason {
        /// Both ends said that they are done.
        Fin = "fin",
        /// The peer reset it.
        ResetReceived = "reset_received",
        /// This host reset it: closed with data unread, without lingering, or met by
        /// data after it was closed.
        ResetSent = "reset_sent",
        /// The peer fell silent: retransmissions or keep-alive probes went unanswered.
        Timeout = "timeout",
        /// The kernel or an administrator ended it.
        Abort = "abort",
    }
}

labels! {
    /// Why a connection could not be opened.
    pub enum FailReason {
        /// The peer refused it.
        Refused = "refused",
        /// Nobody answered until the kernel gave up, or the application did after at
        /// least one request was sent again.
        Timeout = "timeout",
        /// The network said that the peer cannot be reached.
        Unreachable = "unreachable",
        /// It was reset between the request and the last step of the handshake.
        Reset = "reset",
        /// This host did not try, or the application gave up before a request had to be
        /// sent again.
        Local = "local",
    }
}

labels! {
    /// States of a TCP socket, in the kernel's order (include/net/tcp_states.h).
    pub enum TcpState {
        /// No state of the kernel's.
        Unknown = "unknown",
        /// TCP_ESTABLISHED.
        Established = "established",
        /// TCP_SYN_SENT.
        SynSent = "syn_sent",
        /// TCP_SYN_RECV.
        SynRecv = "syn_recv",
        /// TCP_FIN_WAIT1.
        FinWait1 = "fin_wait1",
        /// TCP_FIN_WAIT2.
        FinWait2 = "fin_wait2",
        /// TCP_TIME_WAIT.
        TimeWait = "time_wait",
        /// TCP_CLOSE.
        Close = "close",
        /// TCP_CLOSE_WAIT.
        CloseWait = "close_wait",
        /// TCP_LAST_ACK.
        LastAck = "last_ack",
        /// TCP_LISTEN.
        Listen = "listen",
        /// TCP_CLOSING.
        Closing = "closing",
        /// TCP_NEW_SYN_RECV.
        NewSynRecv = "new_syn_recv",
    }
}

labels! {
    /// States of congestion control, in the kernel's order (`enum tcp_ca_state`).
    pub enum CongestionState {
        /// Nothing is wrong.
        Open = "open",
        /// Something is acknowledged out of order.
        Disorder = "disorder",
        /// The network or this host asked for less.
        Cwr = "cwr",
        /// Lost segments are being sent again.
        Recovery = "recovery",
        /// The retransmission timer ran out.
        Loss = "loss",
    }
}
