//! A name in lower case, cut into labels, and which part of it is registered.
//!
//! Allocates nothing. Invariant: two names that DNS takes for one are one here.

use netmon_common::dns::{MAX_NAME_LEN, Name};
use psl::{List, Psl as _, Type};

/// A name has at most so many labels.
const MAX_LABELS: usize = MAX_NAME_LEN / 2 + 1;

/// A name in lower case.
pub(super) struct Lower {
    /// Its labels with dots between them.
    text: [u8; MAX_NAME_LEN],
    len: usize,
    /// Where its labels begin, and where one more would.
    starts: [u8; MAX_LABELS + 1],
    labels: usize,
}

impl Lower {
    /// Reads a name.
    pub(super) fn read(name: Name<'_>) -> Self {
        let mut lower = Self::EMPTY;
        for label in name.labels() {
            lower.push(label);
        }
        lower
    }

    /// The root.
    pub(super) const EMPTY: Self =
        Self { text: [0; MAX_NAME_LEN], len: 0, starts: [0; MAX_LABELS + 1], labels: 0 };

    /// Adds a label, if there is room, which in a name there is.
    pub(super) fn push(&mut self, label: &[u8]) {
        let from = if self.labels == 0 { 0 } else { self.len + 1 };
        let end = from + label.len();
        let (Some(place), Some(next)) =
            (self.text.get_mut(from..end), self.starts.get_mut(self.labels + 1))
        else {
            return;
        };
        place.copy_from_slice(label);
        place.make_ascii_lowercase();
        // The text is shorter than 256 bytes.
        *next = u8::try_from(end + 1).unwrap_or(u8::MAX);
        if let Some(dot) = from.checked_sub(1).and_then(|at| self.text.get_mut(at)) {
            *dot = b'.';
        }
        self.len = end;
        self.labels += 1;
    }

    /// How many labels it has.
    pub(super) const fn labels(&self) -> usize {
        self.labels
    }

    fn start(&self, label: usize) -> usize {
        self.starts.get(label).map_or(self.len, |start| usize::from(*start))
    }

    /// The labels from one to before another, with dots between them.
    pub(super) fn part(&self, first: usize, end: usize) -> &[u8] {
        if first >= end {
            return &[];
        }
        let end = self.start(end).saturating_sub(1).min(self.len);
        self.text.get(self.start(first)..end).unwrap_or_default()
    }

    /// The labels from one on, with dots between them.
    pub(super) fn from(&self, first: usize) -> &[u8] {
        self.part(first, self.labels)
    }

    /// One label, counted from the left.
    pub(super) fn label(&self, at: usize) -> &[u8] {
        self.part(at, at + 1)
    }

    /// The public suffix of the labels from one to before another: the place of its
    /// first label, and whether the list knows it and ICANN runs it.
    fn suffix(&self, first: usize, end: usize) -> (usize, Option<Type>) {
        let info = List.find((first..end).rev().map(|at| self.label(at)));
        let mut at = end;
        let mut len = 0;
        while at > first && len < info.len {
            at -= 1;
            len = self.part(at, end).len();
        }
        (at, info.typ)
    }

    /// Where the registered domain begins: one label before the public suffix. Below a
    /// suffix that the list does not know, the last two labels stand in. None for a name
    /// that is a suffix itself.
    pub(super) fn domain(&self) -> Option<usize> {
        match self.suffix(0, self.labels) {
            (at, Some(_)) => at.checked_sub(1),
            (_, None) => self.labels.checked_sub(2),
        }
    }

    /// Whether some of its labels are a domain that someone registered below a suffix of
    /// ICANN's, or below one of a company.
    pub(super) fn is_registered(&self, first: usize, end: usize) -> bool {
        // A top-level domain has two letters at least, and no digit.
        let last = self.label(end.saturating_sub(1));
        let is_word = last.len() >= 2 && (last.is_ascii_alphabetic() || last.starts_with(b"xn--"));
        // What a company hands out below its own domain is registered as well.
        is_word
            && match self.suffix(first, end) {
                (at, Some(Type::Icann)) => at > first,
                (_, kind) => kind.is_some(),
            }
    }

    /// Whether it is the reverse of an address, in the zones that are there for it.
    pub(super) fn is_reverse(&self) -> bool {
        let Some(at) = self.labels.checked_sub(2) else { return false };
        matches!(self.from(at), b"in-addr.arpa" | b"ip6.arpa")
    }

    /// Whether it lies outside of the public tree, by its last label: there nobody can
    /// register anything (RFC 6762, RFC 8375, and what ICANN keeps back for such use).
    pub(super) fn is_private(&self) -> bool {
        if self.labels < 2 {
            return true;
        }
        let last = self.label(self.labels - 1);
        matches!(
            last,
            b"local"
                | b"localdomain"
                | b"localhost"
                | b"lan"
                | b"home"
                | b"internal"
                | b"corp"
                | b"intranet"
                | b"private"
                | b"arpa"
        )
    }
}

/// Letters alone.
trait Letters {
    fn is_ascii_alphabetic(&self) -> bool;
}

impl Letters for [u8] {
    fn is_ascii_alphabetic(&self) -> bool {
        self.iter().all(u8::is_ascii_alphabetic)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A name from its text.
    pub(in super::super) fn lower(text: &str) -> Lower {
        let mut lower = Lower::EMPTY;
        text.split('.')
            .filter(|label| !label.is_empty())
            .for_each(|label| lower.push(label.as_bytes()));
        lower
    }

    #[test]
    fn the_registered_domain_is_one_label_below_the_suffix() {
        for (name, domain) in [
            ("www.Example.COM", Some("example.com")),
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("x.cloudfront.net", Some("x.cloudfront.net")),
            ("d.x.cloudfront.net", Some("x.cloudfront.net")),
            ("www.ggy666.tk", Some("ggy666.tk")),
            ("h1.example.test", Some("example.test")),
            ("a.b.cluster.local", Some("cluster.local")),
            ("nas.lan", Some("nas.lan")),
            ("example.com", Some("example.com")),
            ("com", None),
            ("co.uk", None),
            ("host", None),
            ("", None),
        ] {
            let lower = lower(name);
            let found =
                lower.domain().map(|at| String::from_utf8_lossy(lower.from(at)).into_owned());
            assert_eq!(found.as_deref(), domain, "{name}");
        }
    }

    #[test]
    fn parts_are_cut_at_labels() {
        let name = lower("A.bc.def");
        assert_eq!((name.labels(), name.from(0), name.from(2)), (3, &b"a.bc.def"[..], &b"def"[..]));
        assert_eq!(
            (name.part(0, 2), name.part(1, 1), name.label(1)),
            (&b"a.bc"[..], &b""[..], &b"bc"[..])
        );
        assert_eq!((name.from(3), name.label(9)), (&b""[..], &b""[..]));
    }

    #[test]
    fn the_longest_names_fit() {
        let label = [b'X'; 63];
        let mut name = Lower::EMPTY;
        for len in [63, 63, 63, 61] {
            name.push(&label[..len]);
        }
        assert_eq!((name.labels(), name.from(0).len(), name.label(3).len()), (4, 253, 61));
        let mut name = Lower::EMPTY;
        for _ in 0..127 {
            name.push(b"Y");
        }
        assert_eq!((name.labels(), name.from(0).len(), name.label(126)), (127, 253, &b"y"[..]));
    }
}
