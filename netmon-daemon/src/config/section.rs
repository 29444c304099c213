//! The macro behind every configuration section, and what it says of each key.
//!
//! A key is declared once; its check, its documentation and its line in the
//! shipped file all follow from that declaration.

use serde::Serialize;
use toml::Value;

/// One documented key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its doc comment, line by line, as it stands in the shipped file.
    pub doc: &'static [&'static str],
    /// The least and the greatest value, or length of a list, where it has
    /// any, such as `1 to 10`.
    pub limits: fn() -> Option<String>,
    /// Whether a TOML value is one for this key; if not, why.
    pub check: fn(&Value) -> Result<(), String>,
    /// What the text of an environment variable stands for, to be checked.
    pub from_text: fn(&str) -> Value,
}

/// A configuration section: its keys, their documentation and their defaults.
pub trait Section: Default + Serialize {
    /// The doc comment of the section.
    const DOC: &'static [&'static str];
    /// The keys, in the order of the shipped file.
    const KEYS: &'static [Key];
}

/// A section where it stands in the file.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its header, such as `web` or `detectors.syn_flood`.
    pub path: &'static str,
    /// Its doc comment.
    pub doc: &'static [&'static str],
    /// Its keys.
    pub keys: &'static [Key],
}

/// Declares a configuration section. Each key is one documented line,
/// `name: type = default, in least..=greatest;`, and the doc comment is what
/// the shipped file says. Numbers have limits; the other types may have some.
///
/// A section that is called `Config` is that of a detector, and has a key more: what the
/// detector is to leave alone.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        pub struct Config { $($keys:tt)+ }
    ) => {
        $crate::config::section::section! {
            @keys
            $(#[doc = $doc])*
            pub struct Config {
                $($keys)+
                /// What raises nothing here, as subject, peer or service: an address, a network such as "192.0.2.0/24", "port 22" or "tcp/22", "interface eth0" or "workload backup.service" (`*` and `?` are wildcards); each may end in "until 2027-01-31" or "until" and a time of RFC 3339.
                exempt: Vec<$crate::config::Exemption> = Vec::new(), in 0..=64;
            }
        }
    };
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident { $($keys:tt)+ }
    ) => {
        $crate::config::section::section! {
            @keys $(#[doc = $doc])* pub struct $name { $($keys)+ }
        }
    };
    (
        @keys
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $($(#[doc = $key_doc:literal])+ $key:ident: $type:ty = $default:expr $(, in $limits:expr)?;)+
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
                    limits: || {
                        $crate::config::setting::limits::<$type>(
                            $crate::config::section::limits!($($limits)?)
                        )
                    },
                    check: |value| {
                        $crate::config::setting::check::<$type>(
                            value,
                            $crate::config::section::limits!($($limits)?),
                        )
                    },
                    from_text: <$type as $crate::config::setting::Setting>::from_text,
                },
            )+];
        }
    };
}
pub(crate) use section;

/// The limits of a key as an option.
macro_rules! limits {
    () => {
        None
    };
    ($limits:expr) => {
        Some(&($limits))
    };
}
pub(crate) use limits;
