//! What is asked for by DNS: which names are new, which do not exist, which are asked
//! for again although the answer still holds.
//!
//! The same code judges messages of this host and of captures, in the time of the
//! messages. Tables of a fixed size are all that it has: they are allocated once, what
//! does not fit is counted, and what stays is what keeps coming. Names are kept as keyed
//! hashes; text is kept only where the configuration wants to see it, and of registered
//! domains alone.
//!
//! Must not know a threshold: what it reports, detectors judge. Invariant: all tables
//! together take at most [`MAX_BYTES`], whatever is asked.

mod allowed;
mod below;
mod counts;
mod expansion;
mod failing;
mod name;
mod pairs;
mod repeats;
pub mod report;
mod reporting;
mod seen;
mod shown;
mod slow;
#[cfg(test)]
pub(crate) mod tests;

use std::{net::IpAddr, sync::Arc, time::Duration};

use netmon_common::dns::{Malformed, Message, Section};

pub use self::report::Report;
use self::{
    allowed::Allowed,
    expansion::{Question, Waiting},
    failing::{Answer, Clients},
    name::Lower,
    pairs::{Asked, Pairs},
    repeats::{Lookup, Repeats},
    report::SlowTunnel,
    shown::Shown,
    slow::Domains,
};
use crate::{
    config::{Config, Domain, NamePrivacy},
    key::{Dice, Key},
    octets::octets,
};

/// What all tables may take together.
pub const MAX_BYTES: usize = 1_310_720;

/// Records of a message that are read. Answers that hold for a time have few, and who
/// sends more of them wants to keep readers busy.
const MAX_RECORDS: usize = 32;

const NXDOMAIN: u8 = 3;
const SOA: u16 = 6;
/// Whole zones: one name, asked for by servers.
const IXFR: u16 = 251;
const AXFR: u16 = 252;

/// One DNS message, as the kernel or a capture shows it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// When: monotonic, or the time of the packet.
    pub at: Duration,
    /// Who asks: of a response, its destination.
    pub client: IpAddr,
    /// Who is asked.
    pub server: IpAddr,
    /// Control group of the socket that asked, 0 where it is not known.
    pub workload: u64,
    /// Its first bytes, at least as many as its header and question have.
    pub message: &'a [u8],
    /// How long it is.
    pub len: usize,
}

/// What is remembered of names.
#[derive(Debug)]
pub struct Names {
    key: Key,
    privacy: NamePrivacy,
    dice: Dice,
    allowed: Allowed,
    shown: Shown,
    pairs: Pairs,
    domains: Domains,
    waiting: Waiting,
    clients: Clients,
    repeats: Repeats,
    workloads: counts::Workloads,
    malformed: [u64; Malformed::COUNT],
    messages: u64,
    /// The time of the last message or report.
    now: Duration,
    /// The second of the last message for which failures were settled.
    settled: u32,
    slow: Vec<SlowTunnel>,
    /// When slow things were last looked at, in tens of seconds.
    slow_at: Option<u32>,
    /// The last report and its second.
    last: Option<(u32, Arc<Report>)>,
}

/// A message and what is known of its name.
struct Seen<'a> {
    sighting: &'a Sighting<'a>,
    second: u32,
    tenth: u32,
    is_query: bool,
    id: u16,
    kind: u16,
    name: Lower,
    /// The registered domain, and its hash.
    domain: Option<(usize, u32)>,
}

impl Names {
    /// What a configuration wants to remember; none where that is nothing.
    pub fn of(config: &Config, key: Key) -> Option<Self> {
        let privacy = config.dns.names;
        (privacy != NamePrivacy::Off)
            .then(|| Self::new(privacy, &config.detectors.dns_tunnel.allow, key))
    }

