//! Closed sets of label values that DNS alone has.

use super::labels::labels;

labels! {
    /// How DNS messages travel.
    pub enum DnsTransport {
        /// One message in a datagram.
        Udp = "udp",
        /// Messages one after the other, each behind its length.
        Tcp = "tcp",
    }
}

labels! {
    /// What a DNS query asks for (IANA: DNS parameters, resource record types), as far
    /// as it is told apart.
    pub enum QueryType {
        /// 1, an IPv4 address.
        A = "A",
        /// 28, an IPv6 address.
        Aaaa = "AAAA",
        /// 5, the name that a name stands for.
        Cname = "CNAME",
        /// 15, who takes mail.
        Mx = "MX",
        /// 16, text.
        Txt = "TXT",
        /// 2, the servers of a zone.
        Ns = "NS",
        /// 6, the beginning of a zone.
        Soa = "SOA",
        /// 12, the name of an address.
        Ptr = "PTR",
        /// 33, where a service is.
        Srv = "SRV",
        /// 65, how to reach a web server.
        Https = "HTTPS",
        /// 10, any bytes.
        Null = "NULL",
        /// 255, everything there is.
        Any = "ANY",
        /// Anything else, and what a damaged query asks for.
        Other = "other",
    }
}

impl QueryType {
    /// The type of a QTYPE.
    #[inline(always)]
    pub const fn of(number: u16) -> Self {
        match number {
            1 => Self::A,
            28 => Self::Aaaa,
            5 => Self::Cname,
            15 => Self::Mx,
            16 => Self::Txt,
            2 => Self::Ns,
            6 => Self::Soa,
            12 => Self::Ptr,
            33 => Self::Srv,
            65 => Self::Https,
            10 => Self::Null,
            255 => Self::Any,
            _ => Self::Other,
        }
    }
}

labels! {
    /// A server that is asked, by the place that it has among those with figures of their
    /// own.
    pub enum Resolver {
        /// The first.
        First = "1",
        /// The second.
        Second = "2",
        /// The third.
        Third = "3",
        /// The fourth.
        Fourth = "4",
        /// The fifth.
        Fifth = "5",
        /// The sixth.
        Sixth = "6",
        /// The seventh.
        Seventh = "7",
        /// The eighth.
        Eighth = "8",
        /// Every other.
        Other = "other",
    }
}
