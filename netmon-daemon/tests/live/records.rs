//! Records of connections: what the kernel tells of each is what both ends did.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use netmon::{
    config::Config,
    flows::{End, Record},
    kernel::{Forbidden, Kernel, cgroups, monotonic},
};
use netmon_common::abi::{
    labels::{CloseReason, FailReason, Role},
    record::{Ended, Fate},
};
use rustix::net::sockopt::set_socket_linger;

use crate::{
    deadline::{pass, until_ok},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, alone},
};

const ADDRESS_6: &str = "fd00::1";
const PEER_ADDRESS_6: &str = "fd00::2";
const PORT: u16 = 6379;

/// How often the daemon looks at what waits.
const DRAIN: Duration = Duration::from_millis(100);

/// What the kernel tells of the connections between these addresses.
struct Ear {
    kernel: Kernel,
    heard: Vec<Record>,
}

impl Ear {
    fn new() -> Self {
        Self { kernel: Kernel::load(&Config::default(), &Forbidden::default()), heard: Vec::new() }
    }

    fn listen(&mut self) {
        let ours = [ADDRESS, ADDRESS_6].map(|it| it.parse::<IpAddr>().unwrap());
        self.kernel.drain_records(|record| {
            if ours.contains(&record.server) {
                self.heard.push(*record);
            }
        });
    }

    /// Awaits so many records.
    fn hear(&mut self, count: usize) -> Vec<Record> {
        until_ok("records arrive", || {
            self.listen();
            match self.heard.len() {
                heard if heard >= count => Ok(()),
                heard => Err(format!("{heard} of {count}")),
            }
        });
        std::mem::take(&mut self.heard)
    }

    /// What became of records of one kind.
    fn fates(&mut self, what: Ended) -> [u64; Fate::COUNT] {
        let events = self.kernel.snapshot(Duration::ZERO).unwrap().tcp.events;
        std::array::from_fn(|at| events.records[what.index() * Fate::COUNT + at])
    }
}

/// How a conversation ends.
#[derive(Clone, Copy, Debug)]
enum Last {
    Client,
    Server,
    /// The client resets it.
    Reset,
}

/// A conversation: so many bytes from either end, for so long. Returns the client's port.
fn talk(stage: &Stage, to: &str, sizes: [usize; 2], life: Duration, last: Last) -> u16 {
    let listener = stage.host.enter(|| TcpListener::bind((to, PORT)).unwrap());
    let mut client = stage.peer.enter(|| TcpStream::connect((to, PORT)).unwrap());
    let (mut server, _) = listener.accept().unwrap();
    let port = client.local_addr().unwrap().port();
    let [asked, answered] = sizes;
    say(&mut client, &mut server, asked);
    say(&mut server, &mut client, answered);
    pass(life);
    let (first, mut second) = match last {
        Last::Server => (server, client),
        Last::Client => (client, server),
        Last::Reset => {
            set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
            (client, server)
        }
    };
    drop(first);
    // The end is seen before it is answered.
    let _ = second.read(&mut [0]);
    port
}

fn say(from: &mut TcpStream, to: &mut TcpStream, len: usize) {
    let mut heard = vec![0; len];
    thread::scope(|scope| {
        scope.spawn(|| from.write_all(&vec![7; len]).unwrap());
        to.read_exact(&mut heard).unwrap();
    });
}

#[test]
fn both_ends_of_every_connection_are_told_as_they_were() {
    use CloseReason::{Fin, ResetReceived, ResetSent};
    require!();
    let _alone = alone();
    let stage = Stage::new();
    for (namespace, device, address) in
        [(&stage.host, DEVICE, ADDRESS_6), (&stage.peer, PEER_DEVICE, PEER_ADDRESS_6)]
    {
        namespace.ip_batch(&format!("address add {address}/64 dev {device}\n"));
    }
    let mut ear = Ear::new();
    ear.listen();
    let cases = [
        (ADDRESS, [0, 0], 0, Last::Client, [Fin, Fin]),
        (ADDRESS, [1, 2], 0, Last::Server, [Fin, Fin]),
        (ADDRESS_6, [5, 300_000], 50, Last::Client, [Fin, Fin]),
        (ADDRESS_6, [2_000_000, 0], 0, Last::Server, [Fin, Fin]),
        (ADDRESS, [10, 10], 30, Last::Reset, [ResetSent, ResetReceived]),
    ];
    for (to, sizes, life, last, ends) in cases {
        let name = format!("{sizes:?} to {to}, {last:?} ends it");
        let life = Duration::from_millis(life);
        let before = monotonic();
        let port = talk(&stage, to, sizes, life, last);
        let heard = ear.hear(2);
        let after = monotonic();
        let mut of_roles = Role::ALL.iter().map(|role| {
            let mut of_role = heard.iter().filter(|record| record.role == *role);
            let record = *of_role.next().unwrap_or_else(|| panic!("{name}: {heard:?}"));
            assert_eq!(of_role.next(), None, "{name}: told twice");
            record
        });
        for reason in ends {
            let record = of_roles.next().unwrap();
            let from = if to == ADDRESS { PEER_ADDRESS } else { PEER_ADDRESS_6 };
            let client = SocketAddr::new(from.parse().unwrap(), port);
            let server = SocketAddr::new(to.parse().unwrap(), PORT);
            assert_eq!(SocketAddr::new(record.client, record.client_port), client, "{name}");
            assert_eq!(SocketAddr::new(record.server, record.service_port), server, "{name}");
            let bytes = [record.client_bytes, record.server_bytes];
            assert_eq!(bytes, sizes.map(|size| size as u64), "{name}: {record:?}");
            let segments = [record.client_segments, record.server_segments];
            for (segments, size) in segments.into_iter().zip(sizes) {
                let least = size.div_ceil(1448);
                assert!(segments as usize >= least && (size > 0 || segments == 0), "{name}");
            }
            assert_eq!(record.end, End::Closed(reason), "{name}");
            assert!(own_group().is_none_or(|own| own == record.workload), "{name}: {record:?}");
            assert!(before <= record.began && record.ended <= after, "{name}: {record:?}");
            assert!(record.lasted().unwrap() >= life, "{name}: {record:?}");
            let is_active = record.role == Role::Active;
            assert_eq!(record.handshake.is_some(), is_active, "{name}: {record:?}");
            assert!(record.handshake.unwrap_or_default() < after.saturating_sub(before));
        }
    }
    // An attempt that fails is told of by the end that made it.
    let refused = stage.peer.enter(|| TcpStream::connect((ADDRESS, PORT)));
    assert!(refused.is_err());
    let heard = ear.hear(1);
    let [record] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(record.end, End::Failed(FailReason::Refused));
    assert_eq!((record.role, record.service_port), (Role::Active, PORT));
    assert_eq!((record.client_bytes, record.handshake), (0, None));
}

