//! Lines of JSON that are safe to look at: what JSON may hold as it is and a
//! terminal obeys (DEL, C1 controls, changes of direction) is escaped as well.
//!
//! Invariant: the value of every line stays the same.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use tracing_subscriber::fmt::MakeWriter;

/// A writer of such lines. Each call of `write` is given whole lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<W>(pub(super) W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Json<W> {
    type Writer = Json<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Json(self.0.make_writer())
    }
}

impl<W: Write> Write for Json<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines);
        let mut escaped = String::with_capacity(text.len());
        for char in text.chars() {
            // Printable characters, and the end of a line.
            if char.is_ascii() && char != '\x7f' || char.escape_debug().len() == 1 {
                escaped.push(char);
            } else {
                // Anything else stands inside a string.
                for unit in char.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_means_the_same() -> io::Result<()> {
        for (value, shown) in [
            ("eth0", r#""eth0""#),
            ("größe", r#""größe""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\x1b[31m", r#""\u001b[31m""#),
            ("\x7f", r#""\u007f""#),
            ("\u{9b}31m", r#""\u009b31m""#),
            ("\u{202e}abc", r#""\u202eabc""#),
            ("\u{e0001}", r#""\udb40\udc01""#),
        ] {
            let mut line = Vec::new();
            Json(&mut line).write_all(serde_json::to_string(value)?.as_bytes())?;
            assert_eq!(String::from_utf8_lossy(&line), shown);
            assert_eq!(serde_json::from_slice::<String>(&line)?, value);
        }
        Ok(())
    }
}
