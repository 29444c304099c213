//! How domains are shown to people: in full, or as a short hash that only tells one
//! from another.
//!
//! Invariant: unless names are to be shown in full, no text of a name is kept.

use crate::{config::NamePrivacy, key::Key, printable::Printable};

/// Texts that are kept, of domains that may have to be shown.
const TEXTS: usize = 256;

/// Bytes of a text; a longer one loses its beginning.
const LEN: usize = 76;

/// The text of a domain.
#[derive(Clone, Debug)]
struct Text {
    /// Hash of the domain, 0 where there is none.
    domain: u32,
    len: u8,
    is_cut: bool,
    bytes: [u8; LEN],
}

/// What is known of the texts of domains.
#[derive(Debug)]
pub(super) struct Shown(Box<[Text]>);

impl Shown {
    pub(super) fn new(privacy: NamePrivacy) -> Self {
        let texts = if privacy == NamePrivacy::Plain { TEXTS } else { 0 };
        let none = Text { domain: 0, len: 0, is_cut: false, bytes: [0; LEN] };
        Self(vec![none; texts].into_boxed_slice())
    }

    /// Keeps the text of a domain, if texts are kept.
    pub(super) fn keep(&mut self, domain: u32, text: &[u8]) {
        let Some(place) = self.0.get_mut(domain as usize % TEXTS) else { return };
        if place.domain == domain {
            return;
        }
        let cut = text.len().saturating_sub(LEN);
        let end = text.get(cut..).unwrap_or_default();
        *place = Text { domain, len: 0, is_cut: cut > 0, bytes: [0; LEN] };
        if let Some(bytes) = place.bytes.get_mut(..end.len()) {
            bytes.copy_from_slice(end);
            place.len = u8::try_from(end.len()).unwrap_or(0);
        }
    }

    /// A domain for people.
    pub(super) fn show(&self, domain: u32) -> String {
        let kept = self.0.get(domain as usize % TEXTS).filter(|text| text.domain == domain);
        let Some(text) = kept else { return format!("name-{domain:08x}") };
        let bytes = text.bytes.get(..usize::from(text.len)).unwrap_or_default();
        let dots = if text.is_cut { "..." } else { "" };
        format!("{dots}{}", Printable(&String::from_utf8_lossy(bytes)))
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// The hash of a domain, by which it is known everywhere and shown where its text is not.
pub(super) fn domain(text: &[u8], key: &Key) -> u32 {
    key.tag(&[text])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_far_as_they_may_be() {
        let long = "x".repeat(100) + ".example.com";
        for (privacy, text, expected) in [
            (NamePrivacy::Hashed, "example.com", "name-00000007".to_owned()),
            (NamePrivacy::Plain, "example.com", "example.com".to_owned()),
            (NamePrivacy::Plain, "a\nb\u{1b}.com", "a\\nb\\u{1b}.com".to_owned()),
            (NamePrivacy::Plain, &long, format!("...{}", &long[long.len() - LEN..])),
        ] {
            let mut shown = Shown::new(privacy);
            shown.keep(7, text.as_bytes());
            assert_eq!(shown.show(7), expected);
            assert_eq!(shown.show(8), "name-00000008");
            // Another domain in the same place.
            shown.keep(7 + 256, b"example.org");
            assert_eq!(shown.show(7), "name-00000007");
        }
    }
}
