//! Speeds of devices whose driver reports none, or not the one that bounds them.

use std::{fmt, str::FromStr};

use super::{
    Pattern,
    setting::{quoted, textual},
};

/// The speed of devices in each direction, such as `"wan0=200mbit"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed {
    /// The devices.
    pub devices: Pattern,
    kilobits: u64,
}

/// Units as `tc` writes them, in kilobits per second, greatest first.
const UNITS: [(&str, u64); 3] = [("gbit", 1_000_000), ("mbit", 1000), ("kbit", 1)];

/// Bytes per second in a kilobit per second.
const BYTES_PER_KILOBIT: u64 = 125;

/// The highest speed: a terabit per second.
const MAX_KILOBITS: u64 = 1_000_000_000;

impl Speed {
    /// In bytes per second.
    pub const fn bytes_per_second(&self) -> u64 {
        self.kilobits * BYTES_PER_KILOBIT
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, scale)| self.kilobits.is_multiple_of(*scale));
        let (unit, scale) = whole.unwrap_or(&("kbit", 1));
        write!(f, "{}={}{unit}", self.devices, self.kilobits / scale)
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = |why: &str| format!("{} {why}, such as \"wan0=200mbit\"", quoted(text));
        let (devices, speed) = text.split_once('=').ok_or_else(|| refusal("gives no speed"))?;
        let digits = speed.len() - speed.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = speed.split_at(digits);
        let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| scale);
        let scale = scale.ok_or_else(|| refusal("needs a number and kbit, mbit or gbit"))?;
        let kilobits = number.parse().ok().and_then(|number: u64| number.checked_mul(*scale));
        kilobits
            .filter(|kilobits| (1..=MAX_KILOBITS).contains(kilobits))
            .ok_or_else(|| refusal("must be from 1kbit to 1000gbit"))
            .and_then(|kilobits| Ok(Self { devices: devices.parse()?, kilobits }))
    }
}

textual!(Speed, "a device and its speed such as \"wan0=200mbit\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_and_written() {
        for (text, bytes, written) in [
            ("wan0=200mbit", 25_000_000, "wan0=200mbit"),
            ("eth*=1000mbit", 125_000_000, "eth*=1gbit"),
            ("ppp?=64kbit", 8000, "ppp?=64kbit"),
            ("a=1kbit", 125, "a=1kbit"),
            ("a=1000gbit", 125_000_000_000, "a=1000gbit"),
        ] {
            let speed: Result<Speed, _> = text.parse();
            assert_eq!(speed.as_ref().map(Speed::bytes_per_second), Ok(bytes), "{text}");
            assert_eq!(speed.map(|speed| speed.to_string()).as_deref(), Ok(written));
        }
    }

    #[test]
    fn what_is_no_speed_is_refused() {
        for text in [
            "",
            "eth0",
            "eth0=",
            "eth0=1",
            "eth0=mbit",
            "eth0=1 mbit",
            "eth0=1Mbit",
            "=1gbit",
            "a b=1gbit",
            "eth0=0gbit",
            "eth0=1001gbit",
            "eth0=99999999999999999999gbit",
            "eth0=-1gbit",
            "eth0=1.5gbit",
        ] {
            assert!(text.parse::<Speed>().is_err(), "{text:?}");
        }
    }
}
