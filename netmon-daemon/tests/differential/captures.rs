//! Frames of real captures, where they are at hand: in the folder that
//! `NETMON_CAPTURES` names, or in `../shared/captures` beside the checkout.
//!
//! Reads only what it needs: Ethernet frames of plain little-endian pcap files.
//! Others are skipped, and what is damaged ends its file.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The folder of captures.
pub(crate) fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("NETMON_CAPTURES") {
        return Some(folder.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    beside.is_dir().then_some(beside)
}

/// Malformed and normal traffic of a folder (names that begin with M or N):
/// where each frame is from, and its bytes.
pub(crate) fn frames(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(['M', 'N']) {
            let records = records(&fs::read(&path).unwrap());
            let named = |(at, frame)| (format!("{name}, frame {}", at + 1), frame);
            frames.extend(records.into_iter().enumerate().map(named));
        }
    }
    frames
}

/// The records of a file.
fn records(file: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    if (word(file, 0), word(file, 20)) != (Some(0xa1b2_c3d4), Some(1)) {
        return records;
    }
    let mut rest = &file[24..];
    while let Some(record) =
        word(rest, 8).and_then(|len| rest.get(16..)?.get(..usize::try_from(len).ok()?))
    {
        records.push(record.to_vec());
        rest = &rest[16 + record.len()..];
    }
    records
}
