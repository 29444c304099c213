//! The environment as a layer: `NETMON_SECTION__KEY`, upper case, lists with
//! commas between the entries.

use std::ffi::OsString;

use super::{ConfigError, Origin, load::Layer, nearest::nearest, section::Key, sections};
use crate::printable::Printable;

const PREFIX: &str = "NETMON_";

/// Variables that are no configuration: the first three steer tests, of netmon or
/// of the project; the others come from the build script, and cargo shows them to what
/// it runs.
const NO_SETTINGS: [&str; 5] = [
    crate::kernel::FORBID,
    "NETMON_REQUIRE_KERNEL",
    "NETMON_CAPTURES",
    "NETMON_REVISION",
    "NETMON_RUSTC",
];

/// Reads the variables that are meant for netmon.
pub(super) fn layer(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    for (name, text) in environment {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || NO_SETTINGS.contains(&&*name) {
            continue;
        }
        let shown: String = name.chars().take(100).collect();
        let origin = Origin::Environment(Printable(&shown).to_string());
        let error = |why| ConfigError::Value { origin: origin.clone(), why };
        let Some((_, path, key)) = variables().find(|(variable, ..)| *variable == name) else {
            return Err(error(unknown(&name)));
        };
        let Some(text) = text.to_str() else {
            return Err(error("its value is not valid UTF-8".to_owned()));
        };
        let value = (key.from_text)(text);
        (key.check)(&value).map_err(|why| error(format!("\"{path}\": {why}")))?;
        layer.0.insert(path, (value, origin));
    }
    Ok(layer)
}

/// Every variable, its path in the file, and its key.
fn variables() -> impl Iterator<Item = (String, String, &'static Key)> {
    sections().flat_map(|place| {
        place.keys.iter().map(|key| {
            let path = format!("{}.{}", place.path, key.name);
            (variable(&path), path, key)
        })
    })
}

/// The variable that sets the key at `path`.
fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

fn unknown(name: &str) -> String {
    let names: Vec<String> = variables().map(|(variable, ..)| variable).collect();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(meant) => format!("no such setting: did you mean {meant}?"),
        None => format!(
            "no such setting: write NETMON_SECTION__KEY, such as {}",
            variable("web.listen")
        ),
    }
}
