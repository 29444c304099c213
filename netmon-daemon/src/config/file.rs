//! Reads a file that may be anything: it never waits, and never reads more
//! than a configuration can be long.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use super::error::{ConfigError, Origin};
use crate::printable::Printable;

/// No configuration is longer, in bytes.
const LONGEST: u64 = 1 << 20;

/// The text of the file without a byte order mark; `None` when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let error = |why: String| ConfigError::File {
        path: Printable(&path.to_string_lossy()).to_string(),
        why,
    };
    let failed = |failure: io::Error| error(format!("cannot be read: {failure}"));
    // Opening a FIFO would wait for a writer, so the kind is asked for first.
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(failure) => return Err(failed(failure)),
    };
    if !kind.is_file() {
        let what = if kind.is_dir() { "a directory" } else { "no regular file" };
        return Err(error(format!("is {what}: name a TOML file")));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(error("is longer than 1 MiB, which no configuration is".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|invalid| {
        let (good, _) = invalid.as_bytes().split_at(invalid.utf8_error().valid_up_to());
        let good = String::from_utf8_lossy(good);
        ConfigError::Value {
            origin: Origin::in_file(path, &good, good.len()),
            why: "not valid UTF-8: save the file as UTF-8".to_owned(),
        }
    })?;
    Ok(Some(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)))
}
