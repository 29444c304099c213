//! Whether a verdict is about what somebody wrote down.

use std::time::Duration;

use super::episode::Moment;
use crate::{
    config::{Deadline, Exemption, Matcher, Pattern},
    detect::Verdict,
    links,
    party::Party,
};

/// Whether a verdict raises nothing because it is about one of these. What has an end
/// holds where no wall clock says otherwise.
pub(super) fn is_exempt(
    exemptions: &[Exemption],
    unix: Option<Duration>,
    verdict: &Verdict,
) -> bool {
    exemptions.iter().any(|exemption| {
        !exemption.until.as_ref().is_some_and(|until| is_past(until, unix))
            && fits(&exemption.matcher, verdict)
    })
}

/// Whether a flag that a verdict calls for is only shown.
pub(super) fn is_silenced(moment: Moment<'_>, verdict: &Verdict) -> bool {
    moment.silences.iter().any(|silence| {
        silence.detector.is_none_or(|detector| detector == moment.detector.name())
            && !is_past(&silence.until, moment.unix)
            && silence.matcher.as_ref().is_none_or(|matcher| fits(matcher, verdict))
    })
}

fn is_past(deadline: &Deadline, unix: Option<Duration>) -> bool {
    unix.is_some_and(|unix| deadline.is_past(unix))
}

/// Whether a verdict is about this: as its subject, its peer or its service.
fn fits(matcher: &Matcher, verdict: &Verdict) -> bool {
    if let Matcher::Port(protocol, port) = matcher {
        return verdict.service_port == Some(*port)
            && protocol.is_none_or(|protocol| protocol == verdict.protocol);
    }
    let mut parties = [&verdict.subject, &verdict.peer].into_iter().flatten();
    parties.any(|party| is(matcher, party))
}

/// Whether somebody is this. A network is what holds all of it: an exemption for one host
/// says nothing of its neighbours.
fn is(matcher: &Matcher, party: &Party) -> bool {
    let named = |pattern: &Pattern, name: &str| {
        links::matches(pattern.as_str().as_bytes(), name.as_bytes())
    };
    match (matcher, party) {
        (Matcher::Address(wanted), Party::Address(found)) => *wanted == found.to_canonical(),
        (Matcher::Network(wanted), Party::Address(found)) => {
            let found = found.to_canonical();
            wanted.holds(found, if found.is_ipv4() { 32 } else { 128 })
        }
        (Matcher::Network(wanted), Party::Network(found, bits)) => {
            wanted.holds(*found, u32::from(*bits))
        }
        (Matcher::Interface(pattern), Party::Device(name))
        | (Matcher::Workload(pattern), Party::Workload(name)) => named(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::net::IpAddr;

    use netmon_common::abi::labels::Protocol;

    use super::*;

    fn about(subject: Party) -> Verdict {
        Verdict::quiet([1.0; 2]).about(subject)
    }

    fn address(text: &str) -> Verdict {
        about(text.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn a_verdict_fits_by_subject_peer_or_service() {
        let network = || about(Party::Network("2001:db8:1::".parse().unwrap(), 64));
        let peer = || address("198.51.100.1").with_peer("192.0.2.7".parse::<IpAddr>().unwrap());
        let nobody = || Verdict::quiet([1.0; 2]);
        let device = || about(Party::Device("eth0".to_owned()));
        let workload = || about(Party::Workload("backup.service".to_owned()));
        let cases = [
            ("192.0.2.7", address("192.0.2.7"), true),
            ("192.0.2.7", address("::ffff:192.0.2.7"), true),
            ("192.0.2.7", address("192.0.2.8"), false),
            ("192.0.2.7", peer(), true),
            ("192.0.2.7", nobody(), false),
            ("192.0.2.0/24", address("192.0.2.255"), true),
            ("192.0.2.0/24", address("192.0.3.0"), false),
            ("192.0.2.0/24", peer(), true),
            ("0.0.0.0/0", address("2001:db8::1"), false),
            ("2001:db8::/32", address("2001:db8::1"), true),
            ("2001:db8::/32", network(), true),
            ("2001:db8:1::/64", network(), true),
            ("2001:db8:1::/65", network(), false),
            ("2001:db8:1::", network(), false),
            ("port 22", address("192.0.2.7").at_port(22), true),
            ("port 22", nobody().at_port(22).over(Protocol::Udp), true),
            ("tcp/22", nobody().at_port(22), true),
            ("tcp/22", nobody().at_port(22).over(Protocol::Udp), false),
            ("udp/53", nobody().at_port(53).over(Protocol::Udp), true),
            ("port 22", nobody().at_port(23), false),
            ("port 22", address("192.0.2.22"), false),
            ("interface eth*", device(), true),
            ("interface eth1", device(), false),
            ("interface *", workload(), false),
            ("workload backup.*", workload(), true),
            ("workload *", device(), false),
        ];
        for (text, verdict, expected) in cases {
            let exemption: Exemption = text.parse().unwrap();
            assert_eq!(is_exempt(&[exemption], None, &verdict), expected, "{text}: {verdict:?}");
        }
    }

    #[test]
    fn what_is_over_does_nothing() {
        let day = |days: u64| Some(Duration::from_secs(days * 86_400));
        // 2027-01-31 is the day 20,849 since 1970-01-01, which is the day 0.
        for (unix, expected) in
            [(None, true), (day(0), true), (day(20_849), true), (day(20_850), false)]
        {
            let exemption: Exemption = "192.0.2.7 until 2027-01-31".parse().unwrap();
            assert_eq!(is_exempt(&[exemption], unix, &address("192.0.2.7")), expected, "{unix:?}");
        }
    }
}
