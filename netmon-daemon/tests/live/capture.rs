//! An independent witness: tcpdump, whose filters are the kernel's and libpcap's,
//! and not ours.

use std::{
    io::{BufRead, BufReader},
    process::{ChildStderr, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    deadline::until_ok,
    netns::{NetNs, Running},
};

/// A capture under way.
pub(crate) struct Capturing {
    process: Running,
    said: BufReader<ChildStderr>,
    folder: TempDir,
}

/// A capture that is complete: nothing was lost.
pub(crate) struct Capture {
    folder: TempDir,
}

/// The buffer in KiB: more than any test sends while it captures.
const BUFFER: &str = "65536";
const FILE: &str = "capture.pcap";

impl Capturing {
    /// Captures every packet of a device from now on.
    pub(crate) fn start(namespace: &NetNs, device: &str) -> Self {
        Self::of(namespace, device, "")
    }

    /// The same for packets that a filter of libpcap lets pass.
    pub(crate) fn of(namespace: &NetNs, device: &str, filter: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = namespace.command("tcpdump");
        command.args(["-n", "-B", BUFFER, "--immediate-mode", "-Z", "root", "-i", device, "-w"]);
        command.arg(folder.path().join(FILE)).arg(filter).stderr(Stdio::piped());
        let mut process = Running::spawn(&mut command);
        let said = BufReader::new(process.0.stderr.take().unwrap());
        let mut capturing = Self { process, said, folder };
        while !capturing.line().contains("listening on") {}
        capturing
    }

    /// Ends it when all that the kernel had for it is in the file.
    pub(crate) fn stop(mut self) -> Capture {
        let id = Pid::from_child(&self.process.0);
        until_ok("tcpdump reads what it captured", || {
            kill_process(id, Signal::USR1).unwrap();
            let line = self.line();
            let numbers: Vec<u64> =
                line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            match numbers[..] {
                [captured, received, 0] if captured == received => Ok(()),
                _ => Err(line),
            }
        });
        kill_process(id, Signal::TERM).unwrap();
        self.process.0.wait().unwrap();
        Capture { folder: self.folder }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "tcpdump ended");
        line
    }
}

impl Capture {
    /// How many packets a filter of libpcap lets pass.
    pub(crate) fn count(&self, filter: &str) -> u64 {
        let mut command = Command::new("tcpdump");
        command.arg("-n").arg("--count").arg("-r").arg(self.folder.path().join(FILE)).arg(filter);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{filter}: {}", String::from_utf8_lossy(&output.stderr));
        text.split(' ').next().unwrap().parse().unwrap()
    }

    /// When the packets that a filter of libpcap lets pass were seen, in seconds after
    /// the first of them.
    pub(crate) fn times(&self, filter: &str) -> Vec<f64> {
        let mut command = Command::new("tcpdump");
        command.args(["-n", "-ttttt", "-r"]).arg(self.folder.path().join(FILE)).arg(filter);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{filter}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let seconds = |line: &str| {
            let clock = line.trim_start().split(' ').next().unwrap();
            clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
        };
        text.lines().map(seconds).collect()
    }

    /// Fields of the packets that a display filter of Wireshark lets pass, as
    /// tshark dissects and writes them; empty where a packet has none.
    pub(crate) fn rows(&self, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut command = Command::new("tshark");
        command.args(["-n", "-Y", filter, "-T", "fields"]);
        command.args(fields.iter().flat_map(|field| ["-e", field]));
        let output = command.arg("-r").arg(self.folder.path().join(FILE)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }
}
