//! Programs that must not be used: faults, injected on purpose.
//!
//! How netmon fares without a program is worth a test on a kernel that has it all,
//! so the environment can forbid programs by name; the rest of the daemon treats
//! them as if the kernel had refused them.

use std::collections::BTreeSet;

use super::{attempts, dns, hooks::HOOKS, object, sock_ops};

/// The variable that forbids programs: their names with commas between them, or
/// [`ALL`].
pub const VARIABLE: &str = "NETMON_FORBID";

/// Stands for every program, and for eBPF as a whole.
const ALL: &str = "all";

/// The programs that are forbidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forbidden(BTreeSet<&'static str>);

impl Forbidden {
    /// Reads a list of names; spaces around them do not matter, nor do empty ones.
    ///
    /// # Errors
    ///
    /// When a name is of no program.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut forbidden = BTreeSet::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match names().find(|known| *known == name) {
                Some(known) => forbidden.insert(known),
                None => return Err(format!("no such program: write {}", list_of_names())),
            };
        }
        Ok(Self(forbidden))
    }

    /// Whether a program must not be used.
    pub(super) fn has(&self, program: &str) -> bool {
        self.0.contains(program)
    }

    /// Whether eBPF must not be used at all.
    pub(super) fn has_all(&self) -> bool {
        self.0.contains(ALL)
    }
}

/// Every name that can be forbidden.
fn names() -> impl Iterator<Item = &'static str> {
    let hooks = HOOKS.iter().map(|hook| hook.name);
    object::TC_HOOKS.into_iter().chain(hooks).chain([
        attempts::HOOK,
        dns::HOOK,
        sock_ops::NAME,
        ALL,
    ])
}

fn list_of_names() -> String {
    names().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let names = |list| Forbidden::parse(list).map(|it| it.0.into_iter().collect::<Vec<_>>());
        assert_eq!(names(""), Ok(vec![]));
        assert_eq!(names(" retransmit , tc_ingress,,"), Ok(vec!["retransmit", "tc_ingress"]));
        assert_eq!(names("all"), Ok(vec!["all"]));
        for wrong in ["retransmits", "retransmit tc_ingress", "ALL", "retransmit_tp_btf"] {
            let said = names(wrong).err().unwrap_or_default();
            assert!(said.contains("tc_egress") && said.contains("retransmit, "), "{said}");
        }
    }
}
