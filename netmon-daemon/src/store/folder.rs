//! The state directory: one file that is replaced as a whole, and a lock.
//!
//! Must not wait where another process holds the lock, nor follow a link. Invariant: there
//! is always the file of before or the file of after, never a part of one; and no more
//! files than these: `baselines`, `baselines.new` while it is written or after a kill,
//! `baselines.damaged`, `baselines.old`, and `lock`.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::file::{Contents, MAX_BYTES, Refused};
use crate::printable::Printable;

const FILE: &str = "baselines";
const NEW: &str = "baselines.new";
const DAMAGED: &str = "baselines.damaged";
const OLD: &str = "baselines.old";
const LOCK: &str = "lock";

/// Why the state directory cannot be used, or what is in it.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is not there, or may not be written.
    #[error("the state directory {shown}: {1}; create it for the user of netmon, or set another one (state.directory)", shown = Printable(&.0.to_string_lossy()))]
    Unusable(PathBuf, io::Error),
    /// Another netmon uses it.
    #[error("the state directory {shown} is another netmon's: give each its own (state.directory)", shown = Printable(&.0.to_string_lossy()))]
    Taken(PathBuf),
    /// The file in it is of no use; it was renamed.
    #[error("{shown} cannot be used: {1}; it is now called {2}", shown = Printable(&.0.to_string_lossy()))]
    SetAside(PathBuf, String, &'static str),
    /// The file in it cannot be read, nor put out of the way.
    #[error("{shown}: {1}", shown = Printable(&.0.to_string_lossy()))]
    Stuck(PathBuf, io::Error),
    /// What was learned is too much.
    #[error("what was learned is too much for one file")]
    TooLarge,
    /// It cannot be written beside the tick.
    #[error("no thread to write with: {0}")]
    Thread(io::Error),
}

/// A state directory that this process alone may use, as long as one of its clones lives.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The kernel lets go of it when the process ends, however it does.
    _lock: Arc<File>,
}

