//! The form of the file: what was learned, as bytes and back.
//!
//! Pure. Invariant: bytes that differ from what was written in one place, or that end
//! early or late, are refused; and however they are made, they take no more memory than
//! [`MAX_BYTES`] and never end the process.
//!
//! Eight bytes say whose it is, four the version of the form, four hold the CRC-32 of all
//! others; then, in seconds, the wall clock and the clock of the memory, and the rest is
//! deflated: for each section the length of its name, the name, the length of what it
//! holds, and that. Numbers are little-endian.

use std::io::{Read as _, Write as _};

use flate2::{Compression, Crc, read::DeflateDecoder, write::DeflateEncoder};

use super::clock::Times;

/// What everything takes together, before it is deflated.
pub(super) const MAX_BYTES: usize = 4 << 20;

const MAGIC: [u8; 8] = *b"netmonBL";
const VERSION: u32 = 1;
/// Bytes before the deflated part.
const HEADER: usize = 32;

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents {
    /// When it was written.
    pub(super) times: Times,
    /// The sections by name.
    pub(super) sections: Vec<(String, Vec<u8>)>,
}

/// Why bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// They are damaged, or somebody else's.
    #[error("it is damaged, or not netmon's")]
    Damaged,
    /// They have the form of another version.
    #[error("it has form {0}, and this netmon reads form {VERSION}")]
    Version(u32),
}

impl Contents {
    /// What one part saved.
    pub(super) fn section(&self, name: &str) -> Option<&[u8]> {
        let section = self.sections.iter().find(|(known, _)| known == name);
        section.map(|(_, bytes)| bytes.as_slice())
    }

    /// The bytes of the file; none where it would be too large to be read again.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        for (name, bytes) in &self.sections {
            body.push(u8::try_from(name.len()).ok()?);
            body.extend(name.as_bytes());
            body.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
            body.extend(bytes);
        }
        if body.len() > MAX_BYTES {
            return None;
        }
        let mut file = MAGIC.to_vec();
        file.extend(VERSION.to_le_bytes());
        file.extend([0; 4]);
        file.extend(self.times.wall.to_le_bytes());
        file.extend(self.times.memory.to_le_bytes());
        let mut encoder = DeflateEncoder::new(file, Compression::fast());
        encoder.write_all(&body).ok()?;
        let mut file = encoder.finish().ok()?;
        let sum = checksum(&file)?.to_le_bytes();
        file.get_mut(12..16)?.copy_from_slice(&sum);
        Some(file)
    }

    /// Reads the bytes of a file.
    pub(super) fn from_bytes(file: &[u8]) -> Result<Self, Refused> {
        if file.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(Refused::Damaged);
        }
        let version = word(file, 8).ok_or(Refused::Damaged)?;
        if version != VERSION {
            return Err(Refused::Version(version));
        }
        Self::of_this_version(file).ok_or(Refused::Damaged)
    }

    fn of_this_version(file: &[u8]) -> Option<Self> {
        if word(file, 12) != checksum(file) {
            return None;
        }
        let times = Times { wall: long(file, 16)?, memory: long(file, 24)? };
        let mut decoder = DeflateDecoder::new(file.get(HEADER..)?);
        let mut body = Vec::new();
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        (&mut decoder).take(most + 1).read_to_end(&mut body).ok()?;
        if body.len() > MAX_BYTES {
            return None;
        }
        let (mut sections, mut rest) = (Vec::new(), body.as_slice());
        while let Some((len, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*len))?;
            let (len, after) = after.split_first_chunk()?;
            let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
            let (bytes, after) = after.split_at_checked(len)?;
            sections.push((String::from_utf8(name.to_vec()).ok()?, bytes.to_vec()));
            rest = after;
        }
        Some(Self { times, sections })
    }
}

/// The CRC-32 of all but itself.
fn checksum(file: &[u8]) -> Option<u32> {
    let mut crc = Crc::new();
    crc.update(file.get(..12)?);
    crc.update(file.get(16..)?);
    Some(crc.sum())
}

fn word(file: &[u8], at: usize) -> Option<u32> {
    file.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn long(file: &[u8], at: usize) -> Option<u64> {
    file.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn contents(sections: &[(&str, &[u8])]) -> Contents {
        let sections = sections.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        Contents { times: Times { wall: 1_700_000_000, memory: 42 }, sections: sections.collect() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let long = vec![7; MAX_BYTES / 2];
        let cases: [&[(&str, &[u8])]; 4] = [
            &[],
            &[("one", b"bytes")],
            &[("", b""), ("two", b"\0\0\0\0")],
            &[("long", &long), ("last", b"x")],
        ];
        for sections in cases {
            let contents = contents(sections);
            let bytes = contents.to_bytes().unwrap();
            assert_eq!(Contents::from_bytes(&bytes), Ok(contents.clone()));
            for (name, bytes) in sections {
                assert_eq!(contents.section(name), Some(*bytes));
            }
            assert_eq!(contents.section("none"), None);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_seen() {
        let noise: Vec<u8> =
            (0..600_u32).flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let bytes = contents(&[("one", &noise), ("two", b"text")]).to_bytes().unwrap();
        assert!(bytes.len() > 2000, "{}", bytes.len());
        for len in 0..bytes.len() {
            assert_eq!(Contents::from_bytes(&bytes[..len]), Err(Refused::Damaged), "{len}");
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let refused = Contents::from_bytes(&damaged).unwrap_err();
                let is_version = (8..12).contains(&at);
                assert_eq!(matches!(refused, Refused::Version(_)), is_version, "{at} {flip}");
            }
        }
        for more in [&b"\0"[..], b"netmonBL", &bytes] {
            let longer = [&bytes, more].concat();
            assert_eq!(Contents::from_bytes(&longer), Err(Refused::Damaged));
        }
    }

    #[test]
    fn what_is_too_large_is_neither_written_nor_read() {
        let large = vec![0; MAX_BYTES];
        assert_eq!(contents(&[("large", &large)]).to_bytes(), None);
        let name = "n".repeat(256);
        assert_eq!(contents(&[(&name, b"")]).to_bytes(), None);
        // Somebody writes a small file that is large when it is read.
        let mut file = contents(&[]).to_bytes().unwrap();
        file.truncate(HEADER);
        let mut encoder = DeflateEncoder::new(file, Compression::best());
        encoder.write_all(&vec![0; 8 * MAX_BYTES]).unwrap();
        let mut file = encoder.finish().unwrap();
        assert!(file.len() < 1 << 16, "{}", file.len());
        let sum = checksum(&file).unwrap().to_le_bytes();
        file[12..16].copy_from_slice(&sum);
        assert_eq!(Contents::from_bytes(&file), Err(Refused::Damaged));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_end_the_process(
            body in vec(any::<u8>(), 0..300), deflate in any::<bool>(), begin in any::<bool>()
        ) {
            let mut file = contents(&[]).to_bytes().unwrap();
            file.truncate(if begin { HEADER } else { 0 });
            let mut file = if deflate {
                let mut encoder = DeflateEncoder::new(file, Compression::fast());
                encoder.write_all(&body).unwrap();
                encoder.finish().unwrap()
            } else {
                file.extend(&body);
                file
            };
            if let Some(sum) = checksum(&file) {
                file[12..16].copy_from_slice(&sum.to_le_bytes());
            }
            if let Ok(read) = Contents::from_bytes(&file) {
                let bytes = read.to_bytes();
                prop_assert_eq!(bytes.and_then(|it| Contents::from_bytes(&it).ok()), Some(read));
            }
        }
    }
}
