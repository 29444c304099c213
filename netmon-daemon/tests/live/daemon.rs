//! The daemon under test: the real binary in a namespace.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    deadline::until_ok,
    exposition::Exposition,
    netns::{NetNs, Running},
};

/// Where it listens. The loopback of the namespace is its own, so no other
/// process can have the port.
const ADDRESS: &str = "127.0.0.1:10199";

/// How long an answer may take.
const READING: Duration = Duration::from_secs(60);

/// How often it reads the counters, unless a test says otherwise: often, so that
/// nobody waits.
pub(crate) const FAST: (&str, &str) = ("NETMON_KERNEL__TICK", "100ms");

/// `netmon run`, ready, watching the devices of a namespace.
pub(crate) struct Netmon<'a> {
    namespace: &'a NetNs,
    process: Running,
    folder: TempDir,
}

impl<'a> Netmon<'a> {
    /// Starts it with these environment variables and awaits that it is ready.
    pub(crate) fn start(namespace: &'a NetNs, environment: &[(&str, &str)]) -> Self {
        Self::begin(namespace, namespace.command(env!("CARGO_BIN_EXE_netmon")), environment)
    }

    /// The same where control groups are to be seen, which `ip netns exec` hides with the
    /// rest of /sys.
    pub(crate) fn start_among_groups(namespace: &'a NetNs, environment: &[(&str, &str)]) -> Self {
        let script = "mount -t cgroup2 none /sys/fs/cgroup && exec \"$0\" \"$@\"";
        let mut command = namespace.command("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_netmon")]);
        Self::begin(namespace, command, environment)
    }

    fn begin(namespace: &'a NetNs, mut command: Command, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, log) = (folder.path().join("netmon.toml"), folder.path().join("log"));
        fs::write(&config, "").unwrap();
        command.args(["run", "--listen", ADDRESS, "--config"]).arg(config);
        command.env_remove("NOTIFY_SOCKET").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log).unwrap());
        let netmon = Self { namespace, process: Running::spawn(&mut command), folder };
        // Who asks before anybody listens is refused, and the netmons of other namespaces see it.
        until_ok("netmon listens", || if netmon.listens() { Ok(()) } else { Err(netmon.log()) });
        until_ok("netmon gets ready", || match netmon.try_get("/-/ready") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}; its log:\n{}", netmon.log())),
        });
        netmon
    }

    /// Whether somebody listens at its port, as the kernel writes it: local and remote end,
    /// and the state, 0A.
    fn listens(&self) -> bool {
        let sockets = self.namespace.enter(|| fs::read_to_string("/proc/thread-self/net/tcp"));
        let port = ADDRESS.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).unwrap();
        let listener = format!(":{port:04X} 00000000:0000 0A ");
        sockets.unwrap().contains(&listener)
    }

    /// What it serves under a path. Panics unless it is found.
    pub(crate) fn get(&self, path: &str) -> String {
        let (status, body) = self.try_get(path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// A scrape, of a snapshot that may be a tick old.
    pub(crate) fn scrape(&self) -> Exposition {
        Exposition::parse(&self.get("/metrics"))
    }

    /// A scrape of a snapshot that was begun after this call.
    pub(crate) fn fresh(&self) -> Exposition {
        let polls = |scrape: &Exposition| {
            scrape.sum("netmon_poll_duration_seconds_count", &[("stage", "judge")])
        };
        let before = polls(&self.scrape());
        // The poll that comes next may have read its counters before now.
        until_ok("netmon polls", || {
            let scrape = self.scrape();
            let after = polls(&scrape);
            if after >= before + 2 { Ok(scrape) } else { Err(format!("{before} to {after}")) }
        })
    }

    /// The document of red flags.
    pub(crate) fn red_flags(&self) -> Value {
        serde_json::from_str(&self.get("/api/v1/red-flags")).unwrap()
    }

    /// Awaits that a red flag is raised, in the metrics and in the document, and
    /// returns its row there.
    pub(crate) fn raised(&self, detector: &str, severity: &str) -> Value {
        let labels = [("detector", detector), ("severity", severity)];
        until_ok(&format!("{detector} is raised"), || {
            match self.scrape().sum("netmon_red_flag_active", &labels) {
                1 => Ok(()),
                other => Err(format!("active is {other}: {}", self.red_flags())),
            }
        });
        let flags = self.red_flags();
        let row = flags["red_flags"].as_array().unwrap().iter().find(|row| {
            row["detector"] == detector && row["severity"] == severity && row["active"] == true
        });
        row.unwrap_or_else(|| panic!("{detector} is not in {flags}")).clone()
    }

    /// Ends it as systemd does, and asserts that it was in order to the last:
    /// every packet explained, nothing in its log that is worse than a warning.
    pub(crate) fn stop(mut self) {
        let audit = self.fresh().sum("netmon_audit_unexplained_total", &[]);
        assert_eq!(audit, 0, "packets without a class or with several");
        let id = Pid::from_child(&self.process.0);
        kill_process(id, Signal::TERM).unwrap();
        let status = until_ok("netmon ends", || match self.process.0.try_wait().unwrap() {
            Some(status) => Ok(status),
            None => Err(self.log()),
        });
        let log = self.log();
        assert!(status.success(), "{status}: {log}");
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }

    /// Everything that it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn try_get(&self, path: &str) -> Result<(u16, String), String> {
        let answer = self.namespace.enter(|| -> std::io::Result<String> {
            let mut stream = TcpStream::connect(ADDRESS)?;
            stream.set_read_timeout(Some(READING))?;
            write!(stream, "GET {path} HTTP/1.0\r\nhost: {ADDRESS}\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        let answer = answer.map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or("no status")?, body.to_owned()))
    }
}
