//! A parser of the text formats that shares nothing with the encoders: it
//! follows the grammar of the format's documentation byte by byte.

use std::collections::BTreeMap;

/// Name and labels of a series.
pub(crate) type Series = (String, BTreeMap<String, String>);

/// What a scrape says.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Type of each family, by the name in its TYPE line.
    pub(crate) types: BTreeMap<String, String>,
    /// Every sample.
    pub(crate) samples: BTreeMap<Series, f64>,
}

impl Exposition {
    /// The value of a series, by the text that queries use.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// The sum of a name over all labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|((of, _), _)| of == name).map(|(_, value)| value).sum()
    }

    /// How many series a name has.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.samples.keys().filter(|(of, _)| of == name).count()
    }
}

/// Parses a scrape and panics at anything that the format forbids.
pub(crate) fn parse(text: &str) -> Exposition {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not ended");
    let mut found = Exposition::default();
    for line in text.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a TYPE line has a type");
            let before = found.types.insert(name.to_owned(), kind.to_owned());
            assert_eq!(before, None, "{name} has two TYPE lines");
        } else if !line.starts_with('#') {
            let (series, value) = sample(line);
            assert!(found.samples.insert(series, value).is_none(), "served twice: {line:?}");
        }
    }
    found
}

fn sample(line: &str) -> (Series, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line:?}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "bad name: {line:?}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',').unwrap_or(rest);
            let (label, after) = rest.split_once("=\"").expect("a label has a value");
            assert!(is_name(label), "bad label {label:?}: {line:?}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "two of {label}: {line:?}");
            rest = after;
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line:?}"));
    ((name.to_owned(), labels), value.parse().unwrap_or_else(|_| panic!("no number: {line:?}")))
}

/// Text up to the closing quote, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                other => panic!("bad escape {other:?}"),
            },
            '\0' => panic!("parsers stop at NUL"),
            c => value.push(c),
        }
    }
    panic!("no closing quote: {text:?}")
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}
