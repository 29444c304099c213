//! The shipped configuration file: every key, its default, its documentation.

use std::fmt::Write as _;

use super::detectors::summary;
use crate::config::{
    Config,
    section::{Key, Place},
    sections,
};

/// Width to which comments are wrapped.
const WIDTH: usize = 78;

/// The default configuration as commented TOML.
pub fn config() -> String {
    let defaults = Config::default();
    let mut file = String::from(
        "# netmon needs no configuration: every value here is the default, and a key\n\
         # that is left out keeps its default. Check this file with `netmon check`.\n\
         #\n\
         # An environment variable overrides a key: NETMON_SECTION__KEY, such as\n\
         # NETMON_WEB__LISTEN=127.0.0.1:9000,[::1]:9000 for a list, or\n\
         # NETMON_DETECTORS__SYN_FLOOD__WARNING=500. Flags override both.\n",
    );
    for place in sections() {
        let Place { path, keys, .. } = place;
        file.push('\n');
        comment(&mut file, &summary(place));
        // Writing to a string cannot fail.
        let _ = writeln!(file, "[{path}]");
        for key in *keys {
            if let Some(value) = defaults.value(path, key.name) {
                file.push('\n');
                comment(&mut file, &described(key));
                let _ = writeln!(file, "{} = {value}", key.name);
            }
        }
    }
    file
}

/// What a key means, and its limits.
pub(super) fn described(key: &Key) -> String {
    let mut doc = key.doc.concat().trim().to_owned();
    if let Some(limits) = (key.limits)() {
        let _ = write!(doc, " From {limits}.");
    }
    doc
}

fn comment(file: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            file.push_str(&line);
            file.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    file.push_str(&line);
    file.push('\n');
}
