//! Numbers as people read them.

use std::time::Duration;

/// Bytes per second with a unit; bytes, not bits, as in all metrics.
pub(super) fn rate(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
    let mut value = bytes.max(0.0);
    let mut unit = 0;
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("");
    if unit == 0 || value >= 99.5 {
        format!("{value:.0} {name}")
    } else if value >= 9.95 {
        format!("{value:.1} {name}")
    } else {
        format!("{value:.2} {name}")
    }
}

/// A figure without needless digits.
pub(super) fn count(value: f64) -> String {
    if value.abs() >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// A whole number in groups of three digits.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A narrow space that no line breaks at.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A time span in its largest two units.
pub(super) fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_carry_their_unit() {
        for (bytes, shown) in [
            (0.0, "0 B/s"),
            (999.0, "999 B/s"),
            (999.6, "1.00 kB/s"),
            (1500.0, "1.50 kB/s"),
            (12_345.0, "12.3 kB/s"),
            (99_960.0, "100 kB/s"),
            (1.25e9, "1.25 GB/s"),
            (5e15, "5000 TB/s"),
        ] {
            assert_eq!(rate(bytes), shown);
        }
        for (value, shown) in [(0.25, "0.25"), (4.0, "4"), (1234.5, "1234"), (9.5, "9.50")] {
            assert_eq!(count(value), shown);
        }
        for (seconds, shown) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), shown);
        }
    }
}
