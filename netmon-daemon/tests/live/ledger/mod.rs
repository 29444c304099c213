//! The ledger of connections: what the hook counted must be what the script did,
//! to the last connection and byte, and what the kernel counted of it.
//!
//! The counters are read without the daemon, so that no scrape is among the
//! connections; `load.rs` does it once with the real daemon. Ports of this test
//! are nobody else's, so other connections of the host do no harm; only bytes are
//! not counted by port, and are compared when nobody else was about.

mod ends;
mod failures;
mod handshakes;
mod load;
mod silence;
mod traps;

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use netmon::{
    config::{Config, Port},
    kernel::{Forbidden, Kernel},
    snapshot::Tcp,
};
use netmon_common::{
    abi::labels::{CloseReason, Direction, FailReason, Role},
    scope::Scope,
};

use crate::{
    deadline::until_ok,
    netns::NetNs,
    requirement::unmet,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, alone},
    statistics,
};

/// The ports of the test, whose counters and histograms are their own.
const PORTS: [u16; 16] = [
    21_400, 21_401, 21_402, 21_403, 21_404, 21_405, 21_406, 21_407, 21_408, 21_409, 21_410, 21_411,
    21_412, 21_413, 21_414, 21_415,
];
/// The one that is used where one is enough.
const PORT: u16 = PORTS[0];

const ADDRESS_6: &str = "fd00::1";
const PEER_ADDRESS_6: &str = "fd00::2";

/// How often a case is played until nobody else on this host ended a connection
/// meanwhile.
const ATTEMPTS: usize = 20;

/// What happened to connections of the ports of this test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ledger {
    opened: [u64; Role::COUNT],
    closed: [[u64; CloseReason::COUNT]; Role::COUNT],
    failed: [u64; FailReason::COUNT],
    /// Handshakes that were timed.
    handshakes: [u64; Role::COUNT],
    /// Connections whose duration is known.
    durations: [u64; Role::COUNT],
}

/// Payload by role and direction.
type Bytes = [[u64; Direction::COUNT]; Role::COUNT];

/// What a case did.
#[derive(Clone, Debug, Default)]
struct Deed {
    ledger: Ledger,
    /// None where the script cannot know.
    bytes: Option<Bytes>,
}

impl Deed {
    /// Nothing that is counted.
    fn nothing() -> Self {
        Self { ledger: Ledger::default(), bytes: Some(Bytes::default()) }
    }

    /// So many connections of which both ends are on this host.
    fn connections(count: u64) -> Self {
        let mut deed = Self::nothing();
        deed.ledger.opened = [count; 2];
        deed.ledger.handshakes = [count; 2];
        deed
    }

    /// They ended so, as each end saw it.
    fn ended(mut self, active: CloseReason, passive: CloseReason) -> Self {
        for (role, reason) in [(Role::Active, active), (Role::Passive, passive)] {
            let count = self.ledger.opened[role.index()];
            self.ledger.closed[role.index()][reason.index()] = count;
            self.ledger.durations[role.index()] = count;
        }
        self
    }

    /// Requests that failed.
    fn failed(count: u64, reason: FailReason) -> Self {
        let mut deed = Self::nothing();
        deed.ledger.failed[reason.index()] = count;
        deed
    }

    /// In all, the active ends sent and received so many bytes.
    fn carried(mut self, sent: u64, received: u64) -> Self {
        let mut bytes = Bytes::default();
        bytes[Role::Active.index()][Direction::Egress.index()] = sent;
        bytes[Role::Active.index()][Direction::Ingress.index()] = received;
        bytes[Role::Passive.index()][Direction::Ingress.index()] = sent;
        bytes[Role::Passive.index()][Direction::Egress.index()] = received;
        self.bytes = Some(bytes);
        self
    }

    /// Nobody knows how many bytes.
    fn whatever_carried(mut self) -> Self {
        self.bytes = None;
        self
    }

    fn and(mut self, other: &Self) -> Self {
        self.ledger.add(&other.ledger);
        self.bytes = self.bytes.zip(other.bytes).map(|(one, other)| {
            let sum = |role: usize| [0, 1].map(|way: usize| one[role][way] + other[role][way]);
            [sum(0), sum(1)]
        });
        self
    }
}

