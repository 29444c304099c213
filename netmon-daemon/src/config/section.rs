//! The macro behind every configuration section.

use serde::Serialize;

/// One documented key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its doc comment, line by line, as it stands in the shipped file.
    pub doc: &'static [&'static str],
}

/// A configuration section: its keys, their documentation and their defaults.
pub trait Section: Default + Serialize {
    /// The doc comment of the section.
    const DOC: &'static [&'static str];
    /// The keys, in the order of the shipped file.
    const KEYS: &'static [Key];
}

/// Declares a configuration section. Each key is one documented line,
/// `name: type = default;`, and the doc comment is what the shipped file says.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $($(#[doc = $key_doc:literal])+ $key:ident: $type:ty = $default:expr;)+
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $key_doc])+ pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::config::section::Section for $name {
            const DOC: &'static [&'static str] = &[$($doc),*];
            const KEYS: &'static [$crate::config::section::Key] = &[$(
                $crate::config::section::Key {
                    name: stringify!($key),
                    doc: &[$($key_doc),+],
                },
            )+];
        }
    };
}
pub(crate) use section;
