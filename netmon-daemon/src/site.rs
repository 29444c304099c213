//! Of what a detector speaks: one vantage, or the host as a whole.

use std::fmt;

use crate::snapshot::Vantage;

/// What is judged by itself, and what a red flag is about where nothing more is
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// The packets of one vantage.
    Vantage(Vantage),
    /// What the kernel of the host tells, of all network namespaces together.
    Host,
}

impl Site {
    /// Every site.
    pub const ALL: [Self; Vantage::ALL.len() + 1] = [
        Self::Vantage(Vantage::Boundary),
        Self::Vantage(Vantage::Internal),
        Self::Vantage(Vantage::Loopback),
        Self::Host,
    ];

    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Vantage(vantage) => vantage.label(),
            Self::Host => "host",
        }
    }

    /// The vantage, unless it is the host as a whole.
    pub const fn vantage(self) -> Option<Vantage> {
        match self {
            Self::Vantage(vantage) => Some(vantage),
            Self::Host => None,
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
