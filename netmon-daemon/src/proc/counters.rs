//! The table of the kernel's counters: which are read, and where they stand.
//!
//! Must not say more than the kernel does: the help texts name the event at
//! which the kernel counts. Invariant: one row is one column of one file.

/// A text file in which the kernel shows counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// TCP of both IP versions, and UDP over IPv4.
    Snmp,
    /// UDP over IPv6. The file is not there where IPv6 is switched off.
    Snmp6,
    /// What Linux counts of TCP beyond the standard.
    Netstat,
    /// What CPUs took from the devices, of all namespaces together.
    Softnet,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Snmp, Self::Snmp6, Self::Netstat, Self::Softnet];

    /// Its name below /proc/net.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Snmp => "snmp",
            Self::Snmp6 => "snmp6",
            Self::Netstat => "netstat",
            Self::Softnet => "softnet_stat",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in [`Counters`].
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// The file.
    pub source: Source,
    /// What the lines of the file begin with; empty where they do not say.
    pub section: &'static str,
    /// The name of the column, as the kernel writes it.
    pub column: &'static str,
}

/// Declares the counters. Each is one documented line,
/// `name = Source "section" "column";`.
macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident = $source:ident $section:literal $column:literal;)+) => {
        /// The kernel's counters at one moment: cumulative unless the text says
        /// otherwise, and absent where this kernel has none.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $help])+ pub $name: Option<u64>,)+
        }

        impl Counters {
            /// One row per counter.
            pub const FIELDS: &'static [Field] = &[$(Field {
                name: stringify!($name),
                help: concat!($($help),+),
                source: Source::$source,
                section: $section,
                column: $column,
            },)+];

            /// The counters, in the order of [`FIELDS`](Self::FIELDS).
            pub fn values(&self) -> [Option<u64>; Self::FIELDS.len()] {
                [$(self.$name,)+]
            }

            /// Where a column goes; none for those that no row wants.
            pub(super) fn cell(
                &mut self,
                source: Source,
                section: &str,
                column: &str,
            ) -> Option<&mut Option<u64>> {
                match (source, section, column) {
                    $((Source::$source, $section, $column) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

counters! {
    /// Connections that this host began: SYNs sent, repetitions not counted.
    tcp_active_opens = Snmp "Tcp" "ActiveOpens";
    /// Connections that peers began and whose handshake ended well.
    tcp_passive_opens = Snmp "Tcp" "PassiveOpens";
    /// Handshakes of either side that failed.
    tcp_attempt_fails = Snmp "Tcp" "AttemptFails";
    /// Established connections that ended at once, without the exchange of FINs.
    tcp_estab_resets = Snmp "Tcp" "EstabResets";
    /// Connections that are established, or closed by the peer alone: a level, not a count.
    tcp_curr_estab = Snmp "Tcp" "CurrEstab";
    /// Segments received, with those in error.
    tcp_in_segs = Snmp "Tcp" "InSegs";
    /// Segments sent, without those that only repeat.
    tcp_out_segs = Snmp "Tcp" "OutSegs";
    /// Segments sent again, SYNs and SYN-ACKs among them.
    tcp_retrans_segs = Snmp "Tcp" "RetransSegs";
    /// Segments received in error, such as with a wrong checksum.
    tcp_in_errs = Snmp "Tcp" "InErrs";
    /// Segments with RST that were sent.
    tcp_out_rsts = Snmp "Tcp" "OutRsts";
    /// Segments received with a wrong checksum.
    tcp_in_csum_errors = Snmp "Tcp" "InCsumErrors";

    /// Datagrams over IPv4 to ports where nobody listens.
    udp_no_ports = Snmp "Udp" "NoPorts";
    /// Datagrams over IPv4 that were received and not delivered, for whatever reason.
    udp_in_errors = Snmp "Udp" "InErrors";
    /// Datagrams over IPv4 for which the receive buffer of the socket had no room.
    udp_rcvbuf_errors = Snmp "Udp" "RcvbufErrors";
    /// Datagrams over IPv4 for which the send buffer or a queue had no room.
    udp_sndbuf_errors = Snmp "Udp" "SndbufErrors";
    /// Datagrams over IPv4 with a wrong checksum.
    udp_in_csum_errors = Snmp "Udp" "InCsumErrors";
    /// Datagrams over IPv4 that were dropped because the memory limit of UDP was reached.
    udp_mem_errors = Snmp "Udp" "MemErrors";

    /// Datagrams over IPv6 to ports where nobody listens.
    udp6_no_ports = Snmp6 "" "Udp6NoPorts";
    /// Datagrams over IPv6 that were received and not delivered, for whatever reason.
    udp6_in_errors = Snmp6 "" "Udp6InErrors";
    /// Datagrams over IPv6 for which the receive buffer of the socket had no room.
    udp6_rcvbuf_errors = Snmp6 "" "Udp6RcvbufErrors";
    /// Datagrams over IPv6 for which the send buffer or a queue had no room.
    udp6_sndbuf_errors = Snmp6 "" "Udp6SndbufErrors";
    /// Datagrams over IPv6 with a wrong checksum.
    udp6_in_csum_errors = Snmp6 "" "Udp6InCsumErrors";
    /// Datagrams over IPv6 that were dropped because the memory limit of UDP was reached.
    udp6_mem_errors = Snmp6 "" "Udp6MemErrors";

    /// SYN-ACKs sent whose sequence number is a SYN cookie.
    syncookies_sent = Netstat "TcpExt" "SyncookiesSent";
    /// ACKs received that bring back a valid SYN cookie.
    syncookies_recv = Netstat "TcpExt" "SyncookiesRecv";
    /// ACKs received that bring back no valid SYN cookie.
    syncookies_failed = Netstat "TcpExt" "SyncookiesFailed";
    /// Half-open connections that the peer reset.
    embryonic_rsts = Netstat "TcpExt" "EmbryonicRsts";
    /// Handshakes that met a full accept queue.
    listen_overflows = Netstat "TcpExt" "ListenOverflows";
    /// Handshakes that a listener dropped for any reason, a full accept queue among them.
    listen_drops = Netstat "TcpExt" "ListenDrops";
    /// Retransmission timers that expired while no loss was being recovered from.
    tcp_timeouts = Netstat "TcpExt" "TCPTimeouts";
    /// Tail-loss probes sent.
    tcp_loss_probes = Netstat "TcpExt" "TCPLossProbes";
    /// Segments sent again in fast recovery.
    tcp_fast_retrans = Netstat "TcpExt" "TCPFastRetrans";
    /// Segments sent again after a timeout.
    tcp_slow_start_retrans = Netstat "TcpExt" "TCPSlowStartRetrans";
    /// SYNs and SYN-ACKs sent again.
    tcp_syn_retrans = Netstat "TcpExt" "TCPSynRetrans";
    /// Segments that were to be sent again and that the host itself refused.
    tcp_retrans_fail = Netstat "TcpExt" "TCPRetransFail";
    /// Connections reset because data came after their end, or were closed with a linger time of 0.
    tcp_abort_on_data = Netstat "TcpExt" "TCPAbortOnData";
    /// Connections reset because they were closed with data unread.
    tcp_abort_on_close = Netstat "TcpExt" "TCPAbortOnClose";
    /// Connections ended because too many had no owner, or for lack of memory.
    tcp_abort_on_memory = Netstat "TcpExt" "TCPAbortOnMemory";
    /// Connections given up because the peer did not answer.
    tcp_abort_on_timeout = Netstat "TcpExt" "TCPAbortOnTimeout";
    /// Connections ended because the time to wait for the peer's FIN was over.
    tcp_abort_on_linger = Netstat "TcpExt" "TCPAbortOnLinger";
    /// Resets that could not be sent for lack of memory.
    tcp_abort_failed = Netstat "TcpExt" "TCPAbortFailed";
    /// Segments received out of order and kept.
    tcp_ofo_queue = Netstat "TcpExt" "TCPOFOQueue";
    /// Times that this host closed its receive window.
    tcp_to_zero_window_adv = Netstat "TcpExt" "TCPToZeroWindowAdv";
    /// Times that this host opened its receive window again.
    tcp_from_zero_window_adv = Netstat "TcpExt" "TCPFromZeroWindowAdv";
    /// Times that this host wanted to close its receive window and was bound by what it had promised.
    tcp_want_zero_window_adv = Netstat "TcpExt" "TCPWantZeroWindowAdv";
    /// Probes sent to peers whose receive window was closed.
    tcp_win_probe = Netstat "TcpExt" "TCPWinProbe";
    /// SYNs dropped because a listener had too many half-open connections.
    tcp_req_q_full_drop = Netstat "TcpExt" "TCPReqQFullDrop";
    /// SYNs answered with a cookie because a listener had too many half-open connections.
    tcp_req_q_full_do_cookies = Netstat "TcpExt" "TCPReqQFullDoCookies";
    /// Segments dropped because their socket was busy and had too many waiting.
    tcp_backlog_drop = Netstat "TcpExt" "TCPBacklogDrop";
    /// Segments dropped because the receive queue of their socket was full.
    tcp_rcv_q_drop = Netstat "TcpExt" "TCPRcvQDrop";

    /// Packets that CPUs took from devices, of all namespaces.
    softnet_processed = Softnet "" "processed";
    /// Packets dropped because the queue of a CPU was full, of all namespaces.
    softnet_dropped = Softnet "" "dropped";
    /// Times that a CPU had to stop although packets were left, of all namespaces.
    softnet_time_squeeze = Softnet "" "time_squeeze";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_a_column_of_its_own() {
        let mut counters = Counters::default();
        for (row, field) in (1..).zip(Counters::FIELDS) {
            let cell = counters.cell(field.source, field.section, field.column);
            assert_eq!(cell.map(|cell| cell.replace(row)), Some(None), "{}", field.name);
        }
        let rows = (1..).take(Counters::FIELDS.len()).map(Some);
        assert!(counters.values().into_iter().eq(rows));
        let names: BTreeSet<_> = Counters::FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), Counters::FIELDS.len());
    }
}
