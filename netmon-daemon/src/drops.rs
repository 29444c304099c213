//! What a reason to drop a packet means: which part of the kernel it belongs to, and
//! whether it belongs to the ordinary course of things.
//!
//! Reasons are known by the names that the running kernel gives them; a name that it
//! does not have costs nothing. Invariant: every reason has one subsystem, out of a
//! closed set.

use std::collections::BTreeSet;

use crate::config::{self, Reason};

/// The part of the kernel that everything belongs to which no other claims.
pub const CORE: &str = "core";
/// Where packets wait for a CPU.
pub const SOFTNET: &str = "softnet";
/// Where packets wait for a device, on its own side.
pub const NIC: &str = "nic";
/// TCP.
pub const TCP: &str = "tcp";
/// Sockets of all kinds.
pub const SOCKET: &str = "socket";
/// UDP.
pub const UDP: &str = "udp";

/// Every subsystem.
pub const SUBSYSTEMS: [&str; 9] = [CORE, "ip", "netfilter", NIC, SOCKET, SOFTNET, "tc", TCP, UDP];

/// Subsystems by what their reasons begin with; the first that fits counts.
const PREFIXES: &[(&str, &str)] = &[
    ("tcp_", TCP),
    ("udp_", UDP),
    ("netfilter_", "netfilter"),
    ("cpu_backlog", SOFTNET),
    ("socket_", SOCKET),
    ("no_socket", SOCKET),
    ("proto_mem", SOCKET),
    ("packet_sock_", SOCKET),
    ("unix_", SOCKET),
    ("queue_purge", SOCKET),
    ("pfmemalloc", SOCKET),
    ("tc_", "tc"),
    ("qdisc_", "tc"),
    ("fq_", "tc"),
    ("cake_", "tc"),
    ("dualpi2_", "tc"),
    ("ip_tunnel_", CORE),
    ("ip_", "ip"),
    ("ipv6", "ip"),
    ("icmp_", "ip"),
    ("neigh_", "ip"),
    ("arp_", "ip"),
    ("frag_", "ip"),
    ("dup_frag", "ip"),
    ("otherhost", "ip"),
    ("unicast_in_l2_multicast", "ip"),
    ("pkt_too_", "ip"),
    ("xfrm_", "ip"),
    ("invalid_proto", "ip"),
];

/// Reasons that belong to the ordinary course of things, and why.
pub const EXPECTED: &[(&str, &str)] = &[
    ("not_specified", "the kernel does not say; most of it is nothing that anybody misses"),
    // What somebody asked for.
    ("netfilter_drop", "a rule of the firewall says so"),
    ("bpf_cgroup_egress", "a program of the control group says so"),
    ("security_hook", "a security module says so"),
    ("xfrm_policy", "a policy of IPsec says so"),
    ("tc_ingress", "a filter of traffic control says so"),
    ("tc_egress", "a filter of traffic control says so"),
    ("xdp", "a program at the device says so"),
    ("tap_filter", "a filter of the tap device says so"),
    ("tap_txfilter", "a filter of the tap device says so"),
    ("socket_filter", "a filter of the socket says so, as that of every packet capture"),
    // What was meant for nobody here.
    ("otherhost", "a frame for another host, flooded by a switch"),
    ("unhandled_proto", "a protocol that nobody here speaks, such as LLDP"),
    ("ip_noproto", "a protocol that nobody here speaks"),
    ("ipv6disabled", "IPv6 is switched off"),
    ("ipv6_ndisc_ns_otherhost", "the search for a neighbour that is not this host"),
    ("no_socket", "nobody listens: scans, and what comes late to a closed connection"),
    ("bridge_ingress_stp_state", "a port of the bridge is blocked, to break a loop"),
    ("mac_ieee_mac_control", "pause frames end at the device"),
    ("arp_pvlan_disable", "a proxy that is switched off"),
    // What is there already, or comes too late.
    ("tcp_old_data", "data that was sent again although it had arrived"),
    ("tcp_ofomerge", "data that was sent again although it had arrived"),
    ("tcp_old_ack", "an acknowledgement that a later one overtook"),
    ("tcp_old_sequence", "keep-alive probes, and data that had arrived"),
    ("tcp_rfc7323_paws_ack", "an acknowledgement that a later one overtook"),
    ("dup_frag", "a fragment that had arrived"),
    // How connections end.
    ("tcp_reset", "a reset has done its work; netmon_tcp_resets_total counts it"),
    ("tcp_close", "a segment for a connection that has ended"),
    ("tcp_abort_on_data", "data for a connection that was closed; it is answered by a reset"),
    ("socket_close", "data that lay in a socket when it was closed"),
    ("queue_purge", "data that lay in a socket when it was closed"),
    ("unix_disconnect", "data that lay in a local socket when it was closed"),
    ("unix_skip_oob", "urgent data of a local socket that nobody wanted"),
];

