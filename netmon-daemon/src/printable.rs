//! Text from outside, made safe to show.
//!
//! Whatever stands in a device name, a file name or a packet, what is shown of
//! it is one line without control bytes, and two different texts stay two.

use std::fmt;

/// Text whose control, invisible and direction-changing characters and
/// backslashes are shown as escapes.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0.chars().try_for_each(|c| match c {
            '"' | '\'' => f.write_char(c),
            _ => c.escape_debug().try_for_each(|c| f.write_char(c)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_gets_through() {
        for (text, shown) in [
            ("eth0", "eth0"),
            ("\"quoted\" 'too'", "\"quoted\" 'too'"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b[31mred", "\\u{1b}[31mred"),
            ("back\\slash", "back\\\\slash"),
            ("\u{202e}abc", "\\u{202e}abc"),
            ("\u{2028}", "\\u{2028}"),
            ("\u{85}", "\\u{85}"),
            ("größe", "größe"),
        ] {
            assert_eq!(Printable(text).to_string(), shown, "{text:?}");
        }
    }
}