impl Ledger {
    fn add(&mut self, other: &Self) {
        let words = self.words().zip(other.clone().words().map(|word| *word).collect::<Vec<_>>());
        words.for_each(|(word, more)| *word += more);
    }

    fn since(mut self, earlier: &Self) -> Self {
        let earlier: Vec<u64> = earlier.clone().words().map(|word| *word).collect();
        self.words().zip(earlier).for_each(|(word, before)| *word -= before);
        self
    }

    fn words(&mut self) -> impl Iterator<Item = &mut u64> {
        let closed = self.closed.iter_mut().flatten();
        let counts = self.opened.iter_mut().chain(closed).chain(&mut self.failed);
        counts.chain(&mut self.handshakes).chain(&mut self.durations)
    }

    /// What netmon counted of the ports of this test.
    fn read(tcp: &Tcp) -> Self {
        let mut ledger = Self::default();
        for port in PORTS {
            let name = format!("tcp/{port}");
            let service = tcp.services.iter().find(|service| service.name == name).unwrap();
            let mut part = Self::default();
            let events = &service.events;
            for (role, opened) in events.tcp_connections_opened.chunks(Scope::COUNT).enumerate() {
                part.opened[role] = opened.iter().sum();
            }
            let closed = events.tcp_connections_closed.chunks(CloseReason::COUNT);
            for (role, closed) in closed.enumerate() {
                part.closed[role].copy_from_slice(closed);
            }
            let failed = events.tcp_connect_failures.chunks(Scope::COUNT);
            for (reason, failed) in failed.enumerate() {
                part.failed[reason] = failed.iter().sum();
            }
            for (role, times) in service.times.as_ref().unwrap().iter().enumerate() {
                part.handshakes[role] = times.handshakes.nanoseconds.classic.total();
                part.durations[role] = times.lifetimes.nanoseconds.total();
            }
            ledger.add(&part);
        }
        ledger
    }
}

/// What netmon and the kernel counted at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Books {
    ledger: Ledger,
    bytes: Bytes,
    /// Ends of connections that are not of this test.
    foreign: u64,
    /// What netmon expects that the kernel counted of its own namespace, and what
    /// the kernel did count: `ActiveOpens`, `PassiveOpens`, `AttemptFails`.
    home: [u64; 3],
    kernel: [u64; 3],
}

/// A stage with netmon's programs at work, seen from its host.
struct Play {
    _turn: Turn,
    stage: Stage,
    kernel: Kernel,
    start: Books,
    expected: Ledger,
}

impl Play {
    /// Loads the programs.
    fn begin(turn: Turn, stage: Stage) -> Self {
        let mut config = Config::default();
        config.tcp.service_ports = PORTS.map(Port).to_vec();
        let mut kernel = stage.host.enter(|| Kernel::load(&config, &Forbidden::default()));
        let start = Books::read(&mut kernel, &stage.host);
        Self { _turn: turn, stage, kernel, start, expected: Ledger::default() }
    }

    /// Plays a case, and asserts that it was counted as the case says.
    fn case(&mut self, name: &str, act: impl Fn(&Stage) -> Deed) {
        for _ in 0..ATTEMPTS {
            let before = Books::read(&mut self.kernel, &self.stage.host);
            let deed = act(&self.stage);
            self.expected.add(&deed.ledger);
            let after = self.settled(name);
            let Some(bytes) = deed.bytes else { return };
            if after.foreign == before.foreign {
                let moved = [0, 1].map(|role: usize| {
                    [0, 1].map(|way: usize| after.bytes[role][way] - before.bytes[role][way])
                });
                assert_eq!(moved, bytes, "{name}: bytes");
                return;
            }
        }
        unmet(&format!("{name}: others ended connections all the time: bytes were not compared"));
    }