/// The reasons that belong to the ordinary course of things, by configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(BTreeSet<String>);

impl Expected {
    /// The shipped table with the changes of a configuration; what it calls unexpected
    /// is so.
    pub fn new(config: &config::Drops) -> Self {
        let name = |reason: &Reason| reason.to_string();
        let shipped = EXPECTED.iter().map(|(reason, _)| (*reason).to_owned());
        let mut reasons: BTreeSet<_> = shipped.chain(config.expected.iter().map(name)).collect();
        for reason in &config.unexpected {
            reasons.remove(&name(reason));
        }
        Self(reasons)
    }

    /// Whether a reason is one of them.
    pub fn contains(&self, reason: &str) -> bool {
        self.0.contains(reason)
    }
}

/// The part of the kernel that drops packets for a reason.
pub fn subsystem(reason: &str) -> &'static str {
    let found = PREFIXES.iter().find(|(prefix, _)| reason.starts_with(prefix));
    found.map_or(CORE, |(_, subsystem)| subsystem)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_subsystem() {
        for (reason, expected) in [
            ("tcp_listen_overflow", "tcp"),
            ("udp_csum", "udp"),
            ("netfilter_drop", "netfilter"),
            ("cpu_backlog", "softnet"),
            ("socket_rcvbuff", "socket"),
            ("no_socket", "socket"),
            ("tc_ingress", "tc"),
            ("qdisc_overlimit", "tc"),
            ("ip_inhdr", "ip"),
            ("ipv6disabled", "ip"),
            ("ip_tunnel_ecn", "core"),
            ("neigh_failed", "ip"),
            ("unhandled_proto", "core"),
            ("nobody knows", "core"),
            ("", "core"),
        ] {
            assert_eq!(subsystem(reason), expected, "{reason}");
            assert!(SUBSYSTEMS.contains(&subsystem(reason)), "{reason}");
        }
        for (prefix, subsystem) in PREFIXES {
            assert!(SUBSYSTEMS.contains(subsystem), "{prefix}");
        }
    }

    #[test]
    fn what_is_expected_can_be_configured() {
        let reasons = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let shipped = Expected::new(&config::Drops::default());
        let changed = Expected::new(&config::Drops {
            expected: reasons(&["ip_rpfilter", "no_socket"]),
            unexpected: reasons(&["otherhost", "no_socket"]),
        });
        for (reason, by_default, after) in [
            ("netfilter_drop", true, true),
            ("otherhost", true, false),
            ("ip_rpfilter", false, true),
            ("no_socket", true, false),
            ("socket_rcvbuff", false, false),
            ("unknown", false, false),
        ] {
            assert_eq!(shipped.contains(reason), by_default, "{reason}");
            assert_eq!(changed.contains(reason), after, "{reason}");
        }
    }

    #[test]
    fn the_table_names_each_reason_once() {
        let names: BTreeSet<_> = EXPECTED.iter().map(|(reason, _)| reason).collect();
        assert_eq!(names.len(), EXPECTED.len());
        assert!(names.iter().all(|name| name.parse::<Reason>().is_ok()));
    }
}
