//! Which devices are watched.
//!
//! Must not take time that grows faster than pattern times name. Invariant:
//! `exclude` wins over `include`.

use super::Name;
use crate::config::{Interfaces, Pattern, Speed};

/// Which devices are watched: patterns of names, where `*` is any bytes and `?`
/// is any one byte. There is no way to write a literal `*`; it matches itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    speeds: Vec<Speed>,
}

impl Selection {
    /// What the configuration says.
    pub fn new(interfaces: &Interfaces) -> Self {
        Self {
            include: interfaces.include.clone(),
            exclude: interfaces.exclude.clone(),
            speeds: interfaces.speeds.clone(),
        }
    }

    /// Whether a device of this name is watched.
    pub fn watches(&self, name: &Name) -> bool {
        let any = |patterns: &[Pattern]| {
            patterns.iter().any(|pattern| matches(pattern.as_str().as_bytes(), name.as_bytes()))
        };
        any(&self.include) && !any(&self.exclude)
    }

    /// The speed that is configured for a device of this name, in bytes per second.
    pub fn speed(&self, name: &Name) -> Option<u64> {
        let mut speeds = self.speeds.iter();
        let its = |it: &&Speed| matches(it.devices.as_str().as_bytes(), name.as_bytes());
        speeds.find(its).map(Speed::bytes_per_second)
    }

    /// The patterns of what is included, for people.
    pub fn included(&self) -> String {
        self.include.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Whether it is watched and named without a wildcard.
    pub fn lists(&self, name: &Name) -> bool {
        let named = |pattern: &Pattern| {
            let text = pattern.as_str();
            text.as_bytes() == name.as_bytes() && !text.contains(['*', '?'])
        };
        self.include.iter().any(named) && self.watches(name)
    }
}

/// Whether the whole of `name` matches. After a mismatch only the last `*` is
/// tried one byte further: an earlier one could not match more.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at_pattern, mut at_name) = (0, 0);
    let mut star = None;
    while let Some(byte) = name.get(at_name) {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                at_pattern += 1;
                star = Some((at_pattern, at_name));
            }
            Some(expected) if *expected == b'?' || expected == byte => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => {
                let Some((after_star, from)) = star else { return false };
                star = Some((after_star, from + 1));
                (at_pattern, at_name) = (after_star, from + 1);
            }
        }
    }
    pattern.get(at_pattern..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let cases: [(&str, &[u8], bool); 24] = [
            ("", b"", true),
            ("", b"a", false),
            ("*", b"", true),
            ("*", b"eth0", true),
            ("*", b"nm\xff0", true),
            ("?", b"", false),
            ("?", b"a", true),
            ("?", b"\xff", true),
            ("?", b"ab", false),
            ("eth0", b"eth0", true),
            ("eth0", b"eth", false),
            ("eth0", b"eth01", false),
            ("eth*", b"eth", true),
            ("eth*", b"xeth0", false),
            ("*0", b"eth0", true),
            ("*0", b"eth01", false),
            ("nm?0", b"nm\xff0", true),
            ("a*b*c", b"a-b-b-c", true),
            ("a*b*c", b"a-b-b-", false),
            ("*ab", b"aab", true),
            ("*a?c*", b"xxabacc", true),
            ("**", b"a", true),
            ("a*", b"*", false),
            ("*", b"*", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), name), expected, "{pattern:?} on {name:?}");
        }
    }

    /// The definition, in exponential time.
    fn defined(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            ([b'*', rest @ ..], name) => {
                (0..=name.len()).any(|skipped| defined(rest, &name[skipped..]))
            }
            ([b'?', rest @ ..], [_, name @ ..]) => defined(rest, name),
            ([byte, rest @ ..], [first, name @ ..]) => byte == first && defined(rest, name),
            (_, []) => false,
        }
    }

    fn words(alphabet: &[u8], longest: usize) -> Vec<Vec<u8>> {
        let mut all = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..longest {
            let until = all.len();
            for index in from..until {
                for byte in alphabet {
                    let word = [all[index].as_slice(), &[*byte]].concat();
                    all.push(word);
                }
            }
            from = until;
        }
        all
    }

    #[test]
    fn matches_as_defined_for_every_short_pattern_and_name() {
        let names = words(b"ab", 5);
        for pattern in words(b"ab*?", 4) {
            for name in &names {
                assert_eq!(
                    matches(&pattern, name),
                    defined(&pattern, name),
                    "{pattern:?} on {name:?}"
                );
            }
        }
    }

    #[test]
    fn exclusion_wins_and_only_plain_names_are_listed() {
        type Case = (&'static [&'static str], &'static [&'static str], &'static str, bool, bool);
        let cases: [Case; 8] = [
            (&["*"], &[], "eth0", true, false),
            (&["*"], &["eth*"], "eth0", false, false),
            (&["eth0"], &["eth*"], "eth0", false, false),
            (&["*", "eth0"], &[], "eth0", true, true),
            (&["eth0"], &["veth*"], "eth0", true, true),
            (&["eth?"], &[], "eth?", true, false),
            (&["wlan0"], &[], "eth0", false, false),
            (&[], &[], "eth0", false, false),
        ];
        let owned =
            |patterns: &[&str]| patterns.iter().filter_map(|text| text.parse().ok()).collect();
        for (include, exclude, name, watched, listed) in cases {
            let interfaces = Interfaces {
                include: owned(include),
                exclude: owned(exclude),
                ..Interfaces::default()
            };
            let selection = Selection::new(&interfaces);
            let name = Name::new(name.as_bytes());
            assert_eq!(selection.watches(&name), watched, "{include:?} {exclude:?} {name}");
            assert_eq!(selection.lists(&name), listed, "{include:?} {exclude:?} {name}");
        }
    }

    #[test]
    fn the_first_speed_that_matches_decides() {
        let speeds = ["wan0=200mbit", "wan*=1gbit", "wan1=1mbit"];
        let speeds = speeds.iter().filter_map(|speed| speed.parse().ok()).collect();
        let selection = Selection::new(&Interfaces { speeds, ..Interfaces::default() });
        for (name, speed) in
            [(b"wan0".as_slice(), Some(25_000_000)), (b"wan1", Some(125_000_000)), (b"lan0", None)]
        {
            assert_eq!(selection.speed(&Name::new(name)), speed);
        }
    }
}
