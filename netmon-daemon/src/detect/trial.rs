//! What the tests of all detectors share: a host whose seconds are data.

use std::{cell::RefCell, net::IpAddr, time::Duration};

use netmon_common::{
    abi::labels::{CloseReason, Role},
    attempts::Suspect,
};

use super::{Severity, Watch, named};
use crate::{
    attempts::Attempts,
    config::{Config, Domain, NamePrivacy},
    flows::{Chat, End, Flows, Record},
    key::Key,
    names::{Names, Sighting, tests::text::Text},
    redflag::{Board, RedFlag},
    replay,
    signal::Signal,
    site::Site,
    snapshot::{Snapshot, Traffic, Vantage},
    source::scripted::Scripted,
};

/// The worst severity that a detector raises over a script, which says for how
/// many seconds what happens in each. The judgement must be the same wherever
/// the traffic is seen; on loopback, where all that is sent is received as well,
/// it is not the same traffic.
pub(super) fn worst<W: Watch>(
    watch: impl Fn() -> W,
    script: &[(u64, Traffic)],
) -> Option<Severity> {
    let verdicts = [Vantage::Boundary, Vantage::Internal].map(|vantage| {
        let mut snapshots = vec![Snapshot::empty(Duration::ZERO)];
        let seconds = script.iter().flat_map(|(seconds, moved)| (0..*seconds).map(move |_| moved));
        for moved in seconds {
            let mut next = snapshots[snapshots.len() - 1].clone();
            next.at += Duration::from_secs(1);
            next.vantages.of_mut(vantage).add(moved);
            snapshots.push(next);
        }
        let mut board = Board::new(vec![named("trial", watch())]);
        let Ok(outcome) = replay::run(&mut Scripted::new(snapshots), &mut board);
        assert!(outcome.red_flags.iter().all(|flag| flag.site == Site::Vantage(vantage)));
        outcome.red_flags.iter().map(|flag| flag.severity).max()
    });
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    verdicts[0]
}

/// What happens to a host in each of so many seconds.
pub(super) type Script<'a> = &'a [(u64, &'a dyn Fn(&mut Snapshot))];

/// The flags that a detector raises on the host as a whole over a script, where these
/// signals are there to see.
pub(super) fn raised<W: Watch>(watch: W, signals: &[Signal], script: Script<'_>) -> Vec<RedFlag> {
    let mut first = Snapshot::empty(Duration::ZERO);
    for signal in signals {
        first.sources.set(*signal, Some("script"));
    }
    let mut snapshots = vec![first];
    for happens in script.iter().flat_map(|(seconds, it)| (0..*seconds).map(move |_| it)) {
        let mut next = snapshots[snapshots.len() - 1].clone();
        next.at += Duration::from_secs(1);
        happens(&mut next);
        snapshots.push(next);
    }
    let mut board = Board::new(vec![named("trial", watch)]);
    let Ok(outcome) = replay::run(&mut Scripted::new(snapshots), &mut board);
    assert!(outcome.red_flags.iter().all(|flag| flag.site == Site::Host));
    outcome.red_flags
}

/// A host on which clients look names up.
pub(super) struct Lookups(RefCell<Names>);

/// A message, and the number of the client that it comes from or goes to.
pub(super) type Message = (u8, Text);

impl Lookups {
    pub(super) fn new() -> Self {
        Self(RefCell::new(Names::new(NamePrivacy::Plain, &Domain::busy(), Key::FIXED)))
    }

    /// What is said in each second, by its number.
    pub(super) fn say<M: Fn(u64) -> Vec<Message>>(&self, messages: M) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let mut names = self.0.borrow_mut();
            let began = snapshot.at.saturating_sub(Duration::from_secs(1));
            let messages = messages(began.as_secs());
            let pace = Duration::from_secs(1) / u32::try_from(messages.len().max(1)).unwrap_or(1);
            let mut at = began;
            for (client, text) in messages {
                let (client, server) = (IpAddr::from([192, 0, 2, client]), [192, 0, 2, 53].into());
                let message = text.bytes();
                let (message, len) = (&message[..], message.len());
                names.observe(&Sighting { at, client, server, workload: 0, message, len });
                at += pace;
            }
            snapshot.names = Some(names.report(snapshot.at));
        }
    }
}

