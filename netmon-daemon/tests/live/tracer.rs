//! Another witness of tracepoints: the kernel's own tracer, in a ring buffer of
//! its own (an instance of tracefs) that nobody else sees.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

/// Mounts tracefs where only this script sees it, and says of every event that it
/// is asked for how often it happened. Ends with its input, and removes the ring
/// buffer then.
const SCRIPT: &str = "
    set -e
    mount -t tracefs none \"$1\"
    mkdir \"$1/instances/$2\"
    cd \"$1/instances/$2\"
    shift 2
    for event; do echo 1 > events/tcp/$event/enable; done
    echo ready
    while read -r event; do grep -c \" $event: \" trace || :; done
    buffer=$PWD
    cd /
    rmdir \"$buffer\"";

/// Traces events of TCP from its start on.
pub(crate) struct Tracer {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
}

impl Tracer {
    /// Traces these events of the group `tcp`, a few thousand at most.
    pub(crate) fn start(events: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(folder.path());
        command.arg(format!("netmon-{}", std::process::id())).args(events);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut tracer = Self { process, input, output, _folder: folder };
        assert_eq!(tracer.answer(), "ready");
        tracer
    }

    /// How often an event happened.
    pub(crate) fn count(&mut self, event: &str) -> u64 {
        writeln!(self.input.as_mut().unwrap(), "{event}").unwrap();
        self.answer().parse().unwrap()
    }

    fn answer(&mut self) -> String {
        self.output.next().unwrap().unwrap()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        drop(self.input.take());
        let ended = self.process.wait();
        drop(ended);
    }
}
