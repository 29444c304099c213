//! The real binary, running in a namespace, and a client that asks it.
//!
//! Invariant: the process is gone and its files are removed when a [`Daemon`]
//! is dropped, also when the test panics.

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, ExitStatus},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    deadline,
    netns::{NetNs, Running},
};

/// The binary under test.
pub(crate) const NETMON: &str = env!("CARGO_BIN_EXE_netmon");

/// Where a daemon serves when nobody says otherwise.
const PORT: u16 = netmon::config::DEFAULT_PORT;

/// A daemon that runs.
pub(crate) struct Daemon<'a> {
    namespace: &'a NetNs,
    running: Running,
    directory: TempDir,
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// What follows the head.
    pub(crate) body: String,
}

impl<'a> Daemon<'a> {
    /// Starts a daemon with this configuration and waits until it is ready.
    pub(crate) fn start(namespace: &'a NetNs, configuration: &str) -> Self {
        let mut daemon = Self::spawn(namespace, configuration, |_| {});
        daemon.await_ready();
        daemon
    }

    /// Starts a daemon with this configuration, its command changed at will.
    pub(crate) fn spawn(
        namespace: &'a NetNs,
        configuration: &str,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        Self::spawn_by(namespace, namespace.command(NETMON), configuration, change)
    }

    /// Starts a daemon by a command that ends in the name of the binary.
    pub(crate) fn spawn_by(
        namespace: &'a NetNs,
        mut command: Command,
        configuration: &str,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let directory = TempDir::new().unwrap();
        // Other users read the configuration as well.
        let everyone = Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), everyone).unwrap();
        let file = directory.path().join("netmon.toml");
        fs::write(&file, configuration).unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        command.arg("run").arg("--config").arg(&file);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        change(&mut command);
        Self { namespace, running: Running::spawn(&mut command), directory }
    }

    /// Waits until `/-/ready` says so.
    pub(crate) fn await_ready(&mut self) {
        deadline::until_true("the daemon is ready", || {
            if let Some(status) = self.running.0.try_wait().unwrap() {
                panic!("{status}: {}", self.log());
            }
            self.get("/-/ready").is_some_and(|answer| answer.status == 200)
        });
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.0.id()
    }

    /// Its configuration file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("netmon.toml")
    }

    /// Everything that it wrote.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.directory.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends it a signal by its name, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success(), "kill -s {name}: {status}");
    }

    /// Waits until it has ended.
    pub(crate) fn await_end(&mut self) -> ExitStatus {
        deadline::until("the daemon ends", || self.running.0.try_wait().unwrap())
    }

    /// Ends it and asserts that it ends well.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = self.await_end();
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// Asks for a path; `None` where nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        self.ask(PORT, "GET", path)
    }

    /// Sends a request to a port of loopback.
    pub(crate) fn ask(&self, port: u16, method: &str, path: &str) -> Option<Answer> {
        ask(self.namespace, port, method, path)
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        let answer = self.get("/metrics").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The value of a series, written as `name{label="value"}`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        value(&self.metrics(), series)
    }

    /// Waits until a series has a value that fits.
    pub(crate) fn await_value(&self, series: &str, fits: impl Fn(f64) -> bool) -> f64 {
        deadline::until(series, || self.value(series).filter(|value| fits(*value)))
    }

    /// What `/api/v1/interfaces` says of a device.
    pub(crate) fn interface(&self, name: &str) -> Option<Value> {
        let document: Value = serde_json::from_str(&self.get("/api/v1/interfaces")?.body).unwrap();
        let list = document["interfaces"].as_array()?;
        list.iter().find(|device| device["name"] == name).cloned()
    }

    /// Waits until it has counted exactly this many packets at a device; fails at
    /// once when there are more.
    pub(crate) fn await_packets(&self, device: &str, direction: &str, packets: u64) {
        let mut seen = None;
        let what = format!("{packets} packets are counted at {device} {direction}");
        deadline::until_true(&what, || {
            let counted = self.interface(device).and_then(|it| it[direction]["packets"].as_u64());
            if counted != seen {
                seen = counted;
                assert!(counted <= Some(packets), "{counted:?} of {packets}: {device} {direction}");
            }
            counted == Some(packets)
        });
    }
}

/// The value of a series in a scrape.
pub(crate) fn value(metrics: &str, series: &str) -> Option<f64> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(series));
    lines.filter_map(|rest| rest.strip_prefix(' ')).map(|value| value.parse().unwrap()).next()
}

/// Sends a request to a port of loopback in a namespace.
pub(crate) fn ask(namespace: &NetNs, port: u16, method: &str, path: &str) -> Option<Answer> {
    let mut connection = namespace.enter(|| TcpStream::connect(("127.0.0.1", port))).ok()?;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: netmon\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some(Answer { status, body: body.to_owned() })
}

/// Runs `netmon` with arguments to its end: status, standard output, standard
/// error.
pub(crate) fn run<A: AsRef<OsStr>>(
    namespace: &NetNs,
    arguments: impl IntoIterator<Item = A>,
) -> (Option<i32>, String, String) {
    let output = namespace.command(NETMON).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