    /// Nothing seen yet. Below the domains of `allow` nothing is taken for a tunnel.
    pub fn new(privacy: NamePrivacy, allow: &[Domain], key: Key) -> Self {
        Self {
            key,
            privacy,
            dice: key.dice(),
            allowed: Allowed::new(allow),
            shown: Shown::new(privacy),
            pairs: Pairs::new(),
            domains: Domains::new(),
            waiting: Waiting::new(),
            clients: Clients::new(),
            repeats: Repeats::new(),
            workloads: counts::Workloads::new(),
            malformed: [0; Malformed::COUNT],
            messages: 0,
            now: Duration::ZERO,
            settled: 0,
            slow: Vec::new(),
            slow_at: None,
            last: None,
        }
    }

    /// Takes over a configuration that does not turn names off. What was seen stays.
    pub fn configure(&mut self, config: &Config) {
        self.allowed = Allowed::new(&config.detectors.dns_tunnel.allow);
        if self.privacy != config.dns.names {
            self.privacy = config.dns.names;
            self.shown = Shown::new(self.privacy);
        }
    }

    /// Bytes that all tables take.
    pub fn bytes(&self) -> usize {
        self.pairs.bytes()
            + self.domains.bytes()
            + self.waiting.bytes()
            + self.clients.bytes()
            + self.repeats.bytes()
            + self.shown.bytes()
            + self.workloads.bytes()
    }

    /// Takes note of a message. One that is damaged before its records is passed over:
    /// the kernel counts those.
    pub fn observe(&mut self, sighting: &Sighting<'_>) {
        let Ok(message) = Message::new(sighting.message) else { return };
        let is_ordinary = message.opcode() == 0 && message.claimed_questions() == 1;
        let Some(question) = message.question().ok().flatten().filter(|_| is_ordinary) else {
            return;
        };
        self.messages += 1;
        // Messages of two processors may overtake each other.
        self.now = self.now.max(sighting.at);
        let name = Lower::read(question.name);
        let domain = name.domain().map(|first| (first, shown::domain(name.from(first), &self.key)));
        let seen = Seen {
            sighting,
            second: whole(u128::from(self.now.as_secs())),
            tenth: whole(self.now.as_millis() / 100),
            is_query: !message.is_response(),
            id: message.id(),
            kind: question.kind,
            name,
            domain,
        };
        self.settle(seen.second, seen.tenth);
        let ttl = self.walk(&message, sighting.message.len() < sighting.len);
        let lookup = self.lookup(&seen);
        let is_known = if seen.is_query {
            self.ask(&seen, &lookup)
        } else {
            self.repeats.answer(&lookup, ttl)
        };
        let below = self.look_for_tunnels(&seen, is_known);
        if !seen.is_query {
            let is_about = below.is_some_and(|below| below.is_about);
            self.answer(&seen, message.rcode(), !is_about && !seen.name.is_reverse());
        }
    }

    /// Looks for damage, and for how many seconds the answer holds.
    fn walk(&mut self, message: &Message<'_>, is_cut: bool) -> Option<u32> {
        let (mut positive, mut negative) = (None::<u32>, None::<u32>);
        for record in message.records().take(MAX_RECORDS) {
            match record {
                Ok(record) if record.section == Section::Answer => {
                    positive = Some(positive.map_or(record.ttl, |least| least.min(record.ttl)));
                }
                Ok(record) if record.section == Section::Authority && record.kind == SOA => {
                    let minimum = record.data.last_chunk().map(|it| u32::from_be_bytes(*it));
                    negative = minimum.map(|minimum| minimum.min(record.ttl));
                }
                Ok(_) => {}
                // What we cut off is no damage.
                Err(Malformed::Cut) if is_cut => break,
                Err(damage) => {
                    if let Some(count) = self.malformed.get_mut(damage.index()) {
                        *count += 1;
                    }
                    break;
                }
            }
        }
        let is_whole = !message.is_truncated() && matches!(message.rcode(), 0 | NXDOMAIN);
        // RFC 2181, section 8: with the upper bit set it is 0.
        positive.or(negative).filter(|ttl| is_whole && (1..=1 << 31).contains(ttl))
    }

