//! Shell patterns for device names. What they match is for `links` to say,
//! which knows names as the bytes they are.

use std::{fmt, str::FromStr};

use super::setting::{quoted, textual};

/// A device name in which `*` stands for any text and `?` for one byte. It is
/// not empty and holds nothing that no device name can hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Every device.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The loopback device.
    pub fn loopback() -> Self {
        Self("lo".to_owned())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            Err("an empty text matches no device: write \"*\" for all of them".to_owned())
        } else if text.contains(['[', ']', '{', '}']) {
            Err(format!("{} is no pattern: only * and ? are wildcards", quoted(text)))
        } else if let Some(wrong) =
            text.chars().find(|&c| c == '/' || c == '\0' || c.is_whitespace())
        {
            Err(format!("{} matches no device: no name contains {wrong:?}", quoted(text)))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

textual!(Pattern, "a device name or pattern such as \"eth*\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_match_no_device_are_refused() {
        for text in ["*", "eth0", "br-*", "veth?", "*.100", "größe"] {
            assert_eq!(text.parse(), Ok(Pattern(text.to_owned())));
        }
        for text in ["", "a b", "a/b", "eth[01]", "{a,b}", "a\n", "\0"] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
    }
}
