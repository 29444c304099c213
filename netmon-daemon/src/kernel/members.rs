//! Where the members of kernel structures lie that the programs read.

use netmon_common::abi::member::{Member, NO_MEMBER};

use super::btf::Btf;

/// The offset of every member, in the order of [`Member::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Members([u32; Member::COUNT]);

impl Members {
    /// Nothing is known: the kernel does not describe its types.
    pub(super) const UNKNOWN: Self = Self([NO_MEMBER; Member::COUNT]);

    /// Looks every member up.
    pub(super) fn find(btf: &Btf<'_>) -> Self {
        let mut members = Self::UNKNOWN;
        for (offset, member) in members.0.iter_mut().zip(Member::ALL) {
            *offset = find(btf, *member).unwrap_or(NO_MEMBER);
        }
        members
    }

    /// The offsets as the programs want them.
    pub(super) const fn offsets(&self) -> &[u32; Member::COUNT] {
        &self.0
    }

    /// The first of these that the running kernel does not have.
    pub(super) fn missing(&self, needed: &[Member]) -> Option<Member> {
        let has = |member: &Member| self.0.get(member.index()).is_some_and(|at| *at != NO_MEMBER);
        needed.iter().find(|member| !has(member)).copied()
    }
}

/// The offset of a member from the first structure of its path.
fn find(btf: &Btf<'_>, member: Member) -> Option<u32> {
    member.label().split(' ').try_fold(0, |sum: u32, step| {
        let (structure, member) = step.split_once('.')?;
        sum.checked_add(btf.member_offset(structure, member)?)
    })
}
