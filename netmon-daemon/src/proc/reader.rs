//! The open files, read anew at every tick.
//!
//! Must not keep a tick waiting: the kernel makes up these texts in memory, and
//! a file that cannot be read costs only its own counters.
//!
//! The files below `/proc/<task>/net` show the network namespace that the task
//! was in when they were opened, and an open file stays with that namespace. We
//! open `/proc/thread-self/net`: sockets belong to the namespace of the thread
//! that makes them, so this one agrees with the sockets, the devices and the
//! programs of this daemon. `/proc/net` and `/proc/self/net` are those of the
//! main thread, which is the same in the daemon, whose one thread it is, and
//! another in a test that moves one thread into a namespace.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    counters::{Counters, Source},
    parse,
    softnet::Softnet,
};

/// Reads the kernel's counters of the network namespace of the thread that
/// opened it.
#[derive(Debug)]
pub struct Reader {
    files: [Open; Source::ALL.len()],
    buffer: Vec<u8>,
    softnet: Softnet,
}

/// A file, or why it cannot be read.
#[derive(Debug)]
struct Open {
    source: Source,
    path: PathBuf,
    file: io::Result<File>,
}

/// Where the files are.
const FOLDER: &str = "proc/thread-self/net";
/// Room that is enough for every file of a host with a hundred CPUs, in bytes.
const ROOM: usize = 16 * 1024;
/// A file that is longer is none of the kernel's, in bytes.
const MAX_LEN: usize = 4 * 1024 * 1024;

impl Reader {
    /// Opens the files below `root`, which is `/`. Those that cannot be opened
    /// are tried again at each reading: `snmp6` comes with IPv6.
    pub fn open(root: &Path) -> Self {
        let folder = root.join(FOLDER);
        Self {
            files: Source::ALL.map(|source| Open::new(source, folder.join(source.file()))),
            buffer: vec![0; ROOM],
            softnet: Softnet::default(),
        }
    }

    /// The counters now. What cannot be read is absent.
    pub fn read(&mut self) -> Counters {
        let mut counters = Counters::default();
        for open in &mut self.files {
            let text = open.read(&mut self.buffer);
            match open.source {
                source @ (Source::Snmp | Source::Netstat) => {
                    parse::pairs(source, text, &mut counters);
                }
                source @ Source::Snmp6 => parse::list(source, text, &mut counters),
                Source::Softnet => {
                    let totals = parse::cpus(text).and_then(|cpus| self.softnet.take(&cpus));
                    let [processed, dropped, time_squeeze] =
                        totals.map_or([None; 3], |totals| totals.map(Some));
                    counters.softnet_processed = processed;
                    counters.softnet_dropped = dropped;
                    counters.softnet_time_squeeze = time_squeeze;
                }
            }
        }
        counters
    }

    /// The files that could not be read last time, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Path, &io::Error)> {
        self.files.iter().filter_map(|open| Some((open.path.as_path(), open.file.as_ref().err()?)))
    }
}

impl Open {
    fn new(source: Source, path: PathBuf) -> Self {
        let file = File::open(&path);
        Self { source, path, file }
    }

    /// The text of the file, in `buffer`; empty when it cannot be read.
    fn read<'a>(&mut self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.file.is_err() {
            self.file = File::open(&self.path);
        }
        let len = match &self.file {
            Ok(file) => fill(file, buffer).unwrap_or_else(|error| {
                self.file = Err(error);
                0
            }),
            Err(_) => 0,
        };
        buffer.get(..len).unwrap_or_default()
    }
}

/// Reads a file from its beginning and gives its length; `buffer` grows to it.
fn fill(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut len = 0;
    loop {
        if len == buffer.len() {
            if len >= MAX_LEN {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            buffer.resize((2 * len).max(ROOM), 0);
        }
        // Some of these files come in pieces; only 0 says that this is the end.
        match file.read_at(buffer.get_mut(len..).unwrap_or_default(), len as u64) {
            Ok(0) => return Ok(len),
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::fs;

    use super::*;

    /// A root with these files in it, which goes with what is returned.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        root
    }

    fn failing(reader: &Reader) -> Vec<&str> {
        reader.failures().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn every_file_has_its_format() {
        let root = root(&[
            ("snmp", "Tcp: ActiveOpens\nTcp: 1\n"),
            ("snmp6", "Udp6NoPorts \t2\n"),
            ("netstat", "TcpExt: ListenDrops\nTcpExt: 3\n"),
            ("softnet_stat", "a 1 2\n6 3 4\n"),
        ]);
        let mut reader = Reader::open(root.path());
        let expected = Counters {
            tcp_active_opens: Some(1),
            udp6_no_ports: Some(2),
            listen_drops: Some(3),
            softnet_processed: Some(16),
            softnet_dropped: Some(4),
            softnet_time_squeeze: Some(6),
            ..Counters::default()
        };
        assert_eq!(reader.read(), expected);
        assert_eq!(reader.read(), expected);
        assert!(failing(&reader).is_empty());
    }

    #[test]
    fn files_change_come_and_are_missing() {
        let root = root(&[("snmp", "Tcp: ActiveOpens\nTcp: 1\n")]);
        let path = |name| root.path().join(FOLDER).join(name);
        let mut reader = Reader::open(root.path());
        let read = |reader: &mut Reader| {
            let counters = reader.read();
            (counters.tcp_active_opens, counters.udp6_no_ports)
        };
        assert_eq!(read(&mut reader), (Some(1), None));
        assert_eq!(failing(&reader), ["snmp6", "netstat", "softnet_stat"]);

        fs::write(path("snmp"), "Tcp: ActiveOpens\nTcp: 2\n").unwrap();
        fs::write(path("snmp6"), "Udp6NoPorts 5\n").unwrap();
        assert_eq!(read(&mut reader), (Some(2), Some(5)));
        assert_eq!(failing(&reader), ["netstat", "softnet_stat"]);

        fs::write(path("snmp"), "").unwrap();
        assert_eq!(read(&mut reader), (None, Some(5)));
    }

    #[test]
    fn long_files_are_read_whole_and_endless_ones_not_at_all() {
        let padding = "Ip: x\nIp: 1\n".repeat(10_000);
        let root = root(&[
            ("snmp", &format!("{padding}Tcp: ActiveOpens\nTcp: 1\n")),
            ("snmp6", &"Udp6NoPorts 1\n".repeat(MAX_LEN / 14 + 1)),
        ]);
        let mut reader = Reader::open(root.path());
        let counters = reader.read();
        assert_eq!((counters.tcp_active_opens, counters.udp6_no_ports), (Some(1), None));
        assert!(failing(&reader).contains(&"snmp6"));
    }
}
