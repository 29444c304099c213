//! Domains below which nothing is taken for a tunnel.

use super::name::Lower;
use crate::config::Domain;

/// Domains in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// Sorted.
    domains: Vec<String>,
    /// A bit for every length that one of them has, up to 127 bytes.
    lengths: u128,
}

impl Allowed {
    pub(super) fn new(domains: &[Domain]) -> Self {
        let mut domains: Vec<String> = domains.iter().map(Domain::to_string).collect();
        domains.sort_unstable();
        let lengths = domains.iter().fold(0, |bits, domain| bits | bit(domain.len()));
        Self { domains, lengths }
    }

    /// Whether a name is one of them, or below one.
    pub(super) fn has(&self, name: &Lower) -> bool {
        // Most names end here: their ends are not as long as any domain.
        (0..name.labels()).map(|at| name.from(at)).any(|end| {
            self.lengths & bit(end.len()) != 0
                && self.domains.binary_search_by(|it| it.as_bytes().cmp(end)).is_ok()
        })
    }
}

/// The bit of a length; all long ones share the last.
fn bit(len: usize) -> u128 {
    1 << len.min(127)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::name::tests::lower;

    #[test]
    fn a_domain_allows_what_is_below_it() {
        let long = format!("{}.example.net", ["y"; 80].join("."));
        let domains = ["surbl.org", "dkim.Example.com", &long].map(|it| it.parse().ok());
        let allowed = Allowed::new(&domains.into_iter().flatten().collect::<Vec<_>>());
        for (name, has) in [
            ("surbl.org", true),
            ("x.multi.SURBL.org", true),
            ("notsurbl.org", false),
            ("surbl.org.example.com", false),
            ("example.com", false),
            ("a.dkim.example.com", true),
            (&long, true),
            (&format!("z{long}"), false),
            ("", false),
        ] {
            assert_eq!(allowed.has(&lower(name)), has, "{name}");
        }
        assert!(!Allowed::default().has(&lower("example.com")));
    }
}
