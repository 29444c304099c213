//! What outlives the daemon: what its parts have learned, in one file of a state
//! directory.
//!
//! A part of the daemon that wants to remember implements [`Keep`] and has a line in the
//! list of those that are kept, which is the engine's; it knows nothing of files. What is read at the start may be damaged, old, or nothing: then the part begins
//! anew. Writing is done beside the tick, and a disk that hangs keeps nobody waiting.
//!
//! Invariant: whatever stands in the directory, netmon starts; and whatever happens while
//! it writes, what it wrote before is whole.

pub mod bytes;
mod clock;
mod file;
mod folder;

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use self::{clock::Clock, file::Contents, folder::Folder};
pub use self::{clock::MAX_GAP, folder::FolderError};

/// How often what was learned is written, beside the end of the daemon.
const PERIOD: Duration = Duration::from_secs(600);

/// How long the end of the daemon may wait for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// A part of the daemon that remembers.
pub trait Keep {
    /// What it wants to find again, with a version of its own if its form may change.
    fn save(&self) -> Vec<u8>;

    /// Takes over what was saved, before anything else happens; none where there is
    /// nothing. Time 0 of the source is `began` on the clock of the memory, in seconds: it
    /// goes on where it stood, by as much as the wall clock says that passed, but never
    /// backwards, and by [`MAX_GAP`] at most.
    ///
    /// # Errors
    ///
    /// When it cannot be what was saved. Then it has begun anew.
    fn load(&mut self, saved: Option<&[u8]>, began: u64) -> Result<(), Unfit>;
}

/// What was saved is none of what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// The name of a part in the file, and the part.
pub type Kept<'a> = (&'static str, &'a mut dyn Keep);

/// What parts have saved, by their names.
pub type Saved = Vec<(&'static str, Vec<u8>)>;

/// What parts want to find again.
pub fn save(parts: Vec<Kept<'_>>) -> Saved {
    parts.into_iter().map(|(name, part)| (name, part.save())).collect()
}

/// How the memory on disk fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether what is learned now will be found again.
    pub persistent: bool,
    /// When it was last written or read, by the wall clock.
    pub saved: Option<SystemTime>,
}

/// The memory on disk, or none at all.
#[derive(Debug, Default)]
pub struct Store {
    /// Where it is meant to be; none where nobody wants any.
    path: Option<PathBuf>,
    /// It, while it can be used.
    folder: Option<Folder>,
    clock: Clock,
    persistent: bool,
    saved: Option<SystemTime>,
    /// When it was last begun to be written, in time of the source.
    tried: Duration,
    /// The outcome of what is being written.
    writing: Option<Receiver<(SystemTime, Result<(), FolderError>)>>,
}

impl Store {
    /// Opens the directory and gives every part what it saved. Time 0 of the source is
    /// `wall` by the wall clock.
    pub fn open(path: Option<PathBuf>, wall: SystemTime, parts: Vec<Kept<'_>>) -> Self {
        let folder = path.clone().and_then(open);
        let found = folder.as_ref().and_then(read);
        let clock = Clock::resume(found.as_ref().map(|found| found.times), seconds(wall));
        let began = clock.at(Duration::ZERO);
        for (name, part) in parts {
            let saved = found.as_ref().and_then(|found| found.section(name));
            if part.load(saved, began).is_err() {
                tracing::warn!(part = name, "what was kept of it is of no use: it begins anew");
            }
        }
        let saved = found.map(|found| UNIX_EPOCH + Duration::from_secs(found.times.wall));
        let persistent = folder.is_some();
        Self { path, folder, clock, persistent, saved, tried: Duration::ZERO, writing: None }
    }

    /// Writes to another directory from now on, if it is another one.
    pub fn configure(&mut self, path: Option<PathBuf>) {
        if path != self.path {
            // First that of before is let go: they may be one by two names.
            self.folder = None;
            self.folder = path.clone().and_then(open);
            self.persistent = self.folder.is_some();
            self.path = path;
        }
    }

    /// How it fares; none where nobody wants any.
    pub fn health(&self) -> Option<Health> {
        let Self { persistent, saved, .. } = *self;
        self.path.is_some().then_some(Health { persistent, saved })
    }

    /// Whether it is time to write, `at` in time of the source.
    pub fn is_due(&mut self, at: Duration) -> bool {
        self.look();
        let due = at.saturating_sub(self.tried) >= PERIOD;
        due && self.folder.is_some() && self.writing.is_none()
    }

