//! What a detector leaves alone, perhaps for a time.

use std::{fmt, net::IpAddr, str::FromStr};

use netmon_common::abi::labels::Protocol;

use super::{
    Deadline, Network, Pattern,
    setting::{quoted, textual},
};

/// What can be told apart by a line of text.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Matcher {
    /// An address; one of IPv4 is not mapped into IPv6.
    Address(IpAddr),
    /// A network.
    Network(Network),
    /// A port of one transport, or of all of them.
    Port(Option<Protocol>, u16),
    /// Interfaces by their names.
    Interface(Pattern),
    /// Workloads by their names.
    Workload(Pattern),
}

/// What is left alone, and until when.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub struct Exemption {
    /// What is left alone.
    pub matcher: Matcher,
    /// Until when, if it is to end.
    pub until: Option<Deadline>,
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Port(None, port) => write!(f, "port {port}"),
            Self::Port(Some(protocol), port) => write!(f, "{}/{port}", protocol.label()),
            Self::Interface(pattern) => write!(f, "interface {pattern}"),
            Self::Workload(pattern) => write!(f, "workload {pattern}"),
        }
    }
}

impl FromStr for Matcher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                format!("{} is no port: write a number from 1 to 65535", quoted(text))
            })
        };
        match text.split_once(char::is_whitespace).map(|(kind, name)| (kind, name.trim())) {
            Some(("port", number)) => return Ok(Self::Port(None, port(number)?)),
            Some(("interface", name)) => return Ok(Self::Interface(name.parse()?)),
            Some(("workload", name)) => return Ok(Self::Workload(name.parse()?)),
            _ => {}
        }
        match text.split_once('/') {
            Some(("tcp", number)) => return Ok(Self::Port(Some(Protocol::Tcp), port(number)?)),
            Some(("udp", number)) => return Ok(Self::Port(Some(Protocol::Udp), port(number)?)),
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
                return Ok(Self::Network(text.parse()?));
            }
            _ => {}
        }
        text.parse::<IpAddr>().map(|address| Self::Address(address.to_canonical())).map_err(|_| {
            format!(
                "{} is no address, network, port, interface or workload: write one such as \
                 \"192.0.2.7\", \"192.0.2.0/24\", \"port 22\", \"tcp/22\", \"interface eth0\" or \
                 \"workload backup.service\"",
                quoted(text)
            )
        })
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.matcher.fmt(f)?;
        self.until.iter().try_for_each(|until| write!(f, " until {until}"))
    }
}

impl FromStr for Exemption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, until) = ending(text)?;
        Ok(Self { matcher: what.parse()?, until })
    }
}

/// What stands before `until`, and what stands behind it.
pub(super) fn ending(text: &str) -> Result<(&str, Option<Deadline>), String> {
    match text.rsplit_once(" until ") {
        Some((what, until)) => Ok((what.trim(), Some(until.trim().parse()?))),
        None => Ok((text.trim(), None)),
    }
}

textual!(Exemption, "text such as \"192.0.2.0/24\" or \"port 22 until 2027-01-31\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemptions_are_written_as_they_are_read() {
        for text in [
            "192.0.2.7",
            "2001:db8::1",
            "192.0.2.0/24",
            "2001:db8::/64 until 2027-01-31",
            "port 22",
            "tcp/22",
            "udp/53 until 2027-01-31T18:00:00+01:00",
            "interface eth*",
            "workload backup-?.service until 2027-01-31",
        ] {
            let exemption = text.parse::<Exemption>().map(|it| it.to_string());
            assert_eq!(exemption.as_deref(), Ok(text));
        }
        let mapped = "::ffff:192.0.2.7".parse::<Exemption>().map(|it| it.to_string());
        assert_eq!(mapped.as_deref(), Ok("192.0.2.7"));
    }

    #[test]
    fn what_is_no_exemption_is_refused_with_advice() {
        for (text, hint) in [
            ("", "\"tcp/22\""),
            ("eth0", "\"interface eth0\""),
            ("192.0.2.300", "\"192.0.2.7\""),
            ("192.0.2.7/24", "\"192.0.2.0/24\""),
            ("192.0.2.0/33", "0 to 32"),
            ("port 0", "1 to 65535"),
            ("port ssh", "1 to 65535"),
            ("tcp/65536", "1 to 65535"),
            ("sctp/22", "\"tcp/22\""),
            ("interface a b", "no name contains"),
            ("workload ", "\"workload backup.service\""),
            ("192.0.2.7 until", "\"192.0.2.7\""),
            ("192.0.2.7 until ever", "2027-01-31"),
            ("until 2027-01-31", "\"192.0.2.7\""),
        ] {
            let refusal = text.parse::<Exemption>().err().unwrap_or_default();
            assert!(refusal.contains(hint), "{text:?}: {refusal}");
        }
    }
}
