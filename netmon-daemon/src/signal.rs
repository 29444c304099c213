//! What netmon measures, by the source that it comes from.
//!
//! A signal is what has one source at a time and can be lost as a whole. Metrics,
//! detectors, the audit and `netmon doctor` all speak of signals by these names.

/// The source of what comes from the kernel's own counters in /proc/net: the last
/// rung, which knows this network namespace alone and few labels.
pub const PROC: &str = "proc_net";

/// Something that netmon measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Packets at every device.
    Packets,
    /// Connections that open, fail and end.
    Connections,
    /// Time that handshakes of the host's own connections take.
    Handshakes,
    /// Time that handshakes of forwarded connections take.
    ForwardedHandshakes,
    /// Segments that TCP sends again.
    Retransmits,
    /// Answers to connection requests that TCP sends again.
    SynackRetransmits,
    /// Resets that TCP sends.
    ResetsSent,
    /// Resets that TCP receives.
    ResetsReceived,
    /// Changes of the congestion state.
    Congestion,
    /// Packets that the kernel drops.
    Drops,
    /// Open sockets by state.
    Sockets,
    /// Who claims which address on the links of this network namespace.
    Neighbours,
    /// The kernel's own counters of this network namespace.
    KernelCounters,
    /// Who asks for connections and is not answered.
    Attempts,
    /// Datagrams for which nobody listens.
    RefusedDatagrams,
    /// The names in nearly all DNS messages.
    DnsNames,
    /// The names in some DNS messages at least.
    DnsNameSample,
    /// What is known of nearly every connection of the host at its end.
    ConnectionRecords,
    /// The same of some connections at least.
    ConnectionRecordSample,
    /// What goes back and forth over connections while they are open.
    OpenConnections,
}

impl Signal {
    /// Every signal, in the order of the variants.
    pub const ALL: [Self; 20] = [
        Self::Packets,
        Self::Connections,
        Self::Handshakes,
        Self::ForwardedHandshakes,
        Self::Retransmits,
        Self::SynackRetransmits,
        Self::ResetsSent,
        Self::ResetsReceived,
        Self::Congestion,
        Self::Drops,
        Self::Sockets,
        Self::Neighbours,
        Self::KernelCounters,
        Self::Attempts,
        Self::RefusedDatagrams,
        Self::DnsNames,
        Self::DnsNameSample,
        Self::ConnectionRecords,
        Self::ConnectionRecordSample,
        Self::OpenConnections,
    ];

    /// Whether the kernel's own counters know something of it.
    pub const fn is_in_proc(self) -> bool {
        matches!(
            self,
            Self::Packets | Self::Connections | Self::Retransmits | Self::ResetsSent | Self::Drops
        )
    }

    /// Its name in metrics, JSON and `netmon doctor`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Packets => "packets",
            Self::Connections => "connections",
            Self::Handshakes => "handshakes",
            Self::ForwardedHandshakes => "forwarded_handshakes",
            Self::Retransmits => "retransmits",
            Self::SynackRetransmits => "synack_retransmits",
            Self::ResetsSent => "resets_sent",
            Self::ResetsReceived => "resets_received",
            Self::Congestion => "congestion",
            Self::Drops => "drops",
            Self::Sockets => "sockets",
            Self::Neighbours => "neighbours",
            Self::KernelCounters => "kernel_counters",
            Self::Attempts => "attempts",
            Self::RefusedDatagrams => "refused_datagrams",
            Self::DnsNames => "dns_names",
            Self::DnsNameSample => "dns_name_sample",
            Self::ConnectionRecords => "connection_records",
            Self::ConnectionRecordSample => "connection_record_sample",
            Self::OpenConnections => "open_connections",
        }
    }
}

/// Where each signal comes from at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources([Option<&'static str>; Signal::ALL.len()]);

impl Sources {
    /// The source of a signal, as `netmon_feature_source` names it; none where it is
    /// not measured.
    pub fn of(&self, signal: Signal) -> Option<&'static str> {
        self.0.get(signal as usize).copied().flatten()
    }

    /// Whether a program of netmon's measures a signal.
    pub fn has(&self, signal: Signal) -> bool {
        self.of(signal).is_some_and(|source| source != PROC)
    }

    /// Falls back on the kernel's own counters for what has no better source.
    pub fn fall_back(&mut self) {
        self.set(Signal::KernelCounters, Some(PROC));
        for signal in Signal::ALL {
            if signal.is_in_proc() && self.of(signal).is_none() {
                self.set(signal, Some(PROC));
            }
        }
    }

    /// Says where a signal comes from.
    pub fn set(&mut self, signal: Signal, source: Option<&'static str>) {
        if let Some(place) = self.0.get_mut(signal as usize) {
            *place = source;
        }
    }
}
