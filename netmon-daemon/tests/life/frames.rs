//! Frames that a test sends at a device, and what arrives of them.
//!
//! Sent by a small Python program, because safe Rust has no packet sockets.
//! Invariant: as many frames leave as asked for, and nothing answers them.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _},
    process::{ChildStdout, Command, Stdio},
};

use crate::netns::{NetNs, Running, veth};

const PROGRAM: &str = include_str!("frames.py");

/// Frames that are sent until they are stopped.
pub(crate) struct Flow(Running);

/// A capture under way.
pub(crate) struct Digest {
    _running: Running,
    output: BufReader<ChildStdout>,
}

/// Two namespaces that are silent, joined by `a0` in the first and `b0` in the
/// second.
pub(crate) fn pair() -> (NetNs, NetNs) {
    let (a, b) = (NetNs::new(), NetNs::new());
    for namespace in [&a, &b] {
        namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
        namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
    }
    veth(&a, "a0", &b, "b0");
    (a, b)
}

fn program(namespace: &NetNs, verb: &str, device: &OsStr) -> Command {
    let mut command = namespace.command("python3");
    command.args(["-c", PROGRAM, verb]).arg(device);
    command
}

/// Sends the first `count` frames at a device: they are sent when it returns.
pub(crate) fn send(namespace: &NetNs, device: impl AsRef<OsStr>, count: u64) {
    sent(program(namespace, "send", device.as_ref()), count);
}

/// Sends so many TCP segments without any flag at a device.
pub(crate) fn scan(namespace: &NetNs, device: &str, count: u64) {
    sent(program(namespace, "scan", device.as_ref()), count);
}

fn sent(mut command: Command, count: u64) {
    let output = command.arg(count.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Flow {
    /// Begins to send frames at a device.
    pub(crate) fn start(namespace: &NetNs, device: &str) -> Self {
        let mut command = program(namespace, "flow", device.as_ref());
        Self(Running::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped())))
    }

    /// Ends it and says how many frames were sent.
    pub(crate) fn stop(mut self) -> u64 {
        drop(self.0.0.stdin.take());
        let mut text = String::new();
        self.0.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text.trim().parse().unwrap()
    }
}

impl Digest {
    /// Captures `count` frames at a device, from now on.
    pub(crate) fn start(namespace: &NetNs, device: &str, count: u64) -> Self {
        let mut command = program(namespace, "digest", device.as_ref());
        command.arg(count.to_string()).stdout(Stdio::piped());
        let mut running = Running::spawn(&mut command);
        let mut output = BufReader::new(running.0.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { _running: running, output }
    }

    /// The digest of the frames, once all have arrived.
    pub(crate) fn finish(mut self) -> String {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        assert_eq!(text.trim().len(), 64, "frames are missing");
        text
    }
}
