//! Addresses to serve on.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::{
    DEFAULT_PORT,
    setting::{quoted, textual},
};

/// A numeric address and a port. Names are refused: what they resolve to, and
/// so who can reach netmon, is not for a resolver to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub SocketAddr);

impl Address {
    /// The default port on the loopback address.
    pub fn loopback() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| {
            let found = quoted(text);
            if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()) {
                format!(
                    "{found} has no address: write \"127.0.0.1:{port}\" for this host only, or \
                     \"[::]:{port}\" for everyone"
                )
            } else if let Ok(address) = text.parse::<IpAddr>() {
                let whole = SocketAddr::new(address, DEFAULT_PORT);
                format!("{found} has no port: write \"{whole}\"")
            } else if let Some(port) = text.strip_prefix("localhost:") {
                format!(
                    "{found} is a name, and only numeric addresses are taken: write \
                     \"127.0.0.1:{port}\""
                )
            } else {
                format!(
                    "{found} is not a numeric address and port: write one such as \
                     \"127.0.0.1:{DEFAULT_PORT}\""
                )
            }
        })
    }
}

textual!(Address, format!("an address such as \"127.0.0.1:{DEFAULT_PORT}\""));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numeric_addresses_with_a_port_are_taken() {
        for text in ["127.0.0.1:10199", "[::1]:10199", "0.0.0.0:0"] {
            let address = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(address.as_deref(), Ok(text));
        }
        for (text, hint) in [
            (":9", "\"127.0.0.1:9\""),
            ("::1", "\"[::1]:10199\""),
            ("127.0.0.1", "\"127.0.0.1:10199\""),
            ("localhost:80", "\"127.0.0.1:80\""),
            ("example.org:80", "numeric"),
            ("127.0.0.1:65536", "numeric"),
            ("", "numeric"),
        ] {
            let refusal = text.parse::<Address>().err().unwrap_or_default();
            assert!(refusal.contains(hint), "{text:?}: {refusal}");
        }
    }
}
