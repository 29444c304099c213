//! The bytes of a capture file, plain or gzip, front to back.
//!
//! Never holds more than one record. Invariant: every byte of the file (after
//! decompression) ends up either understood or unreadable.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A capture file that is being read.
pub(super) struct Input {
    bytes: Box<dyn Read>,
    /// Bytes that were read.
    read: u64,
    /// Those among them that made sense.
    understood: u64,
    /// Why the bytes ended, where it was not the end of the file.
    failure: Option<io::Error>,
}

impl Input {
    /// Opens a file and, where it is compressed, looks through the compression.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let bytes: Box<dyn Read> = if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
            Box::new(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self { bytes, read: 0, understood: 0, failure: None })
    }

    /// Appends the next `len` bytes to `buffer`, or as many as are left, and
    /// says whether they were all there. No more memory is taken than bytes
    /// arrive, whatever `len` claims.
    pub(super) fn append(&mut self, len: u32, buffer: &mut Vec<u8>) -> bool {
        let before = buffer.len();
        let result = self.bytes.by_ref().take(u64::from(len)).read_to_end(buffer);
        let arrived = (buffer.len() - before) as u64;
        self.read += arrived;
        self.failure = self.failure.take().or(result.err());
        arrived == u64::from(len)
    }

    /// Passes over the next `len` bytes and says whether they were all there.
    pub(super) fn skip(&mut self, len: u64) -> bool {
        let (mut left, mut buffer) = (len, [0; 8192]);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match self.bytes.read(&mut buffer[..most]) {
                Ok(0) => break,
                Ok(arrived) => {
                    self.read += arrived as u64;
                    left -= arrived as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure.get_or_insert(error);
                    break;
                }
            }
        }
        left == 0
    }

    /// Notes that `len` of the bytes read so far made sense.
    pub(super) const fn understand(&mut self, len: u64) {
        self.understood += len;
    }

    /// Passes over everything that is left.
    pub(super) fn drain(&mut self) {
        self.skip(u64::MAX);
    }

    /// Bytes read so far that made no sense. Where reading failed, at least
    /// one: something is missing, though nobody knows how much.
    pub(super) fn unreadable(&self) -> u64 {
        (self.read - self.understood).max(u64::from(self.failure.is_some()))
    }

    /// Why reading failed, if it did.
    pub(super) const fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Takes over the reason why reading failed.
    pub(super) const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}
