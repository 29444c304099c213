//! A directory of the host.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::setting::{quoted, textual};

/// The path of a directory from the root, or none at all, written as the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Directory(String);

impl Directory {
    /// The path; none where there is none.
    pub fn path(&self) -> Option<PathBuf> {
        (!self.0.is_empty()).then(|| PathBuf::from(&self.0))
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Directory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('\0') {
            Err(format!("{} is no path: no path contains a zero byte", quoted(text)))
        } else if text.is_empty() || Path::new(text).is_absolute() {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{} is no path from the root: begin it with \"/\"", quoted(text)))
        }
    }
}

textual!(Directory, "a path such as \"/var/lib/netmon\", or an empty text");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_depend_on_something_are_refused() {
        for (text, path) in [("", None), ("/var/lib/netmon", Some("/var/lib/netmon"))] {
            let directory: Result<Directory, _> = text.parse();
            assert_eq!(directory.map(|it| it.path()), Ok(path.map(PathBuf::from)));
        }
        for text in ["netmon", "./netmon", "~", "/a\0b"] {
            assert!(text.parse::<Directory>().is_err(), "{text:?}");
        }
    }
}