/// The flags that a detector raises on what is asked for in vain in each of so many seconds.
pub(super) fn over_attempts<W: Watch>(
    watch: W,
    seconds: u64,
    asked: impl Fn(u64) -> Vec<Suspect>,
) -> Vec<RedFlag> {
    let attempts = RefCell::new(Attempts::new(Key::FIXED));
    let ask = |snapshot: &mut Snapshot| {
        let mut attempts = attempts.borrow_mut();
        for suspect in asked(snapshot.at.as_secs()) {
            attempts.observe(snapshot.at, &suspect);
        }
        snapshot.attempts = Some(attempts.report(snapshot.at));
    };
    raised(watch, &[Signal::Attempts, Signal::RefusedDatagrams], &[(seconds, &ask)])
}

/// The worst severity that a detector raises over such seconds, and whether it is still
/// raised after `quiet` seconds without a message.
pub(super) fn over_lookups<W: Watch>(
    watch: W,
    seconds: u64,
    quiet: u64,
    messages: impl Fn(u64) -> Vec<Message>,
) -> (Vec<RedFlag>, Option<Severity>, bool) {
    let lookups = Lookups::new();
    let (busy, silent) = (lookups.say(messages), lookups.say(|_| Vec::new()));
    let script: Script<'_> = &[(seconds, &busy), (quiet, &silent)];
    let flags = raised(watch, &[Signal::DnsNames], script);
    let severity = flags.iter().map(|flag| flag.severity).max();
    let is_active = flags.iter().any(|flag| flag.active);
    (flags, severity, is_active)
}

/// A connection in a second that begins at 0, on which a host was not let in.
pub(super) fn ssh(client: u8) -> Record {
    Record {
        role: Role::Passive,
        client: [192, 0, 2, client].into(),
        client_port: 40_000,
        server: [192, 0, 2, 22].into(),
        service_port: 22,
        workload: 0,
        began: Duration::ZERO,
        ended: Duration::from_millis(300),
        seen_to_open: true,
        handshake: None,
        client_bytes: 1500,
        server_bytes: 2500,
        client_segments: 8,
        server_segments: 9,
        end: End::Closed(CloseReason::Fin),
    }
}

/// The flags that a detector raises over what goes over connections in each of so many
/// seconds, and over so many seconds without anything.
pub(super) fn over_chats<W: Watch>(
    watch: W,
    seconds: u64,
    quiet: u64,
    chats: impl Fn(u64) -> Vec<Chat>,
) -> Vec<RedFlag> {
    let flows = RefCell::new((Flows::new(&Config::default(), Key::FIXED), 0));
    let go_on = |snapshot: &mut Snapshot| {
        let (flows, told) = &mut *flows.borrow_mut();
        while Duration::from_secs(*told + 1) <= snapshot.at {
            let begun = Duration::from_secs(*told);
            let said = if *told < seconds { chats(*told) } else { Vec::new() };
            for chat in said {
                flows.chat(&Chat { from: chat.from + begun, to: chat.to + begun, ..chat });
            }
            *told += 1;
        }
        flows.hear(snapshot.at);
        snapshot.flows = Some(flows.report(snapshot.at));
    };
    raised(watch, &[Signal::OpenConnections], &[(seconds + quiet, &go_on)])
}

/// A connection of this host to a cache, opened for one request.
pub(super) fn redis() -> Record {
    Record {
        role: Role::Active,
        client: [192, 0, 2, 1].into(),
        server: [192, 0, 2, 63].into(),
        service_port: 6379,
        handshake: Some(Duration::from_micros(200)),
        client_bytes: 30,
        server_bytes: 7,
        ..ssh(1)
    }
}

/// The flags that a detector raises over connections that begin in so many seconds, as
/// they end, and over so many seconds without one.
pub(super) fn over_connections<W: Watch>(
    watch: W,
    seconds: u64,
    quiet: u64,
    connections: impl Fn(u64) -> Vec<Record>,
) -> Vec<RedFlag> {
    let mut all: Vec<Record> = Vec::new();
    for at in 0..seconds {
        let begun = Duration::from_secs(at);
        all.extend(connections(at).into_iter().map(|it| Record {
            began: it.began + begun,
            ended: it.ended + begun,
            ..it
        }));
    }
    all.sort_by_key(|record| record.ended);
    let flows =
        RefCell::new((Flows::new(&Config::default(), Key::FIXED), all.into_iter().peekable()));
    let go_on = |snapshot: &mut Snapshot| {
        let (flows, all) = &mut *flows.borrow_mut();
        while let Some(record) = all.next_if(|record| record.ended <= snapshot.at) {
            flows.observe(&record);
        }
        snapshot.flows = Some(flows.report(snapshot.at));
    };
    raised(watch, &[Signal::ConnectionRecords], &[(seconds + quiet, &go_on)])
}
