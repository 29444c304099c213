//! The attempts of a capture, by the rules and with the tables of the programs.

use std::{sync::Arc, time::Duration};

use netmon_common::{
    abi::{attempts::AttemptEvents, labels::IcmpClass},
    attempts::{
        Attempt, BANKS, Crowd, Keys, Ledger, Popularity, Probe, SUSPECTS, Suspect, TAGS, To,
        answer, ask, is_of, octets, refuse,
    },
    bytes::Bytes as _,
    packet::{self, Link, Packet},
    scope::{Scope, of_ipv6},
};

use crate::attempts::{Attempts as Sources, Report};

/// Windows are this long, and answers may come as long after the end of one.
const WINDOW: Duration = Duration::from_secs(1);
const SETTLED: Duration = Duration::from_millis(700);

/// By what attempts are hashed.
const KEYS: Keys = super::keys();

/// Who asks whom, and who remembers it.
pub(super) struct Attempts {
    book: Book,
    sources: Sources,
    /// The first window that was not handed on yet.
    next: u32,
}

/// The tables, in memory.
struct Book {
    window: u32,
    popularity: Box<Popularity>,
    crowd: Crowd,
    tags: Vec<[u64; TAGS]>,
    suspects: Vec<Suspect>,
    events: AttemptEvents,
}

impl Attempts {
    /// Nobody asked for anything yet.
    pub(super) fn new() -> Self {
        let book = Book {
            window: 1,
            popularity: Box::new(Popularity::EMPTY),
            crowd: Crowd::EMPTY,
            tags: vec![[0; TAGS]; BANKS as usize],
            suspects: vec![Suspect::NOBODY; SUSPECTS * BANKS as usize],
            events: AttemptEvents::ZERO,
        };
        Self { book, sources: Sources::new(crate::key::Key::FIXED), next: 1 }
    }

    /// Follows a packet.
    pub(super) fn follow(&mut self, at: Duration, packet: Packet, bytes: &[u8], link: Link) {
        let Some(network) = packet::network(bytes, link) else { return };
        let version_6 = packet.version_6() == 1;
        if packet.icmp_class() == Some(IcmpClass::Unreachable) {
            if let Some(attempt) = refused(bytes, network.at, version_6) {
                self.turn(at);
                refuse(&mut self.book, &attempt);
            }
            return;
        }
        let Some(probe) = Probe::of(packet) else { return };
        let Some(attempt) = Attempt::read(bytes, network.at, version_6, probe) else { return };
        self.turn(at);
        let own = is_own(&attempt);
        match probe {
            Probe::Answer => {
                let to = if own { To::Own } else { To::Outside };
                answer(&mut self.book, &attempt, to);
            }
            Probe::Request | Probe::Stealth => {
                ask(&mut self.book, &attempt, own, probe == Probe::Stealth, 0);
            }
        }
    }

    /// Begins the window in which this time is.
    fn turn(&mut self, at: Duration) {
        // The table of this window is that of the one before the last.
        self.settle(number(at).saturating_sub(1));
        self.book.window = number(at);
    }

    /// Who asks in vain at a moment.
    pub(super) fn report(&mut self, at: Duration) -> Arc<Report> {
        self.settle(number(at.saturating_sub(SETTLED)));
        self.sources.sum_up(&self.book.events);
        self.sources.report(at)
    }

    /// Hands on what was asked for in all windows before this one.
    fn settle(&mut self, window: u32) {
        // Nobody asked after the window of the last attempt, however long ago that is: its
        // table and the one before still stand.
        let asked = self.book.window + 1;
        for window in self.next.max(asked.saturating_sub(BANKS))..window.min(asked) {
            let bank = usize::from(window % 2 == 1);
            let end = WINDOW * window;
            self.sources.ask_all(end, &self.book.crowd.of(window));
            for at in 0..SUSPECTS {
                if is_of(self.book.tags[bank][at], window) {
                    self.sources.observe(end, &self.book.suspects[bank * SUSPECTS + at]);
                }
            }
        }
        self.next = self.next.max(window);
    }
}

impl Ledger for Book {
    fn window(&self) -> u32 {
        self.window
    }

    fn keys(&self) -> &Keys {
        &KEYS
    }

    fn popularity(&mut self) -> Option<&mut Popularity> {
        Some(&mut self.popularity)
    }

    fn crowd(&mut self) -> Option<&mut Crowd> {
        Some(&mut self.crowd)
    }

    fn tags(&mut self, bank: u32) -> Option<&mut [u64; TAGS]> {
        self.tags.get_mut(bank as usize)
    }

    fn suspect(&mut self, bank: u32, at: usize) -> Option<&mut Suspect> {
        self.suspects.get_mut(bank as usize * SUSPECTS + at)
    }

    fn events(&mut self) -> Option<&mut AttemptEvents> {
        Some(&mut self.events)
    }
}

/// The datagram that was answered with ICMP port unreachable, whose IP header stands here. The
/// kernel says more: it limits these answers.
fn refused(bytes: &[u8], network: usize, version_6: bool) -> Option<Attempt> {
    let (message, refusal) = if version_6 {
        (network + IPV6_LEN, PORT_UNREACHABLE_V6)
    } else {
        (network + usize::from(bytes.byte(network)? & 0xf) * 4, PORT_UNREACHABLE_V4)
    };
    let [kind, code] = bytes.array(message)?;
    let attempt = Attempt::read_datagram(bytes, message + ICMP_LEN, version_6)?;
    ([kind, code] == refusal).then_some(attempt)
}

/// Lengths of headers, in bytes.
const IPV6_LEN: usize = 40;
const ICMP_LEN: usize = 8;
/// Type and code of ICMP port unreachable (RFC 792 and RFC 4443, section 3.1).
const PORT_UNREACHABLE_V4: [u8; 2] = [3, 3];
const PORT_UNREACHABLE_V6: [u8; 2] = [1, 4];

/// The number of the window in which this time is, from 1.
fn number(at: Duration) -> u32 {
    u32::try_from(at.as_secs() / WINDOW.as_secs() + 1).unwrap_or(u32::MAX)
}

/// Whether one who asks counts as inside, for a capture does not say where it was made: he
/// does if he is closer than whom he asks.
fn is_own(attempt: &Attempt) -> bool {
    let [client, server] = [attempt.client, attempt.server].map(|words| of_ipv6(&octets(words)));
    client != Scope::Public && server == Scope::Public
}
