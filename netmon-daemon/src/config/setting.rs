//! What a key can hold, and how a value that it cannot hold is refused in words.
//!
//! A refusal names neither file nor key: those who know them add them.

use std::{fmt::Display, ops::RangeInclusive};

use toml::Value;

use crate::printable::Printable;

/// How much of a refused value is repeated in a message, in characters.
const QUOTED: usize = 60;

/// A type of value.
pub trait Setting: Sized {
    /// What limits speak of: the value itself, or the length of a list.
    type Measure: PartialOrd + Display;

    /// What limits count, where the measure does not say.
    const UNIT: &'static str = "";

    /// What is expected, in words.
    fn expected() -> String;

    /// The value in TOML, or why it is none of this type.
    ///
    /// # Errors
    ///
    /// What was expected and what was found.
    fn read(value: &Value) -> Result<Self, String>;

    /// What limits apply to.
    fn measure(&self) -> Self::Measure;

    /// What the text of an environment variable stands for. Text that stands
    /// for nothing of this type stays text, and [`Setting::read`] refuses it.
    fn from_text(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

/// Whether `value` is a `T` within `limits`.
///
/// # Errors
///
/// In words, what is wrong with it.
pub fn check<T: Setting>(
    value: &Value,
    limits: Option<&RangeInclusive<T::Measure>>,
) -> Result<(), String> {
    let measure = T::read(value)?.measure();
    if limits.is_none_or(|limits| limits.contains(&measure)) {
        return Ok(());
    }
    let range = self::limits::<T>(limits).unwrap_or_default();
    Err(format!("{measure}{} is out of range: from {range}", T::UNIT))
}

/// The least and the greatest measure in words.
pub fn limits<T: Setting>(limits: Option<&RangeInclusive<T::Measure>>) -> Option<String> {
    limits.map(|limits| format!("{} to {}{}", limits.start(), limits.end(), T::UNIT))
}

/// Says that `value` is not what was expected.
pub(super) fn mismatch(expected: &str, value: &Value) -> String {
    let found = match value {
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number:?}"),
        Value::Boolean(truth) => format!("{truth}"),
        Value::Datetime(date) => format!("the date {date}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    };
    format!("expected {expected}, found {found}")
}

/// Text from outside in quotes: printable, and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    let start: String = text.chars().take(QUOTED).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    format!("\"{}{more}\"", Printable(&start))
}

impl Setting for bool {
    type Measure = Self;

    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| mismatch(&Self::expected(), value))
    }

    fn measure(&self) -> Self::Measure {
        *self
    }

    fn from_text(text: &str) -> Value {
        text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Boolean)
    }
}

impl Setting for f64 {
    type Measure = Self;

    fn expected() -> String {
        "a number".to_owned()
    }

    fn read(value: &Value) -> Result<Self, String> {
        let number = match value {
            Value::Float(number) => *number,
            Value::Integer(number) => *number as Self,
            _ => return Err(mismatch(&Self::expected(), value)),
        };
        if number.is_finite() { Ok(number) } else { Err(mismatch("a finite number", value)) }
    }

    fn measure(&self) -> Self::Measure {
        *self
    }

    fn from_text(text: &str) -> Value {
        text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Float)
    }
}

impl Setting for usize {
    type Measure = Self;

    fn expected() -> String {
        "a whole number".to_owned()
    }

    fn read(value: &Value) -> Result<Self, String> {
        let number = value.as_integer().ok_or_else(|| mismatch(&Self::expected(), value))?;
        Self::try_from(number).map_err(|_| mismatch("a number that is not negative", value))
    }

    fn measure(&self) -> Self::Measure {
        *self
    }

    fn from_text(text: &str) -> Value {
        text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer)
    }
}

impl<T: Setting> Setting for Vec<T> {
    type Measure = usize;

    const UNIT: &'static str = " entries";

    fn expected() -> String {
        format!("a list, each entry {}", T::expected())
    }

    fn read(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| mismatch(&Self::expected(), value))?;
        list.iter().map(T::read).collect()
    }

    fn measure(&self) -> Self::Measure {
        self.len()
    }

    /// Entries are separated by commas; empty text is an empty list.
    fn from_text(text: &str) -> Value {
        let entries = text.split(',').map(str::trim);
        Value::Array(entries.filter(|entry| !entry.is_empty()).map(T::from_text).collect())
    }
}

/// Makes a type that is written as text (`Display`, and `FromStr` whose error
/// is a sentence) a setting and gives it serde's traits.
macro_rules! textual {
    ($type:ty, $expected:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }

        impl $crate::config::setting::Setting for $type {
            type Measure = Self;

            fn expected() -> String {
                $expected.to_string()
            }

            fn read(value: &toml::Value) -> Result<Self, String> {
                value
                    .as_str()
                    .ok_or_else(|| $crate::config::setting::mismatch(&Self::expected(), value))?
                    .parse()
            }

            fn measure(&self) -> Self::Measure {
                self.clone()
            }
        }
    };
}
pub(super) use textual;