impl Folder {
    /// Takes a directory that exists.
    pub(super) fn open(path: PathBuf) -> Result<Self, FolderError> {
        let lock = match private().truncate(false).open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) => return Err(FolderError::Unusable(path, error)),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Taken(path)),
            Err(TryLockError::Error(error)) => Err(FolderError::Unusable(path, error)),
        }
    }

    /// What was written last; none where nothing was. What cannot be used is renamed.
    pub(super) fn read(&self) -> Result<Option<Contents>, FolderError> {
        let file = self.path.join(FILE);
        let (why, name) = match bytes(&file).map(|bytes| Contents::from_bytes(&bytes)) {
            Ok(Ok(contents)) => return Ok(Some(contents)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(Err(refused @ Refused::Version(_))) => (refused.to_string(), OLD),
            Ok(Err(refused)) => (refused.to_string(), DAMAGED),
            Err(error) => (error.to_string(), DAMAGED),
        };
        // What stands there from last time is replaced.
        match fs::rename(&file, self.path.join(name)) {
            Ok(()) => Err(FolderError::SetAside(file, why, name)),
            Err(error) => Err(FolderError::Stuck(file, error)),
        }
    }

    /// Writes all anew: beside the file of before, and over it when it is on the disk.
    pub(super) fn write(&self, contents: &Contents) -> Result<(), FolderError> {
        let bytes = contents.to_bytes().ok_or(FolderError::TooLarge)?;
        let new = self.path.join(NEW);
        let written = write(&new, &bytes).and_then(|()| {
            fs::rename(&new, self.path.join(FILE))?;
            File::open(&self.path)?.sync_all()
        });
        written.map_err(|error| {
            // A part of a file on a full disk is in everybody's way.
            let _ = fs::remove_file(&new);
            FolderError::Unusable(self.path.clone(), error)
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private().truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Files of this user alone. One that is a link, or that would keep us waiting, is none.
fn private() -> OpenOptions {
    let mut options = File::options();
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    options.write(true).create(true).mode(0o600).custom_flags(flags);
    options
}

/// The bytes of a file that is one, and not too large.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = File::options();
    let file = options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    // What cannot be deflated grows by a few bytes.
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + (1 << 16);
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{super::clock::Times, *};

    fn contents(text: &[u8]) -> Contents {
        Contents {
            times: Times { wall: 1, memory: 2 },
            sections: vec![("text".to_owned(), text.to_vec())],
        }
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_file_is_replaced_as_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path().to_owned()).unwrap();
        assert_eq!(folder.read().unwrap(), None);
        // What a kill left.
        fs::write(place.path().join(NEW), b"half").unwrap();
        for text in [&b"one"[..], b"another"] {
            folder.write(&contents(text)).unwrap();
            assert_eq!(folder.read().unwrap(), Some(contents(text)));
            assert_eq!(names(place.path()), [FILE, LOCK]);
        }
    }

    #[test]
    fn what_cannot_be_used_is_set_aside_once() {
        let place = tempfile::tempdir().unwrap();
        let path = |name| place.path().join(name);
        let folder = Folder::open(place.path().to_owned()).unwrap();
        folder.write(&contents(b"text")).unwrap();
        let good = fs::read(path(FILE)).unwrap();
        let version = |number: u8| {
            let mut other = good.clone();
            other[8] = number;
            other
        };
        let cut = |len| good[..len].to_vec();
        // What is in the file, what it is called afterwards, and what is there then.
        let cases: [(Vec<u8>, &str, &[&str]); 7] = [
            (cut(0), DAMAGED, &[DAMAGED, LOCK]),
            (cut(20), DAMAGED, &[DAMAGED, LOCK]),
            (version(0), OLD, &[DAMAGED, OLD, LOCK]),
            (version(2), OLD, &[DAMAGED, OLD, LOCK]),
            (b"somebody else's".to_vec(), DAMAGED, &[DAMAGED, OLD, LOCK]),
            (vec![0; 5 << 20], DAMAGED, &[DAMAGED, OLD, LOCK]),
            (cut(good.len() - 1), DAMAGED, &[DAMAGED, OLD, LOCK]),
        ];
        for (bytes, name, left) in cases {
            fs::write(path(FILE), &bytes).unwrap();
            let said = folder.read().unwrap_err().to_string();
            assert!(said.ends_with(name) && said.lines().count() == 1, "{said}");
            assert_eq!(fs::read(path(name)).unwrap(), bytes);
            assert_eq!(names(place.path()), left);
            assert_eq!(folder.read().unwrap(), None, "it is out of the way");
        }
    }

    #[test]
    fn what_is_no_file_is_set_aside_as_well() {
        let place = tempfile::tempdir().unwrap();
        let path = |name| place.path().join(name);
        let folder = Folder::open(place.path().to_owned()).unwrap();
        fs::write(path("target"), b"somebody else's").unwrap();
        symlink(path("target"), path(FILE)).unwrap();
        assert!(matches!(folder.read(), Err(FolderError::SetAside(..))));
        fs::create_dir(path(FILE)).unwrap();
        // A directory cannot take the place of the link; nothing is lost, nothing is read.
        assert!(matches!(folder.read(), Err(FolderError::Stuck(..))));
        assert!(folder.write(&contents(b"text")).is_err());
        assert_eq!(fs::read(path("target")).unwrap(), b"somebody else's");
        assert!(!names(place.path()).contains(&NEW.to_owned()));
        // Nor is a link written through.
        fs::remove_dir(path(FILE)).unwrap();
        symlink(path("target"), path(NEW)).unwrap();
        assert!(folder.write(&contents(b"text")).is_err());
        assert_eq!(fs::read(path("target")).unwrap(), b"somebody else's");
        folder.write(&contents(b"text")).unwrap();
    }

    #[test]
    fn two_do_not_share_a_directory() {
        let place = tempfile::tempdir().unwrap();
        let first = Folder::open(place.path().to_owned()).unwrap();
        let clone = first.clone();
        let open = || Folder::open(place.path().to_owned());
        assert!(matches!(open(), Err(FolderError::Taken(_))));
        drop(first);
        assert!(matches!(open(), Err(FolderError::Taken(_))));
        drop(clone);
        open().unwrap();
    }
}
