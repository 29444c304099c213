//! The address of a resolver.

use std::{fmt, net::IpAddr, str::FromStr};

use super::setting::{quoted, textual};

/// A numeric address of a resolver, as its packets bear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resolver(pub IpAddr);

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Resolver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            // An IPv4 address that is mapped into IPv6 stands in no packet.
            Ok(address) => Ok(Self(address.to_canonical())),
            Err(_) => Err(format!(
                "{} is no numeric address: write one such as \"192.0.2.53\" or \"2001:db8::53\", \
                 without a port",
                quoted(text)
            )),
        }
    }
}

textual!(Resolver, "a numeric address such as \"192.0.2.53\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_numeric_addresses() {
        for (text, shown) in [
            ("192.0.2.53", Some("192.0.2.53")),
            ("2001:DB8::53", Some("2001:db8::53")),
            ("::ffff:192.0.2.53", Some("192.0.2.53")),
            ("", None),
            ("192.0.2.53:53", None),
            ("dns.example.com", None),
            ("10.0.0.0/8", None),
        ] {
            let resolver = text.parse::<Resolver>().ok().map(|it| it.to_string());
            assert_eq!(resolver.as_deref(), shown, "{text:?}");
        }
    }
}
