//! Another witness of tracepoints: the kernel's own tracer, in a ring buffer of
//! its own (an instance of tracefs) that nobody else sees.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

/// Mounts tracefs where only this script sees it, and says of every pattern that it
/// is asked for how many events fit. Of `kfree_skb` it takes these reasons alone. Ends
/// with its input, and removes the ring buffer then.
const SCRIPT: &str = "
    set -e
    mount -t tracefs none \"$1\"
    mkdir \"$1/instances/$2\"
    cd \"$1/instances/$2\"
    echo 4096 > buffer_size_kb
    drops=events/skb/kfree_skb
    filter=
    for reason in $3; do
        number=$(sed -n \"s/.*{ \\([0-9]*\\), \\\"$reason\\\" }.*/\\1/p\" $drops/format)
        # Older kernels have fewer.
        [ -z \"$number\" ] || filter=\"$filter${filter:+ || }reason == $number\"
    done
    [ -z \"$filter\" ] || echo \"$filter\" > $drops/filter
    shift 3
    for event; do echo 1 > events/$event/enable; done
    echo ready
    while read -r pattern; do grep -c \"$pattern\" trace || :; done
    buffer=$PWD
    cd /
    rmdir \"$buffer\"";

/// Traces events from its start on.
pub(crate) struct Tracer {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
}

impl Tracer {
    /// Traces these events, by group and name, a few thousand at most.
    pub(crate) fn start(events: &[&str]) -> Self {
        Self::begin("", events)
    }

    /// Traces packets that are dropped for these reasons, by the kernel's names.
    pub(crate) fn drops(reasons: &[&str]) -> Self {
        Self::begin(&reasons.join(" "), &["skb/kfree_skb"])
    }

    fn begin(reasons: &str, events: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(folder.path());
        command.arg(format!("netmon-{}", std::process::id())).arg(reasons).args(events);
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
        self.ask(&format!(" {event}: "))
    }

    /// How many packets were dropped for a reason.
    pub(crate) fn dropped(&mut self, reason: &str) -> u64 {
        self.ask(&format!(" kfree_skb: .* reason: {reason}$"))
    }

    fn ask(&mut self, pattern: &str) -> u64 {
        writeln!(self.input.as_mut().unwrap(), "{pattern}").unwrap();
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