#[test]
fn workloads_of_both_ends_are_told() {
    require!("python3", "sh");
    let _alone = alone();
    let Ok(root) = cgroups() else { return };
    let stage = Stage::new();
    let mut ear = Ear::new();
    let group = Group::new(root.join(format!("netmon-test-{}", std::process::id())));
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    let serving = thread::spawn(move || {
        let (mut server, _) = listener.accept().unwrap();
        let _ = server.read(&mut [0]);
    });
    let script = "import socket; socket.create_connection(('10.0.0.1', 6379)).close()";
    let enter = "echo $$ > \"$0/cgroup.procs\" && exec python3 -c \"$1\"";
    // Not by `ip netns exec`, which hides /sys.
    let asked = stage.peer.enter(|| {
        Command::new("sh").args(["-c", enter]).arg(&group.0).arg(script).status().unwrap()
    });
    assert!(asked.success());
    serving.join().unwrap();
    let heard = ear.hear(2);
    let of = |role| heard.iter().find(|it| it.role == role).map(|it| it.workload);
    assert_eq!(of(Role::Active), Some(fs::metadata(&group.0).unwrap().ino()));
    assert_eq!(of(Role::Passive), own_group());
}

/// The number of the control group of this test; none where nobody can see it.
fn own_group() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(fs::metadata(cgroups().ok()?.join(own)).unwrap().ino())
}

/// A control group that goes with its owner.
struct Group(PathBuf);

impl Group {
    fn new(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.0);
        drop(removed);
    }
}

/// Two thousand connections in each of so many seconds, both ends of which are told of.
#[test]
fn nothing_is_lost_of_two_thousand_connections_a_second() {
    const RATE: u32 = 2_000;
    const SECONDS: u32 = 4;
    require!();
    let _alone = alone();
    let stage = Stage::new();
    let mut ear = Ear::new();
    let before = ear.fates(Ended::Closed);
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, PORT)).unwrap());
    let total = RATE * SECONDS;
    let asking = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..total {
                let (mut server, _) = listener.accept().unwrap();
                server.write_all(b"pong").unwrap();
                assert_eq!(server.read(&mut [0]).unwrap(), 0);
            }
        });
        let asking = scope.spawn(|| {
            stage.peer.enter(|| {
                let begun = Instant::now();
                for number in 0..total {
                    let due = Duration::from_secs(1) * number / RATE;
                    pass(due.saturating_sub(begun.elapsed()));
                    let mut client = TcpStream::connect((ADDRESS, PORT)).unwrap();
                    client.read_exact(&mut [0; 4]).unwrap();
                }
                begun.elapsed()
            })
        });
        while !asking.is_finished() {
            pass(DRAIN);
            ear.listen();
        }
        asking.join().unwrap()
    });
    let heard = ear.hear(2 * total as usize);
    let after = ear.fates(Ended::Closed);
    let [sent, skipped, lost] = std::array::from_fn(|at| after[at] - before[at]);
    assert_eq!((skipped, lost), (0, 0), "{sent} arrived");
    assert_eq!(heard.len(), 2 * total as usize, "in {asking:?}");
    for role in Role::ALL {
        let of_role = || heard.iter().filter(|record| record.role == *role);
        assert_eq!(of_role().count(), total as usize);
        assert_eq!(of_role().map(|it| it.server_bytes).sum::<u64>(), 4 * u64::from(total));
        assert_eq!(of_role().map(|it| it.client_bytes).sum::<u64>(), 0);
        // On a small host the kernel aborts some, so as not to have too many that wait.
        assert!(of_role().all(Record::was_open));
    }
    say_pace(total, asking);
}

#[expect(clippy::print_stdout, reason = "how fast it was is worth knowing")]
fn say_pace(total: u32, took: Duration) {
    println!("{total} connections in {took:.1?}, both ends told of");
}