    /// Begins to write what parts have saved, beside whoever asks.
    pub fn write(&mut self, at: Duration, wall: SystemTime, saved: Saved) {
        self.tried = at;
        let Some(folder) = self.folder.clone() else { return };
        let sections = saved.into_iter().map(|(name, bytes)| (name.to_owned(), bytes));
        let times = self.clock.times(at, seconds(wall));
        let contents = Contents { times, sections: sections.collect() };
        let (done, outcome) = channel();
        let work = move || {
            let outcome = folder.write(&contents);
            // Whoever waits for the outcome may want the directory next.
            drop(folder);
            // Whoever waited may be gone.
            let _ = done.send((wall, outcome));
        };
        // Not one of the runtime's threads, which must end before the process can.
        match thread::Builder::new().name("state".to_owned()).spawn(work) {
            Ok(_) => self.writing = Some(outcome),
            Err(error) => self.note(wall, Err(FolderError::Thread(error))),
        }
    }

    /// Writes for the last time, and waits until that is done, but not for ever.
    pub fn close(&mut self, at: Duration, wall: SystemTime, saved: Saved) {
        self.wait();
        if self.writing.is_none() {
            self.write(at, wall, saved);
            self.wait();
        }
        if self.writing.is_some() {
            tracing::warn!("the state directory does not answer: what was learned last is lost");
        }
    }

    /// Takes the outcome of what was written, if it is there.
    fn look(&mut self) {
        let Some(writing) = &self.writing else { return };
        match writing.try_recv() {
            Ok((wall, outcome)) => self.note(wall, outcome),
            Err(TryRecvError::Disconnected) => self.writing = None,
            Err(TryRecvError::Empty) => {}
        }
    }

    fn wait(&mut self) {
        let Some(writing) = &self.writing else { return };
        match writing.recv_timeout(PATIENCE) {
            Ok((wall, outcome)) => self.note(wall, outcome),
            Err(RecvTimeoutError::Disconnected) => self.writing = None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }

    /// Takes the outcome of what was written, and says once that it changed.
    fn note(&mut self, wall: SystemTime, outcome: Result<(), FolderError>) {
        self.writing = None;
        match outcome {
            Ok(()) => {
                if !self.persistent {
                    tracing::info!("what netmon learns is kept on disk again");
                }
                (self.persistent, self.saved) = (true, Some(wall));
            }
            Err(error) => {
                if self.persistent {
                    tracing::warn!(%error, "what netmon learns cannot be kept on disk");
                }
                self.persistent = false;
            }
        }
    }
}

/// The directory, or a line that says why it cannot be used.
fn open(path: PathBuf) -> Option<Folder> {
    match Folder::open(path) {
        Ok(folder) => Some(folder),
        Err(error) => {
            tracing::warn!(%error, "what netmon learns is kept in memory alone");
            None
        }
    }
}

/// What stands in the directory; what cannot be used is out of the way afterwards, and a
/// line says so.
fn read(folder: &Folder) -> Option<Contents> {
    match folder.read() {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "what netmon had learned is lost: it begins anew");
            None
        }
    }
}

