//! The kernel's names of its reasons.
//!
//! They are numbered anew with every kernel, so they are named from the running
//! kernel's BTF and never compiled in.

use super::btf::Btf;

/// What a reason is called that the kernel has no name for, or no reasons at all.
pub(super) const UNNAMED: &str = "unknown";

/// The kernel's own name for no reason in particular, which every kernel has.
pub(super) const UNSPECIFIED: &str = "not_specified";

/// Values among the reasons to drop a packet that are none.
pub(super) const NO_DROPS: [&str; 2] = ["skb_not_dropped_yet", "skb_consumed"];

/// The lower-case names of the values of an enumeration, without what they all
/// begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons(Vec<String>);

impl Reasons {
    /// Names the first `count` values of an enumeration.
    pub(super) fn find(btf: &Btf<'_>, enumeration: &str, prefix: &str, count: usize) -> Self {
        let mut names = Vec::new();
        for (value, name) in btf.enumerators(enumeration) {
            let Some(at) = usize::try_from(value).ok().filter(|at| *at < count) else { continue };
            if names.len() <= at {
                names.resize(at + 1, UNNAMED.to_owned());
            }
            names[at] = name.strip_prefix(prefix).unwrap_or(name).to_lowercase();
        }
        Self(names)
    }

    /// The value of a name; 0 where there is none, which no reason is that the kernel
    /// gives.
    pub(super) fn value(&self, name: &str) -> u32 {
        let at = self.0.iter().position(|found| found == name);
        at.and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
    }

    /// The name of a value.
    pub(super) fn name(&self, value: usize) -> &str {
        // A kernel without reasons says nothing in particular.
        let default = if value == 0 { UNSPECIFIED } else { UNNAMED };
        self.0.get(value).map_or(default, String::as_str)
    }
}