    /// Tells what stands below the registered domain. A name that the client looked up
    /// before carries nothing.
    fn look_for_tunnels(&mut self, seen: &Seen<'_>, is_known: bool) -> Option<below::Below> {
        let (first, domain) = seen.domain?;
        let below = below::below(&seen.name, first, &self.key);
        let is_transfer = matches!(seen.kind, IXFR | AXFR);
        let is_passed_over = below.len == 0 || is_transfer || seen.name.is_reverse();
        if is_passed_over || self.allowed.has(&seen.name) {
            return Some(below);
        }
        let Sighting { client, server, .. } = *seen.sighting;
        let asked = Asked {
            second: seen.second,
            client,
            server,
            domain,
            below,
            kind: seen.kind,
            is_query: seen.is_query,
            is_known,
        };
        let mut is_notable = self.pairs.observe(&asked, &self.key, &mut self.dice);
        if seen.is_query {
            let query = (below, seen.kind, is_policy(&seen.name));
            is_notable |= self.domains.observe(domain, seen.second, client, query, &mut self.dice);
        }
        if is_notable {
            self.shown.keep(domain, seen.name.from(first));
        }
        Some(below)
    }

    /// Takes note of a query. Tells whether the client looked it up before.
    fn ask(&mut self, seen: &Seen<'_>, lookup: &Lookup) -> bool {
        let is_expansion = self.waiting.goes_on(&Self::question(seen), &self.key);
        let known = self.repeats.ask(lookup, is_expansion, &self.key, &mut self.dice);
        if known.holds || is_expansion {
            self.workloads.count(seen.sighting.workload, known.holds, is_expansion);
            if let Some((first, domain)) = seen.domain {
                self.shown.keep(domain, seen.name.from(first));
            }
        }
        known.is_known
    }

    /// Takes note of an answer. One about an address or somebody else's domain counts as
    /// none, but may be the try of a search list.
    fn answer(&mut self, seen: &Seen<'_>, rcode: u8, counts: bool) {
        let Sighting { client, server, .. } = *seen.sighting;
        let second = seen.second;
        let answer = match rcode {
            0 if counts => Some(Answer { second, client, server, failed: None }),
            NXDOMAIN => {
                if let Some((first, domain)) = seen.domain {
                    self.shown.keep(domain, seen.name.from(first));
                }
                let mut question = Self::question(seen);
                question.domain = if counts { question.domain } else { 0 };
                self.waiting.fail(&question, &self.key)
            }
            _ => None,
        };
        if let Some(answer) = answer {
            self.clients.observe(&answer, &self.key, &mut self.dice);
        }
    }

    fn question<'a>(seen: &'a Seen<'_>) -> Question<'a> {
        let domain = seen.domain.filter(|_| !seen.name.is_private());
        Question {
            tenth: seen.tenth,
            client: seen.sighting.client,
            server: seen.sighting.server,
            name: &seen.name,
            kind: seen.kind,
            domain: domain.map_or(0, |(_, domain)| domain),
        }
    }

    fn lookup(&self, seen: &Seen<'_>) -> Lookup {
        let client = octets(seen.sighting.client);
        Lookup {
            tenth: seen.tenth,
            client: seen.sighting.client,
            server: seen.sighting.server,
            workload: seen.sighting.workload,
            id: seen.id,
            hash: self.key.hash(&[&client, seen.name.from(0), &seen.kind.to_be_bytes()]),
            domain: seen.domain.map_or(0, |(_, domain)| domain),
        }
    }

    /// Counts failures that were not the first try of anything.
    fn settle(&mut self, second: u32, tenth: u32) {
        if second == self.settled {
            return;
        }
        self.settled = second;
        let (clients, key, dice) = (&mut self.clients, &self.key, &mut self.dice);
        self.waiting.settle(tenth, |answer| clients.observe(answer, key, dice));
    }
}

/// Whether a name publishes a rule of mail or proves a domain to somebody: rightly TXT.
fn is_policy(name: &Lower) -> bool {
    let rules: [&[u8]; 7] =
        [b"_domainkey", b"_dmarc", b"_spf", b"_report", b"_mta-sts", b"_tls", b"_acme-challenge"];
    (0..name.labels()).any(|at| rules.contains(&name.label(at)))
}

/// Time as a number of 32 bits, which is enough for a century.
fn whole(time: u128) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}
