//! Red flags that are shown and not announced, for a time.

use std::{fmt, str::FromStr};

use super::{
    Deadline,
    exemption::{Matcher, ending},
    nearest::nearest,
    setting::{quoted, textual},
};
use crate::detect;

/// Whose red flags are not announced, about whom, and until when.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub struct Silence {
    /// The detector; none for all of them.
    pub detector: Option<&'static str>,
    /// Whom or what they are about; none for everybody.
    pub matcher: Option<Matcher>,
    /// When they are announced again.
    pub until: Deadline,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detector.unwrap_or(ALL))?;
        self.matcher.iter().try_for_each(|matcher| write!(f, " {matcher}"))?;
        write!(f, " until {}", self.until)
    }
}

/// What stands for all detectors.
const ALL: &str = "*";

impl FromStr for Silence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, Some(until)) = ending(text)? else {
            return Err(format!(
                "{} has no end: write \"until 2027-01-31\" behind it, or switch the detector off \
                 for good",
                quoted(text)
            ));
        };
        let (name, matcher) = what.split_once(char::is_whitespace).unwrap_or((what, ""));
        let detector = match name {
            ALL => None,
            name => Some(known(name)?),
        };
        let matcher = Some(matcher.trim()).filter(|it| !it.is_empty()).map(str::parse);
        Ok(Self { detector, matcher: matcher.transpose()?, until })
    }
}

/// The detector of this name.
fn known(name: &str) -> Result<&'static str, String> {
    let mut names = detect::NAMES.iter().copied();
    names.find(|it| *it == name).ok_or_else(|| {
        let found = quoted(name);
        match nearest(name, detect::NAMES.iter().copied()) {
            Some(meant) => format!("{found} is no detector: did you mean \"{meant}\"?"),
            None => format!("{found} is no detector: write its name, or * for all of them"),
        }
    })
}

textual!(Silence, "text such as \"syn_flood until 2027-01-31\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_are_written_as_they_are_read() {
        for text in [
            "* until 2027-01-31",
            "syn_flood until 2027-01-31T18:00:00Z",
            "stealth_scan 192.0.2.0/24 until 2027-01-31",
            "* tcp/22 until 2027-01-31",
            "rst_storm interface eth0 until 2027-01-31",
        ] {
            assert_eq!(text.parse::<Silence>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_silence_is_refused_with_advice() {
        for (text, hint) in [
            ("", "has no end"),
            ("syn_flood", "has no end"),
            ("syn_flod until 2027-01-31", "did you mean \"syn_flood\""),
            ("192.0.2.7 until 2027-01-31", "* for all"),
            ("syn_flood nobody until 2027-01-31", "\"192.0.2.7\""),
            ("syn_flood until when", "2027-01-31"),
        ] {
            let refusal = text.parse::<Silence>().err().unwrap_or_default();
            assert!(refusal.contains(hint), "{text:?}: {refusal}");
        }
    }
}