/// Seconds since 1970, 0 before.
fn seconds(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// Remembers a text, and when it began.
    #[derive(Debug, Default, PartialEq)]
    struct Text(Vec<u8>, u64);

    impl Keep for Text {
        fn save(&self) -> Vec<u8> {
            self.0.clone()
        }

        fn load(&mut self, saved: Option<&[u8]>, began: u64) -> Result<(), Unfit> {
            *self = Self(saved.unwrap_or_default().to_vec(), began);
            if self.0 == b"nonsense" { Err(Unfit) } else { Ok(()) }
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn wall(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn parts_find_again_what_they_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = || Some(folder.path().to_owned());
        let (mut one, mut two) = (Text::default(), Text::default());
        let mut store = Store::open(path(), wall(5000), vec![("one", &mut one), ("two", &mut two)]);
        assert_eq!((one.1, two.1), (5000, 5000));
        assert_eq!(store.health(), Some(Health { persistent: true, saved: None }));
        (one.0, two.0) = (b"first".to_vec(), b"second".to_vec());
        assert!(!store.is_due(PERIOD / 2));
        assert!(store.is_due(PERIOD));
        store.close(HOUR, wall(8600), save(vec![("one", &mut one), ("two", &mut two)]));
        assert_eq!(store.health(), Some(Health { persistent: true, saved: Some(wall(8600)) }));
        drop(store);

        // One part is new, one is gone, and one changed its mind about its name.
        let (mut one, mut three) = (Text::default(), Text::default());
        let parts: Vec<Kept<'_>> = vec![("three", &mut three), ("one", &mut one)];
        let store = Store::open(path(), wall(8700), parts);
        assert_eq!(store.health(), Some(Health { persistent: true, saved: Some(wall(8600)) }));
        assert_eq!(one, Text(b"first".to_vec(), 8700));
        assert_eq!(three, Text(Vec::new(), 8700));
    }

    #[test]
    fn a_part_that_cannot_read_its_own_spoils_nothing_for_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = || Some(folder.path().to_owned());
        let (mut one, mut two) = (Text(b"nonsense".to_vec(), 0), Text(b"sense".to_vec(), 0));
        let mut store = Store::open(path(), wall(0), Vec::new());
        store.close(HOUR, wall(3600), save(vec![("one", &mut one), ("two", &mut two)]));
        drop(store);
        let mut two = Text::default();
        Store::open(path(), wall(3600), vec![("one", &mut one), ("two", &mut two)]);
        assert_eq!(two, Text(b"sense".to_vec(), 3600));
    }

    #[test]
    fn the_wall_clock_may_say_what_it_likes() {
        // The wall clock at the next start, and the clock of the memory then.
        for (then, began) in [
            (8600, 8600),
            (8700, 8700),
            (0, 8600),
            (8599, 8600),
            (8600 + MAX_GAP + 99, 8600 + MAX_GAP),
            (u64::MAX / 4, 8600 + MAX_GAP),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = || Some(folder.path().to_owned());
            let mut text = Text(b"text".to_vec(), 0);
            let mut store = Store::open(path(), wall(5000), Vec::new());
            // While it runs, a wall clock that is set is of no interest.
            store.close(HOUR, wall(8600), save(vec![("text", &mut text)]));
            drop(store);
            Store::open(path(), wall(then), vec![("text", &mut text)]);
            assert_eq!(text, Text(b"text".to_vec(), began), "{then}");
        }
    }

    #[test]
    fn without_a_directory_everything_is_in_memory() {
        let mut text = Text::default();
        let mut store = Store::open(None, wall(7), vec![("text", &mut text)]);
        assert_eq!((text.1, store.health(), store.is_due(HOUR)), (7, None, false));
        store.close(HOUR, wall(8), save(vec![("text", &mut text)]));
        assert_eq!(store.health(), None);
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [folder.path().join("missing"), file] {
            let mut store = Store::open(Some(path), wall(7), Vec::new());
            assert_eq!(store.health(), Some(Health { persistent: false, saved: None }));
            assert!(!store.is_due(HOUR));
            store.close(HOUR, wall(8), Vec::new());
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there_and_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::create_dir(&path).unwrap();
        let mut text = Text(b"text".to_vec(), 0);
        let mut store = Store::open(Some(path.clone()), wall(0), Vec::new());
        store.write(HOUR, wall(1), save(vec![("text", &mut text)]));
        store.wait();
        // Not by permissions, which root does not ask for.
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        store.write(HOUR, wall(2), save(vec![("text", &mut text)]));
        store.wait();
        assert_eq!(store.health(), Some(Health { persistent: false, saved: Some(wall(1)) }));
        fs::rename(&elsewhere, &path).unwrap();
        assert!(store.is_due(2 * HOUR));
        store.write(2 * HOUR, wall(3), save(vec![("text", &mut text)]));
        store.wait();
        assert_eq!(store.health(), Some(Health { persistent: true, saved: Some(wall(3)) }));
        let mode = fs::metadata(path.join("baselines")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "keys of hashes are nobody else's");
    }

    #[test]
    fn another_directory_is_written_from_now_on() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, other] = [0, 1].map(|at| Some(folders[at].path().to_owned()));
        let mut store = Store::open(one.clone(), wall(0), Vec::new());
        store.configure(one.clone());
        store.configure(other.clone());
        store.close(HOUR, wall(1), Vec::new());
        let written = |path: Option<PathBuf>| path.unwrap().join("baselines").exists();
        assert_eq!([written(one.clone()), written(other)], [false, true]);
        store.configure(None);
        assert_eq!(store.health(), None);
        // Nobody holds the first one any more.
        assert!(Store::open(one, wall(0), Vec::new()).persistent);
    }
}
