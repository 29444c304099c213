//! What stands left of the registered domain, reduced to what somebody chose freely.
//!
//! Some names are made of other things by rule: a reversed address, somebody else's
//! domain, a number. Lookups of blocklists, expanded search lists and numbered hosts
//! are such, they come by the thousand, and they say nothing new. What is made by rule
//! counts as if it were always the same.
//!
//! How much that hides from the eyes of `dns_tunnel` is bounded by the constants here:
//! some bytes a query, in a form that no tunnel has today.

use super::name::Lower;
use crate::key::Key;

/// A number of more digits than these is no number.
const MAX_RUN: usize = 8;

/// More digits than these in one name are no numbers: they carry 53 bits.
const MAX_DIGITS: usize = 16;

/// A longer domain within a name is no domain: hardly any is registered, and it would
/// have room for 20 bytes of something else.
const MAX_EMBEDDED: usize = 32;

/// Labels that a blocklist or a search list puts behind what is asked for.
const MAX_TAIL: usize = 3;

/// Labels of a reversed address.
const IPV4_LABELS: usize = 4;
const IPV6_LABELS: usize = 32;

/// A sub-name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Below {
    /// Its hash, the same for all names that differ by rule alone.
    pub(super) hash: u64,
    /// Its length in bytes, dots included, without what is made by rule.
    pub(super) len: u8,
    /// Whether an address or a domain was left out.
    pub(super) is_about: bool,
}

/// What stands left of the label `domain`; the length is 0 where nothing is left.
pub(super) fn below(name: &Lower, domain: usize, key: &Key) -> Below {
    let skipped = about(name, domain);
    let rest = name.part(skipped, domain);
    let mut short = [0; 256];
    let mut len = 0;
    let mut left = MAX_DIGITS;
    for run in rest.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        let is_number =
            run.first().is_some_and(u8::is_ascii_digit) && run.len() <= MAX_RUN.min(left);
        let kept = if is_number { &b"#"[..] } else { run };
        if is_number {
            left -= run.len();
        }
        if let Some(place) = short.get_mut(len..len + kept.len()) {
            place.copy_from_slice(kept);
            len += kept.len();
        }
    }
    Below {
        hash: key.hash(&[short.get(..len).unwrap_or_default(), &[u8::from(skipped > 0)]]),
        len: u8::try_from(rest.len()).unwrap_or(u8::MAX),
        is_about: skipped > 0,
    }
}

/// How many labels are an address or a domain that is asked about, counted from the left.
fn about(name: &Lower, domain: usize) -> usize {
    let are = |labels, test: fn(&[u8]) -> bool| {
        domain >= labels && (0..labels).all(|at| test(name.label(at)))
    };
    // The first nibbles of an address of IPv6 may look like one of IPv4.
    if are(IPV6_LABELS, |label| label.len() == 1 && label.iter().all(u8::is_ascii_hexdigit)) {
        return IPV6_LABELS;
    }
    if are(IPV4_LABELS, is_octet) {
        return IPV4_LABELS;
    }
    let fits =
        |end: &usize| name.part(0, *end).len() <= MAX_EMBEDDED && name.is_registered(0, *end);
    (0..=MAX_TAIL)
        .filter_map(|tail| domain.checked_sub(tail))
        .filter(|end| *end >= 2)
        .find(fits)
        .unwrap_or(0)
}

/// A number from 0 to 255 as it is written in addresses.
fn is_octet(label: &[u8]) -> bool {
    matches!(label.len(), 1..=3)
        && label.iter().all(u8::is_ascii_digit)
        && label.iter().fold(0, |sum: u32, digit| sum * 10 + u32::from(digit - b'0')) < 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::name::tests::lower;

    fn of(name: &str) -> Below {
        let name = lower(name);
        below(&name, name.domain().unwrap_or(0), &Key::FIXED)
    }

    #[test]
    fn what_is_made_by_rule_counts_once() {
        let nibbles = "1.0.".repeat(16);
        for (one, other, len) in [
            ("h1.example.test", "h1000.example.test", 2),
            ("ip-10-0-3-17.ec2.example.com", "ip-10-1-255-1.ec2.example.com", 16),
            ("4.3.2.1.zen.example.org", "254.3.20.1.zen.example.org", 3),
            ("4.3.2.1.example.org", "9.9.9.9.example.org", 0),
            (
                &format!("{nibbles}dnsbl.example.org"),
                &format!("{}bl.example.org", nibbles.replace('1', "f")).replace("bl.", "dnsbl."),
                5,
            ),
            ("example.com.dbl.example.org", "spam.co.uk.dbl.example.org", 3),
            ("example.com.multi.example.org", "www.spam.de.multi.example.org", 5),
            ("api.example.com.default.svc.example.org", "github.io.default.svc.example.org", 11),
            ("WWW.example.com", "www.example.com", 3),
        ] {
            assert_eq!(of(one).hash, of(other).hash, "{one} {other}");
            assert_eq!(usize::from(of(one).len), len, "{one}");
        }
    }

    #[test]
    fn what_somebody_chose_counts_by_itself() {
        for (one, other) in [
            ("pabauvty.www.ggy666.tk", "pabauvua.www.ggy666.tk"),
            ("GQ5vK29ABA.www.ggy666.tk", "GQ5vLG9BBA.www.ggy666.tk"),
            ("123456789.example.com", "123456780.example.com"),
            ("12345678a12345678b1.example.com", "12345678a12345678b2.example.com"),
            ("4.3.2.256.example.com", "4.3.2.1.example.com"),
            ("mail.example.com", "example.com"),
            ("a.zen.example.org", "1.2.3.4.zen.example.org"),
            ("zen.example.org", "1.2.3.4.zen.example.org"),
            (
                "data1data1data1data1data1data1.com.example.org",
                "ata1data1data1data1data1data1d.com.example.org",
            ),
        ] {
            assert_ne!(of(one).hash, of(other).hash, "{one} {other}");
        }
        assert_eq!(of("example.com").len, 0);
        assert!(of("4.3.2.1.zen.example.org").is_about && !of("zen.example.org").is_about);
    }
}
