//! The file as a layer: every key is known and every value is checked where
//! its line and column are still at hand.

use std::path::Path;

use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use super::{
    ConfigError, Origin,
    load::Layer,
    nearest::nearest,
    section::Place,
    sections,
    setting::{mismatch, quoted},
};
use crate::printable::Printable;

/// Reads the text of a file.
pub(super) fn layer(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    let file = Walk { path, text };
    let invalid = |error: toml::de::Error| {
        let at = error.span().map_or(text.len(), |span| span.start);
        file.error(at, format!("not valid TOML: {}", Printable(error.message())))
    };
    let spans = DeTable::parse(text).map_err(invalid)?;
    let values: Table = toml::from_str(text).map_err(invalid)?;
    let mut layer = Layer::default();
    file.tables("", spans.get_ref(), &values, &mut layer)?;
    Ok(layer)
}

struct Walk<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Walk<'_> {
    fn error(&self, at: usize, why: String) -> ConfigError {
        ConfigError::Value { origin: Origin::in_file(self.path, self.text, at), why }
    }

    /// Walks a table whose keys are sections or lead to sections.
    fn tables(
        &self,
        prefix: &str,
        spans: &DeTable<'_>,
        values: &Table,
        layer: &mut Layer,
    ) -> Result<(), ConfigError> {
        for (name, span, value) in in_order(spans, values) {
            let path = format!("{prefix}{name}");
            let place = sections().find(|place| place.path == path);
            let inner = format!("{path}.");
            if place.is_none() && !sections().any(|place| place.path.starts_with(&inner)) {
                return Err(self.error(span.key, unknown_section(prefix, name)));
            }
            let (DeValue::Table(spans), Value::Table(values)) = (span.value, value) else {
                let why = mismatch(&format!("the section [{path}]"), value);
                return Err(self.error(span.key, format!("\"{path}\": {why}")));
            };
            match place {
                Some(place) => self.keys(place, spans, values, layer)?,
                None => self.tables(&inner, spans, values, layer)?,
            }
        }
        Ok(())
    }

    /// Walks a section.
    fn keys(
        &self,
        place: &Place,
        spans: &DeTable<'_>,
        values: &Table,
        layer: &mut Layer,
    ) -> Result<(), ConfigError> {
        for (name, span, value) in in_order(spans, values) {
            let Some(key) = place.keys.iter().find(|key| key.name == name) else {
                return Err(self.error(span.key, unknown_key(place, name)));
            };
            let path = format!("{}.{name}", place.path);
            (key.check)(value).map_err(|why| self.error(span.at, format!("\"{path}\": {why}")))?;
            let origin = Origin::in_file(self.path, self.text, span.key);
            layer.0.insert(path, (value.clone(), origin));
        }
        Ok(())
    }
}

/// Where an entry of a table stands.
struct Span<'a> {
    key: usize,
    at: usize,
    value: &'a DeValue<'a>,
}

/// The entries of a table in the order of the file.
fn in_order<'a>(
    spans: &'a DeTable<'a>,
    values: &'a Table,
) -> impl Iterator<Item = (&'a str, Span<'a>, &'a Value)> {
    let mut entries: Vec<(&Spanned<_>, &Spanned<DeValue<'a>>)> = spans.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().filter_map(|(key, value)| {
        let name: &str = key.get_ref();
        let span = Span { key: key.span().start, at: value.span().start, value: value.get_ref() };
        values.get(name).map(|value| (name, span, value))
    })
}

fn unknown_section(prefix: &str, name: &str) -> String {
    let path = quoted(&format!("{prefix}{name}"));
    // A key that lost its section is the commonest mistake of this kind.
    let homeless =
        sections().find(|place| prefix.is_empty() && place.keys.iter().any(|key| key.name == name));
    if let Some(place) = homeless {
        return format!("unknown key {path}: did you mean \"{}.{name}\"?", place.path);
    }
    let names = sections().filter_map(|place| place.path.strip_prefix(prefix));
    let names = names.map(|path| path.split_once('.').map_or(path, |(first, _)| first));
    if let Some(meant) = nearest(name, names.clone()) {
        return format!("unknown section {path}: did you mean \"{prefix}{meant}\"?");
    }
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    format!("unknown section {path}: there are {}", names.join(", "))
}

fn unknown_key(place: &Place, name: &str) -> String {
    let path = quoted(&format!("{}.{name}", place.path));
    let names = place.keys.iter().map(|key| key.name);
    if let Some(meant) = nearest(name, names.clone()) {
        return format!("unknown key {path}: did you mean \"{meant}\"?");
    }
    let names: Vec<&str> = names.collect();
    format!("unknown key {path}: [{}] has {}", place.path, names.join(", "))
}