    /// Awaits that everything is counted as it should be.
    fn settled(&mut self, name: &str) -> Books {
        until_ok(name, || {
            let now = Books::read(&mut self.kernel, &self.stage.host);
            let counted = now.ledger.clone().since(&self.start.ledger);
            let since =
                |now: [u64; 3], start: [u64; 3]| [0, 1, 2].map(|at: usize| now[at] - start[at]);
            let home = since(now.home, self.start.home);
            let kernel = since(now.kernel, self.start.kernel);
            if counted != self.expected {
                Err(format!("\n{counted:?} was counted, expected\n{:?}", self.expected))
            } else if home != kernel {
                Err(format!("{home:?} expected of the kernel, which has {kernel:?}"))
            } else {
                Ok(now)
            }
        })
    }
}

impl Books {
    fn read(kernel: &mut Kernel, host: &NetNs) -> Self {
        let stack = statistics::tcp(host);
        let tcp = kernel.snapshot(Duration::ZERO).unwrap().tcp;
        let ledger = Ledger::read(&tcp);
        let ends = |closed: &[u64]| closed.iter().sum::<u64>();
        let all: u64 = tcp.services.iter().map(|it| ends(&it.events.tcp_connections_closed)).sum();
        let events = &tcp.events;
        Self {
            bytes: [Role::Active, Role::Passive].map(|role| {
                [Direction::Ingress, Direction::Egress].map(|way| tcp.carried(role, way).bytes.sum)
            }),
            foreign: all - ledger.closed.iter().flatten().sum::<u64>(),
            ledger,
            home: [
                events.home_requests - events.home_unsent,
                events.home_accepted,
                // Half-open connections have no socket.
                events.home_failed + stack["EmbryonicRsts"],
            ],
            kernel: ["ActiveOpens", "PassiveOpens", "AttemptFails"].map(|name| stack[name]),
        }
    }
}

/// Which namespace asks, which one answers, and where.
#[derive(Clone, Copy)]
struct Way<'a> {
    client: &'a NetNs,
    server: &'a NetNs,
    address: IpAddr,
}

/// Either namespace asks the other.
fn both_ways(stage: &Stage) -> [Way<'_>; 2] {
    let way =
        |client, server, address: &str| Way { client, server, address: address.parse().unwrap() };
    [way(&stage.peer, &stage.host, ADDRESS), way(&stage.host, &stage.peer, PEER_ADDRESS)]
}

/// The same over IPv6.
fn both_ways_6(stage: &Stage) -> [Way<'_>; 2] {
    let [one, other] = both_ways(stage);
    let over = |way, address: &str| Way { address: address.parse().unwrap(), ..way };
    [over(one, ADDRESS_6), over(other, PEER_ADDRESS_6)]
}

impl Way<'_> {
    fn at(&self, port: u16) -> SocketAddr {
        (self.address, port).into()
    }

    fn listen(&self) -> TcpListener {
        self.server.enter(|| TcpListener::bind(self.at(PORT)).unwrap())
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        self.client.enter(|| TcpStream::connect(self.at(PORT)))
    }

    /// Opens connections one after the other, does something with the client's and
    /// the server's end of each, and returns how many there were.
    fn for_each(&self, mut act: impl FnMut(TcpStream, TcpStream)) -> u64 {
        const CONNECTIONS: u64 = 8;
        let listener = self.listen();
        for _ in 0..CONNECTIONS {
            let client = self.connect().unwrap();
            let (server, _) = listener.accept().unwrap();
            act(client, server);
        }
        CONNECTIONS
    }
}

/// The right to use the ports, while no other live test opens connections.
struct Turn(#[expect(dead_code, reason = "held")] File);

impl Turn {
    fn take() -> Self {
        Self(alone())
    }
}

/// A stage whose namespaces reach each other over both IP versions.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.host.ip_batch(&format!("address add {ADDRESS_6}/64 dev {DEVICE} nodad\n"));
    stage.peer.ip_batch(&format!("address add {PEER_ADDRESS_6}/64 dev {PEER_DEVICE} nodad\n"));
    stage
}

/// An IPv4 address in a socket of IPv6.
fn mapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V6(Ipv4Addr::to_ipv6_mapped(&address)),
        IpAddr::V6(_) => address,
    }
}
