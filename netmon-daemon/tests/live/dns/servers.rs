//! The servers: each in a namespace, in a folder of its own, awaited until it answers.
//!
//! Invariant: a server is asked over the loopback of its namespace before netmon is
//! there, and listens on the addresses of the way alone.

use std::{
    fs::{self, File},
    net::UdpSocket,
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;

use super::{Scene, message, zones};
use crate::{
    deadline::until_ok,
    netns::{NetNs, Running},
};

/// A program that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Dnsmasq,
    Unbound,
    Named,
}

/// One at work.
pub(crate) struct Serving {
    _process: Running,
    _folder: TempDir,
}

/// A question as dnsperf reads it, the label of its type, and that of the answer.
pub(super) type Case = (&'static str, &'static str, &'static str);

/// Seconds for which dnsmasq's answers may be kept. Its own default is 0.
pub(super) const TTL: u64 = 15;

/// What dnsmasq knows: no more than one address, and what it does not know.
const DNSMASQ: [Case; 4] = [
    ("www.known.test A", "A", "noerror"),
    ("a.much.longer.name.known.test AAAA", "AAAA", "refused"),
    ("www.unknown.test A", "A", "nxdomain"),
    ("foreign.example MX", "MX", "refused"),
];

const UNBOUND: [Case; 8] = [
    ("www.plain.test A", "A", "noerror"),
    ("www.plain.test AAAA", "AAAA", "noerror"),
    ("plain.test MX", "MX", "noerror"),
    ("txt.plain.test TXT", "TXT", "noerror"),
    ("1.plain.test PTR", "PTR", "noerror"),
    ("nx.plain.test SRV", "SRV", "nxdomain"),
    ("www.broken.test A", "A", "servfail"),
    ("www.foreign.test A", "A", "refused"),
];

const NAMED: [Case; 16] = [
    ("www.plain.test A", "A", "noerror"),
    ("www.plain.test AAAA", "AAAA", "noerror"),
    ("alias.plain.test CNAME", "CNAME", "noerror"),
    ("plain.test MX", "MX", "noerror"),
    // Without EDNS these are cut, to 512 bytes.
    ("t1000.plain.test TXT", "TXT", "noerror"),
    ("plain.test NS", "NS", "noerror"),
    ("plain.test SOA", "SOA", "noerror"),
    ("1.plain.test PTR", "PTR", "noerror"),
    ("_sip._tcp.plain.test SRV", "SRV", "noerror"),
    ("www.plain.test HTTPS", "HTTPS", "noerror"),
    ("null.plain.test NULL", "NULL", "noerror"),
    ("www.plain.test ANY", "ANY", "noerror"),
    ("www.plain.test CAA", "other", "noerror"),
    ("nx.plain.test A", "A", "nxdomain"),
    ("www.broken.test A", "A", "servfail"),
    ("www.foreign.test A", "A", "refused"),
];

/// "test" is one of the zones that unbound denies by itself. It does not ask itself,
/// so that what is to be forwarded there fails at once.
const UNBOUND_CONFIG: &str = "\
    do-daemonize: no
    use-syslog: no
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
    num-threads: 1
    module-config: \"iterator\"
    minimal-responses: yes
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    local-zone: \"test.\" nodefault
    local-zone: \"plain.test.\" static
    local-data: \"www.plain.test. 300 A 192.0.2.3\"
    local-data: \"www.plain.test. 300 AAAA 2001:db8::3\"
    local-data: \"plain.test. 300 MX 10 www.plain.test.\"
    local-data: \"txt.plain.test. 300 TXT 'v=spf1 -all'\"
    local-data: \"1.plain.test. 300 PTR www.plain.test.\"
    local-zone: \"foreign.test.\" refuse
forward-zone:
    name: \"broken.test.\"
    forward-addr: 127.0.0.1
remote-control:
    control-enable: no
";

impl Server {
    /// What it is asked.
    pub(super) fn cases(self) -> &'static [Case] {
        match self {
            Self::Dnsmasq => &DNSMASQ,
            Self::Unbound => &UNBOUND,
            Self::Named => &NAMED,
        }
    }

    /// Starts it at the end of the servers.
    pub(super) fn start(self, scene: &Scene) -> Serving {
        match self {
            Self::Dnsmasq => dnsmasq(
                scene.serving(),
                scene.servers(),
                &["--address=/known.test/192.0.2.1", "--local=/unknown.test/"],
            ),
            Self::Unbound => {
                let [four, six] = scene.servers();
                let config = format!(
                    "server:\n    interface: {four}\n    interface: {six}\n{UNBOUND_CONFIG}"
                );
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("unbound.conf");
                fs::write(&file, config).unwrap();
                let words = ["unbound", "-d", "-c", file.to_str().unwrap()];
                serve(scene.serving(), folder, &words, four)
            }
            Self::Named => {
                let folder = tempfile::tempdir().unwrap();
                zones::write(folder.path(), scene.servers());
                let file = folder.path().join("named.conf");
                let words = ["named", "-g", "-n", "1", "-c", file.to_str().unwrap()];
                serve(scene.serving(), folder, &words, scene.server())
            }
        }
    }
}

/// dnsmasq with these options, on these addresses.
pub(crate) fn dnsmasq(namespace: &NetNs, addresses: [&str; 2], options: &[&str]) -> Serving {
    let [four, six] = addresses.map(|address| format!("--listen-address={address}"));
    let ttl = format!("--local-ttl={TTL}");
    let words = [
        &["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root"][..],
        &["--pid-file=", "--no-resolv", "--no-hosts", "--bind-interfaces", "--log-facility=-"],
        &[&*four, &six, &ttl],
        options,
    ];
    serve(namespace, tempfile::tempdir().unwrap(), &words.concat(), addresses[0])
}

/// Starts a server that logs to standard error, and awaits an answer of it.
fn serve(namespace: &NetNs, folder: TempDir, words: &[&str], address: &str) -> Serving {
    let (program, arguments) = words.split_first().unwrap();
    let log = folder.path().join("log");
    let mut command = namespace.command(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let process = Running::spawn(command.stderr(File::create(&log).unwrap()));
    let socket = namespace.enter(|| UdpSocket::bind((address, 0)).unwrap());
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket.connect((address, 53)).unwrap();
    until_ok("the server answers", || {
        let asked = socket.send(&message::query(1, "www.plain.test", message::A));
        let answered = asked.and_then(|_| socket.recv(&mut [0; 512]));
        answered.map_err(|error| {
            format!("{error}; its log:\n{}", fs::read_to_string(&log).unwrap_or_default())
        })
    });
    Serving { _process: process, _folder: folder }
}

/// A port that takes everything and answers nothing.
pub(super) fn silent(namespace: &NetNs, address: &str) -> UdpSocket {
    namespace.enter(|| UdpSocket::bind((address, 53)).unwrap())
}
