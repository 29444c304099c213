//! Just enough reading of Rust source: what is code, and which paths it names.

/// Rust source with comments and the inside of literals blanked out. Lines stay
/// where they are.
pub(crate) fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let (kept, skipped) = if rest.starts_with("//") {
            ("", rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            ("", rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if let Some(len) = raw_string(rest) {
            ("\"\"", len)
        } else if next == '"' {
            ("\"\"", quoted(rest, '"'))
        } else if let Some(len) = character(rest) {
            ("' '", len)
        } else {
            (&rest[..next.len_utf8()], next.len_utf8())
        };
        let (gone, after) = rest.split_at(skipped);
        code.push_str(kept);
        if kept != gone {
            code.extend(gone.chars().filter(|char| *char == '\n'));
        }
        rest = after;
    }
    code
}

/// Length of the literal that `text` begins with, in which a backslash escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Length of the raw string that `text` begins with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))?;
    let hashes = inside.len() - inside.trim_start_matches('#').len();
    inside[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opened = text.len() - inside.len() + hashes + 1;
    Some(text[opened..].find(&end).map_or(text.len(), |at| opened + at + end.len()))
}

/// Length of the character literal that `text` begins with; `None` for a
/// lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    match chars.next()?.1 {
        '\\' => Some(quoted(text, '\'')),
        _ => chars.next().filter(|(_, char)| *char == '\'').map(|(at, _)| at + 2),
    }
}

/// The words of some code: identifiers, keywords and numbers.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|char: char| !(char.is_alphanumeric() || char == '_'))
        .filter(|word| !word.is_empty())
}

/// Takes the `use` items out of some code: every path that they import, groups
/// taken apart, and the code without them.
pub(crate) fn imports(code: &str) -> (Vec<String>, String) {
    let (mut paths, mut rest) = (Vec::new(), String::new());
    let mut left = code;
    while let Some(at) = left.find("use ") {
        let (before, item) = left.split_at(at);
        rest.push_str(before);
        let len = item.find(';').map_or(item.len(), |end| end + 1);
        if before.is_empty() || before.ends_with(char::is_whitespace) {
            let tree: String = item["use ".len()..len].split_whitespace().collect();
            take_apart("", tree.trim_end_matches(';'), &mut paths);
            left = &item[len..];
        } else {
            rest.push_str("use ");
            left = &item["use ".len()..];
        }
    }
    rest.push_str(left);
    (paths, rest)
}

/// Adds `prefix::tree` to `paths`, group by group.
fn take_apart(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((before, group)) = tree.split_once('{') else {
        let path = format!("{prefix}{tree}");
        paths.push(path.strip_suffix("::self").map_or(path.clone(), str::to_owned));
        return;
    };
    let prefix = format!("{prefix}{before}");
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, char) in group.char_indices().chain([(group.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if at > start {
                    take_apart(&prefix, &group[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn comments_and_literals_are_no_code() {
    let cases = [
        ("a // b\nc", "a \nc"),
        ("a /* b\n */ c", "a \n c"),
        ("a(\"b \\\" c\") d", "a(\"\") d"),
        ("r#\"x \" y\"# z", "\"\" z"),
        ("'\"' a '\\'' b", "' ' a ' ' b"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("\"two\nlines\" c", "\"\"\n c"),
    ];
    for (source, expected) in cases {
        assert_eq!(code(source), expected, "{source}");
    }
}

#[test]
fn imports_are_taken_apart() {
    let cases: [(&str, &[&str], &str); 5] = [
        ("use a::b;", &["a::b"], ""),
        ("pub use crate::{a::{b, c}, d};", &["crate::a::b", "crate::a::c", "crate::d"], "pub "),
        ("f();\nuse ::a::{\n    b,\n    c as d,\n};\ng()", &["::a::b", "::a::casd"], "f();\n\ng()"),
        ("use a::{self, b};", &["a", "a::b"], ""),
        ("let excuse = a;", &[], "let excuse = a;"),
    ];
    for (source, paths, rest) in cases {
        let expected = (paths.iter().map(ToString::to_string).collect(), rest.to_owned());
        assert_eq!(imports(source), expected, "{source}");
    }
}
