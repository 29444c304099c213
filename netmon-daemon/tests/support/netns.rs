//! Network namespaces that a test makes and removes.
//!
//! Needs root and `ip` (iproute2); [`require_kernel!`] skips a test without them.
//! Invariant: what a [`NetNs`] or [`Running`] made is gone when it is dropped,
//! also when the test panics.
//!
//! A test program mounts this file at its root with `#[path] mod netns;`. The
//! tests below use every item, so that none is dead code in a program that needs
//! only some.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Write,
    os::fd::AsFd,
    panic,
    path::PathBuf,
    process::{self, Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Returns from the test when it cannot have network namespaces, saying why; the
/// test fails instead where `NETMON_REQUIRE_KERNEL=1` is set.
macro_rules! require_kernel {
    () => {
        if let Some(why) = $crate::netns::missing() {
            assert!(
                std::env::var_os("NETMON_REQUIRE_KERNEL").is_none_or(|value| value != "1"),
                "{why}"
            );
            println!("SKIPPED: {why}");
            return;
        }
    };
}
pub(crate) use require_kernel;

/// Why there are no network namespaces to be had, if so.
pub(crate) fn missing() -> Option<String> {
    NetNs::try_new().err()
}

/// A network namespace with nothing in it but `lo`, which is up.
///
/// IPv6 is there but silent: devices get no address of their own, ask for no
/// router and do not probe for duplicates, so that a test can count packets
/// exactly.
#[derive(Debug)]
pub(crate) struct NetNs {
    name: String,
}

/// A process that is killed and waited for when it is dropped.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl NetNs {
    /// A new namespace.
    pub(crate) fn new() -> Self {
        Self::try_new().unwrap()
    }

    fn try_new() -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("netmon-{}-{made}", process::id());
        let added = Command::new("ip").args(["netns", "add", &name]).output();
        let added = added.map_err(|error| format!("cannot run `ip`: {error}"))?;
        if !added.status.success() {
            let text = String::from_utf8_lossy(&added.stderr);
            return Err(format!("cannot make a network namespace: {}", text.trim()));
        }
        let namespace = Self { name };
        namespace.sysctl("net/ipv6/conf/default/addr_gen_mode", "1");
        namespace.sysctl("net/ipv6/conf/default/router_solicitations", "0");
        namespace.sysctl("net/ipv6/conf/default/accept_dad", "0");
        namespace.run(["ip", "link", "set", "lo", "up"]);
        Ok(namespace)
    }

    /// Its name, as `ip netns` knows it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// A command that will run in it, with its own view of /sys.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs a program with arguments to its end and returns what it wrote to
    /// standard output. Panics when it fails.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Vec<u8> {
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let (program, arguments) = words.split_first().unwrap();
        succeeded(&words, self.command(program).args(arguments).output().unwrap())
    }

    /// Runs many `ip` commands at once, one a line, without the word `ip`.
    /// Panics when one fails.
    pub(crate) fn ip_batch(&self, lines: &str) {
        Self::batch_in(&self.name, lines);
    }

    /// [`ip_batch`](Self::ip_batch) in the namespace of this name.
    pub(crate) fn batch_in(name: &str, lines: &str) {
        let mut batch = Command::new("ip");
        batch.args(["-n", name, "-batch", "-"]).stdin(Stdio::piped());
        let mut child = batch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        succeeded(&["ip -batch".into()], child.wait_with_output().unwrap());
    }

    /// Does something in a thread of its own that lives in this namespace:
    /// sockets that it opens and processes that it starts belong to it. Its view
    /// of /sys stays that of the test.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.path()).unwrap();
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                work()
            });
            entered.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
        })
    }

    /// Sets a value below /proc/sys/net, where this kernel has it.
    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        let file = PathBuf::from("/proc/sys").join(key);
        self.enter(|| {
            if file.exists() {
                fs::write(&file, value).unwrap();
            }
        });
    }
}

impl Running {
    /// Starts a command that [`NetNs::command`] made, or any other.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        let removed = Command::new("ip").args(["netns", "del", &self.name]).status();
        drop(removed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        drop(killed);
    }
}

/// A pair of veth devices, one in each namespace (which may be the same), up.
pub(crate) fn veth(a: &NetNs, name_a: impl AsRef<OsStr>, b: &NetNs, name_b: impl AsRef<OsStr>) {
    let (name_a, name_b) = (name_a.as_ref(), name_b.as_ref());
    let mut add = Command::new("ip");
    add.args(["link", "add", "name"]).arg(name_a).args(["netns", a.name(), "type", "veth"]);
    add.args(["peer", "name"]).arg(name_b).args(["netns", b.name()]);
    succeeded(&[name_a.to_owned(), name_b.to_owned()], add.output().unwrap());
    for (namespace, name) in [(a, name_a), (b, name_b)] {
        let words = ["ip", "link", "set", "dev"].map(OsStr::new);
        namespace.run(words.into_iter().chain([name, OsStr::new("up")]));
    }
}

fn succeeded(what: &[OsString], output: Output) -> Vec<u8> {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what:?}: {}: {text}", output.status);
    output.stdout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_apart_and_goes_with_its_owner() {
        require_kernel!();
        let namespace = NetNs::new();
        let path = namespace.path();
        let devices = namespace.run(["ls", "/sys/class/net"]);
        assert_eq!(devices, b"lo\n");
        assert_eq!(
            namespace.run(["ip", "netns", "identify"]),
            format!("{}\n", namespace.name()).as_bytes()
        );
        let panicked = thread::spawn(move || {
            let _namespace = namespace;
            assert!(std::hint::black_box(false), "on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(!path.exists());
    }

    #[test]
    fn two_namespaces_talk_over_a_pair() {
        require_kernel!();
        let (a, b) = (NetNs::new(), NetNs::new());
        veth(&a, "left", &b, "right");
        a.ip_batch("address add 10.0.0.1/24 dev left\n");
        b.ip_batch("address add 10.0.0.2/24 dev right\n");
        let receiver = b.enter(|| std::net::UdpSocket::bind("10.0.0.2:0").unwrap());
        let to = receiver.local_addr().unwrap();
        a.enter(|| std::net::UdpSocket::bind("10.0.0.1:0").unwrap().send_to(b"hello", to).unwrap());
        let mut buffer = [0; 16];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"hello");
    }

    #[test]
    fn a_process_ends_with_its_owner() {
        require_kernel!();
        let namespace = NetNs::new();
        let mut command = namespace.command("sh");
        command.args(["-c", "echo ready; exec sleep 600"]).stdout(Stdio::piped());
        let mut running = Running::spawn(&mut command);
        let mut line = String::new();
        let output = running.0.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        assert_eq!(line, "ready\n");
        let proc = PathBuf::from(format!("/proc/{}", running.0.id()));
        assert!(proc.exists());
        drop(running);
        assert!(!proc.exists());
    }
}
