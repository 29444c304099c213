//! Lines for a shell by which a person sees what a detector saw.
//!
//! Whoever reads a red flag pastes them, perhaps as root. Invariant: nothing stands in
//! them but what the detector's own file says, addresses, networks, port numbers, and
//! names of devices of plain letters.

use std::fmt::Write as _;

use netmon_common::{
    abi::labels::Protocol,
    wire::tcp::{ACK, SYN},
};

use super::Verdict;
use crate::party::Party;

/// Packets that fit a filter of tcpdump, of those whom a verdict is about.
pub(super) fn packets(filter: &str, verdict: &Verdict) -> String {
    let parties = [&verdict.subject, &verdict.peer].into_iter().flatten().filter_map(term);
    let port = verdict.service_port.map(|port| match verdict.protocol {
        protocol @ (Protocol::Tcp | Protocol::Udp) => format!("{} port {port}", protocol.label()),
        Protocol::Other | Protocol::Icmp => format!("port {port}"),
    });
    let mut terms: Vec<String> = parties.chain(port).collect();
    match filter {
        "" => {}
        alone if terms.is_empty() => terms.push(alone.to_owned()),
        one_of_several => terms.insert(0, format!("({one_of_several})")),
    }
    let mut line = format!("timeout 10 tcpdump -ni {} -c 200", device(verdict));
    if !terms.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(line, " '{}'", terms.join(" and "));
    }
    line
}

/// A filter of tcpdump for TCP segments of which some flags are these. libpcap looks into
/// IPv4 by itself; in IPv6 the segment is taken to follow at once.
pub(super) fn segments(among: u8, flags: u8) -> String {
    format!(
        "tcp[13] & {among:#04x} = {flags:#04x} or (ip6[6] = 6 and ip6[53] & {among:#04x} = \
         {flags:#04x})"
    )
}

/// Requests for a TCP connection, as a filter of tcpdump.
pub(super) fn requests() -> String {
    segments(SYN | ACK, SYN)
}

/// Packets that fit a filter, of the subject alone: to whomever else.
pub(super) fn by_subject(filter: &str, verdict: &Verdict) -> String {
    packets(filter, &Verdict { peer: None, ..verdict.clone() })
}

/// TCP sockets in some states, of the service that a verdict is about. `options` are
/// those of ss, `states` one of its filters.
pub(super) fn sockets(options: &str, states: &str, verdict: &Verdict) -> String {
    match verdict.service_port {
        Some(port) => format!("ss {options} {states} '( dport = :{port} or sport = :{port} )'"),
        None => format!("ss {options} {states}"),
    }
}

/// What a filter of tcpdump says of a party; of those that it cannot tell, nothing.
fn term(party: &Party) -> Option<String> {
    match party {
        Party::Address(address) => Some(format!("host {address}")),
        Party::Network(address, bits) => Some(format!("net {address}/{bits}")),
        Party::Workload(_) | Party::Device(_) => None,
    }
}

/// The device that a verdict is about, if its name is safe in a shell; else any.
fn device(verdict: &Verdict) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
    match &verdict.subject {
        // What begins like an option would be one.
        Some(Party::Device(name))
            if !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain) =>
        {
            name
        }
        _ => "any",
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or(IpAddr::from([0; 4]))
    }

    #[test]
    fn a_filter_names_whom_it_is_about() {
        let nobody = || Verdict::quiet([1.0; 2]);
        let one = || nobody().about(address("192.0.2.7"));
        let network = Party::Network(address("2001:db8::"), 64);
        let cases = [
            ("", nobody(), "-ni any -c 200"),
            ("udp port 53", nobody(), "-ni any -c 200 'udp port 53'"),
            ("a or b", one(), "-ni any -c 200 '(a or b) and host 192.0.2.7'"),
            ("", one().at_port(22), "-ni any -c 200 'host 192.0.2.7 and tcp port 22'"),
            (
                "",
                one().with_peer(network).at_port(53).over(Protocol::Udp),
                "-ni any -c 200 'host 192.0.2.7 and net 2001:db8::/64 and udp port 53'",
            ),
            ("", nobody().about(Party::Device("eth0.7".to_owned())), "-ni eth0.7 -c 200"),
            ("arp", nobody().about(Party::Workload("a'b".to_owned())), "-ni any -c 200 'arp'"),
        ];
        for (filter, verdict, expected) in cases {
            assert_eq!(packets(filter, &verdict), format!("timeout 10 tcpdump {expected}"));
        }
        assert_eq!(
            segments(0x12, 0x02),
            "tcp[13] & 0x12 = 0x02 or (ip6[6] = 6 and ip6[53] & 0x12 = 0x02)"
        );
        assert_eq!(sockets("-tn", "state syn-sent", &nobody()), "ss -tn state syn-sent");
        assert_eq!(
            sockets("-tn", "state syn-sent", &one().at_port(22)),
            "ss -tn state syn-sent '( dport = :22 or sport = :22 )'"
        );
    }

    #[test]
    fn no_name_of_somebody_else_gets_into_a_shell() {
        for name in ["", "-w", "a b", "a;b", "$(x)", "`x`", "a'b", "a\nb", "größe", "a/b"] {
            let verdict = Verdict::quiet([1.0; 2]).about(Party::Device(name.to_owned()));
            let with = verdict.clone().with_peer(Party::Workload(name.to_owned()));
            for verdict in [verdict, with] {
                assert_eq!(packets("", &verdict), "timeout 10 tcpdump -ni any -c 200", "{name:?}");
            }
        }
    }
}
