//! A packet in words, for people and tests: nothing here runs in the kernel.

use super::{Packet, Transport, word::TRANSPORT};
use crate::{
    abi::labels::{Class, Family, IcmpClass, Protocol, Rcode},
    reject::Reject,
    scope::Scope,
};

impl Packet {
    /// Why the frame belongs to no class, if so.
    pub fn reject(self) -> Option<Reject> {
        self.reject_index().and_then(|index| Reject::ALL.get(index)).copied()
    }

    /// Network layer that the link layer announces.
    pub fn family(self) -> Family {
        Family::ALL.get(self.family_index()).copied().unwrap_or(Family::Other)
    }

    /// Transport protocol; `Other` for later fragments and as long as it is not
    /// known.
    pub fn protocol(self) -> Protocol {
        Protocol::ALL.get(self.protocol_index()).copied().unwrap_or(Protocol::Other)
    }

    /// The class of a packet that was not rejected.
    pub fn class(self) -> Class {
        Class::ALL.get(self.class_index()).copied().unwrap_or(Class::NonIp)
    }

    /// Scope of the remote address.
    pub fn scope(self) -> Scope {
        Scope::ALL.get(self.scope_index()).copied().unwrap_or(Scope::Public)
    }

    /// The transport layer, as far as it is counted.
    pub fn transport(self) -> Transport {
        Transport::ALL.get(self.index(TRANSPORT)).copied().unwrap_or(Transport::None)
    }

    /// The class of an ICMP message.
    pub fn icmp_class(self) -> Option<IcmpClass> {
        self.is(Transport::Icmp).then(|| IcmpClass::ALL.get(self.detail()).copied()).flatten()
    }

    /// The response code of a DNS response.
    pub fn rcode(self) -> Option<Rcode> {
        self.is(Transport::DnsResponse).then(|| Rcode::ALL.get(self.detail()).copied()).flatten()
    }
}

impl core::fmt::Debug for Packet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Packet")
            .field("reject", &self.reject())
            .field("vlan_tags", &self.vlan_tags())
            .field("class", &self.class())
            .field("scope", &self.scope())
            .field("fragments", &self.fragments())
            .field("tiny_first_fragment", &self.is_tiny_first_fragment())
            .field("transport", &self.transport())
            .field("mdns", &self.is_mdns())
            .field("zero_window", &self.has_zero_window())
            .field("detail", &self.detail())
            .field("headers", &self.headers())
            .field("claimed_message_len", &self.claimed_message_len())
            .finish()
    }
}
