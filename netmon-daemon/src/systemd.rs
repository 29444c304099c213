//! What systemd is told, where it started us. Elsewhere every call does nothing.
//!
//! Must not wait: a message that systemd does not take is an error for the log.

use std::{env, io, path::PathBuf, time::Duration};

use sd_notify::NotifyState::{self, Ready, Reloading, Status, Stopping, Watchdog};

use crate::printable::Printable;

/// The service is up, or back after [`reloading`]; `status` says how, in words.
///
/// # Errors
///
/// When systemd asks to be told and cannot be reached.
pub fn ready(status: &str) -> io::Result<()> {
    tell(&[Ready, Status(&Printable(status).to_string())])
}

/// A reload begins. systemd 253 and later match it with the [`ready`] that must
/// follow by the time of the monotonic clock.
///
/// # Errors
///
/// See [`ready`].
pub fn reloading() -> io::Result<()> {
    let now = NotifyState::monotonic_usec_now()?;
    tell(&[Reloading, now])
}

/// The service ends.
///
/// # Errors
///
/// See [`ready`].
pub fn stopping() -> io::Result<()> {
    tell(&[Stopping])
}

/// How the service fares, in words.
///
/// # Errors
///
/// See [`ready`].
pub fn status(status: &str) -> io::Result<()> {
    tell(&[Status(&Printable(status).to_string())])
}

/// The task that ticks goes on; to be called every [`watchdog_interval`].
///
/// # Errors
///
/// See [`ready`].
pub fn alive() -> io::Result<()> {
    tell(&[Watchdog])
}

/// How often [`alive`] must be called: half of what systemd waits before it
/// restarts the service. None when it does not wait at all.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

/// The directory in which the unit may keep what must outlive it (StateDirectory); the
/// first, where it has several.
pub fn state_directory() -> Option<PathBuf> {
    let list = env::var_os("STATE_DIRECTORY")?;
    env::split_paths(&list).next().filter(|path| path.is_absolute())
}

fn tell(states: &[NotifyState<'_>]) -> io::Result<()> {
    sd_notify::notify(states)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, process::Command};

    use super::*;

    /// Says everything once. Run by the test below with a socket to talk to; by
    /// itself it proves that without one nothing fails.
    #[test]
    fn speaker() -> io::Result<()> {
        ready("watching 2 devices\nREADY=0")?;
        status(&format!("watchdog {:?}", watchdog_interval()))?;
        reloading()?;
        alive()?;
        stopping()
    }

    #[test]
    fn systemd_hears_one_message_for_each_state() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_nonblocking(true)?;
        let spoken = Command::new(env::current_exe()?)
            .args(["--exact", "systemd::tests::speaker"])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "30000000")
            .output()?;
        assert!(spoken.status.success(), "{spoken:?}");
        let mut heard = Vec::new();
        let mut buffer = [0; 256];
        while let Ok(length) = socket.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        let (times, rest): (Vec<_>, Vec<_>) = heard
            .join("")
            .lines()
            .map(str::to_owned)
            .partition(|l| l.starts_with("MONOTONIC_USEC="));
        assert_eq!(heard.len(), 5, "{heard:?}");
        assert_eq!(
            rest,
            [
                "READY=1",
                "STATUS=watching 2 devices\\nREADY=0",
                "STATUS=watchdog Some(15s)",
                "RELOADING=1",
                "WATCHDOG=1",
                "STOPPING=1",
            ]
        );
        assert!(times.len() == 1 && heard[2].contains(&times[0]), "{heard:?}");
        Ok(())
    }
}
