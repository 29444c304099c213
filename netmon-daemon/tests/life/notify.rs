//! What systemd is told: the daemon talks to a socket of the test instead.

use std::{os::unix::net::UnixDatagram, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{
    daemon::Daemon,
    netns::{NetNs, require_kernel},
};

/// What stands in for systemd.
pub(crate) struct Manager {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    /// A socket that listens.
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { directory, socket }
    }

    /// Makes a command talk to it.
    pub(crate) fn manage(&self, command: &mut Command) {
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
    }

    /// The next message.
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let len = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    /// Waits for a message with this line, and returns all up to it.
    pub(crate) fn until(&self, line: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next());
            if heard.iter().any(|message| message.lines().any(|it| it == line)) {
                return heard;
            }
        }
    }
}

fn position(heard: &[String], line: &str) -> Option<usize> {
    heard.iter().position(|message| message.lines().any(|it| it == line))
}

#[test]
fn systemd_hears_of_the_whole_life() {
    require_kernel!();
    let (namespace, manager) = (NetNs::new(), Manager::new());
    let mut daemon = Daemon::spawn(&namespace, "", |command| {
        manager.manage(command);
        command.env("WATCHDOG_USEC", "2000000");
    });
    let heard = manager.until("READY=1");
    assert_eq!(daemon.get("/-/ready").unwrap().status, 200, "ready means ready");
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("STATUS=serving 127.0.0.1:"), "{heard:?}");
    manager.until("WATCHDOG=1");

    daemon.signal("HUP");
    let heard = manager.until("RELOADING=1");
    assert!(heard.last().unwrap().contains("MONOTONIC_USEC="), "{heard:?}");
    let heard = manager.until("READY=1");
    assert!(heard.last().unwrap().contains("STATUS=serving 127.0.0.1:"), "{heard:?}");

    std::fs::write(daemon.file(), "nonsense").unwrap();
    daemon.signal("HUP");
    let heard = manager.until("RELOADING=1");
    assert_eq!(position(&heard, "READY=1"), None, "{heard:?}");
    // A service that stays in "reloading" would be restarted.
    manager.until("READY=1");

    daemon.signal("TERM");
    let heard = manager.until("STOPPING=1");
    assert_eq!(position(&heard, "READY=1"), None, "{heard:?}");
    assert_eq!(daemon.await_end().code(), Some(0));
}

#[test]
fn a_long_tick_does_not_miss_the_watchdog() {
    require_kernel!();
    let (namespace, manager) = (NetNs::new(), Manager::new());
    let daemon = Daemon::spawn(&namespace, "[kernel]\ntick = \"60s\"\n", |command| {
        manager.manage(command);
        command.env("WATCHDOG_USEC", "400000");
    });
    manager.until("READY=1");
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
    daemon.stop();
}

#[test]
fn no_watchdog_is_fed_that_nobody_has() {
    require_kernel!();
    let (namespace, manager) = (NetNs::new(), Manager::new());
    let daemon = Daemon::spawn(&namespace, "[kernel]\ntick = \"100ms\"\n", |command| {
        manager.manage(command);
    });
    manager.until("READY=1");
    let ticks = r#"netmon_poll_duration_seconds_count{stage="read"}"#;
    daemon.await_value(ticks, |ticks| ticks >= 3.0);
    daemon.signal("TERM");
    let heard = manager.until("STOPPING=1");
    assert_eq!(position(&heard, "WATCHDOG=1"), None, "{heard:?}");
}
