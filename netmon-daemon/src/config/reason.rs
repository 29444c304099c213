//! Names of reasons. Which exist is for the running kernel to say.

use std::{fmt, str::FromStr};

use super::setting::{quoted, textual};

/// The longest name that is taken for one, in bytes; the longest of kernel 6.18 has 27.
const LONGEST: usize = 64;

/// A kernel's reason to drop a packet, in its lower-case name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{} is no reason: lower-case letters, digits and _ make one", quoted(text)))
    }
}

textual!(Reason, "a reason such as \"tcp_old_data\"");
