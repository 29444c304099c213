//! Who claims which address, and what changes about it.
//!
//! Must not take a first sight for a change. Invariant: at most [`MOST_NEIGHBOURS`] are
//! remembered, the gateways before all others, and at most [`MOST_CHANGES`] changes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use super::Hardware;

/// How many neighbours are remembered.
const MOST_NEIGHBOURS: usize = 1024;

/// How many changes are remembered, and for how long.
const MOST_CHANGES: usize = 64;
const KEEP: Duration = Duration::from_secs(300);

/// How old a change must be to be told: that its link was down meanwhile may be known a
/// moment later.
const SETTLED: Duration = Duration::from_secs(1);

/// A neighbour: the index of the link, and its address there.
type Neighbour = (u32, IpAddr);

/// What is known of the neighbours.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    known: BTreeMap<Neighbour, Claim>,
    gateways: BTreeSet<Neighbour>,
    /// Oldest first.
    changes: VecDeque<Change>,
    report: Arc<Report>,
    /// When that was.
    reported: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    hardware: Hardware,
    last: Duration,
}

/// An address that went from one hardware address to another, and is that of a gateway or
/// went to that of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Duration,
    /// Index of the link.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
    /// Who had it.
    pub was: Hardware,
    /// Who has it.
    pub now: Hardware,
    /// Whether it is the address of a gateway.
    pub is_gateway: bool,
    /// How many addresses of this IP version on the link whoever has it claims now.
    pub claimed: u64,
}

/// What changed within the last five minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Oldest first.
    pub changes: Vec<Change>,
}

impl Claims {
    /// Somebody on a link claims an address.
    pub fn claim(&mut self, at: Duration, link: u32, address: IpAddr, hardware: Hardware) {
        let neighbour = (link, address);
        let Some(claim) = self.known.get_mut(&neighbour) else {
            self.make_room();
            self.known.insert(neighbour, Claim { hardware, last: at });
            return;
        };
        claim.last = at;
        let was = std::mem::replace(&mut claim.hardware, hardware);
        if was == hardware {
            return;
        }
        let is_gateway = self.gateways.contains(&neighbour);
        if is_gateway || self.is_of_a_gateway(link, address, hardware) {
            let claimed = self.of_link(link, address).filter(|(_, it)| it.hardware == hardware);
            let claimed = claimed.count() as u64;
            let now = hardware;
            self.changes.push_back(Change { at, link, address, was, now, is_gateway, claimed });
            if self.changes.len() > MOST_CHANGES {
                self.changes.pop_front();
            }
        }
    }

    /// These are the gateways now. One that is a neighbour already was seen before.
    pub fn set_gateways(&mut self, gateways: impl IntoIterator<Item = (u32, IpAddr)>) {
        self.gateways = gateways.into_iter().take(MOST_NEIGHBOURS / 2).collect();
    }

    /// One more gateway.
    pub fn add_gateway(&mut self, link: u32, address: IpAddr) {
        if self.gateways.len() < MOST_NEIGHBOURS / 2 {
            self.gateways.insert((link, address));
        }
    }

    /// The addresses on a link that somebody claims.
    pub fn addresses(&self, link: u32, hardware: Hardware) -> impl Iterator<Item = IpAddr> {
        let of_link = self.known.iter().filter(move |((it, _), _)| *it == link);
        let its = of_link.filter(move |(_, claim)| claim.hardware == hardware);
        its.map(|((_, address), _)| *address)
    }

    /// Forgets who was on a link: it may lead to another network now. What was not told yet
    /// of it may be the difference between the two.
    pub fn forget(&mut self, link: u32) {
        self.known.retain(|(it, _), _| *it != link);
        let told = |it: &Change| it.at.saturating_add(SETTLED) <= self.reported;
        self.changes.retain(|it| it.link != link || told(it));
    }

    /// What changed up to now.
    pub fn report(&mut self, now: Duration) -> Arc<Report> {
        while self.changes.front().is_some_and(|it| now.saturating_sub(it.at) >= KEEP) {
            self.changes.pop_front();
        }
        // Nearly always there is nothing to say, and nothing to allocate.
        self.reported = now;
        let settled = self.changes.iter().filter(|it| it.at.saturating_add(SETTLED) <= now);
        if !settled.clone().eq(&self.report.changes) {
            self.report = Arc::new(Report { changes: settled.copied().collect() });
        }
        Arc::clone(&self.report)
    }

    /// Forgets the neighbours that were silent for longest, if it must be: some at once, so
    /// that a flood of them costs little each. Gateways are kept.
    fn make_room(&mut self) {
        if self.known.len() < MOST_NEIGHBOURS {
            return;
        }
        let others = self.known.iter().filter(|(it, _)| !self.gateways.contains(it));
        let mut others: Vec<_> = others.map(|(it, claim)| (claim.last, *it)).collect();
        others.sort_unstable();
        for (_, neighbour) in others.into_iter().take(MOST_NEIGHBOURS / 8) {
            self.known.remove(&neighbour);
        }
    }

    /// Whether a gateway on this link that speaks this IP version has this hardware address.
    fn is_of_a_gateway(&self, link: u32, address: IpAddr, hardware: Hardware) -> bool {
        let mut claims = self.of_link(link, address);
        claims.any(|(it, claim)| claim.hardware == hardware && self.gateways.contains(it))
    }

    /// The neighbours on a link of the IP version of an address.
    fn of_link(&self, link: u32, address: IpAddr) -> impl Iterator<Item = (&Neighbour, &Claim)> {
        let like = move |it: &IpAddr| it.is_ipv4() == address.is_ipv4();
        self.known.iter().filter(move |((on, it), _)| *on == link && like(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: u8 = 1;
    const HOST: u8 = 7;
    const OTHER: u8 = 9;

    fn hardware(last: u8) -> Hardware {
        Hardware([2, 0, 0, 0, 0, last])
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// What happens: a claim of an address by a host, a link that is forgotten.
    enum Event {
        Claim(u8, u8),
        Forget,
    }

    /// Address, from whom, to whom, whether it is the gateway, how many addresses the
    /// newcomer claims.
    type Row = (IpAddr, u8, u8, bool, u64);
    type Case<'a> = (&'a str, &'a [Event], &'a [Row]);

    /// The changes that come of events, one a second.
    fn changes(events: &[Event]) -> Vec<Row> {
        let mut claims = Claims::default();
        claims.set_gateways([(3, address(ROUTER))]);
        let mut now = Duration::ZERO;
        for event in events {
            now += Duration::from_secs(1);
            match event {
                Event::Claim(last, by) => claims.claim(now, 3, address(*last), hardware(*by)),
                Event::Forget => claims.forget(3),
            }
        }
        let report = claims.report(now + SETTLED);
        let last = |it: Hardware| it.0[5];
        let row = |it: &Change| (it.address, last(it.was), last(it.now), it.is_gateway, it.claimed);
        report.changes.iter().map(row).collect()
    }

    #[test]
    fn what_changes_about_gateways() {
        use Event::{Claim, Forget};
        let gateway = address(ROUTER);
        let cases: [Case<'_>; 10] = [
            ("nothing", &[], &[]),
            ("first sight", &[Claim(ROUTER, 1), Claim(HOST, 7), Claim(OTHER, 9)], &[]),
            ("again and again", &[Claim(ROUTER, 1), Claim(ROUTER, 1), Claim(ROUTER, 1)], &[]),
            ("a host gets another card", &[Claim(ROUTER, 1), Claim(HOST, 7), Claim(HOST, 8)], &[]),
            (
                "a failover to another router",
                &[Claim(ROUTER, 1), Claim(ROUTER, 2)],
                &[(gateway, 1, 2, true, 1)],
            ),
            (
                "a host takes the gateway over, and it comes back",
                &[Claim(ROUTER, 1), Claim(HOST, 7), Claim(ROUTER, 7), Claim(ROUTER, 1)],
                &[(gateway, 1, 7, true, 2), (gateway, 7, 1, true, 1)],
            ),
            (
                "the router takes a host over",
                &[Claim(ROUTER, 1), Claim(HOST, 7), Claim(HOST, 1)],
                &[(address(HOST), 7, 1, false, 2)],
            ),
            (
                "a router of two addresses",
                &[Claim(ROUTER, 1), Claim(HOST, 1), Claim(ROUTER, 1)],
                &[],
            ),
            ("another network", &[Claim(ROUTER, 1), Forget, Claim(ROUTER, 5)], &[]),
            (
                "the same, of which is known late",
                &[Claim(ROUTER, 1), Claim(ROUTER, 5), Forget],
                &[],
            ),
        ];
        for (name, events, expected) in cases {
            assert_eq!(changes(events), expected, "{name}");
        }
    }

    #[test]
    fn links_and_versions_are_apart() {
        let mut claims = Claims::default();
        let v6: IpAddr = "fe80::1".parse().unwrap_or(address(0));
        claims.set_gateways([(3, address(ROUTER)), (3, v6)]);
        let second = Duration::from_secs;
        claims.claim(second(1), 3, address(ROUTER), hardware(1));
        claims.claim(second(1), 3, v6, hardware(1));
        claims.claim(second(1), 4, address(ROUTER), hardware(5));
        claims.claim(second(1), 4, address(HOST), hardware(7));
        // The address of the gateway on another link, and a host there with its card.
        claims.claim(second(2), 4, address(ROUTER), hardware(6));
        claims.claim(second(2), 4, address(HOST), hardware(1));
        assert_eq!(claims.report(second(3)).changes, []);
        claims.claim(second(3), 3, v6, hardware(8));
        let report = claims.report(second(4));
        assert_eq!(report.changes.iter().map(|it| it.address).collect::<Vec<_>>(), [v6]);
        assert_eq!(claims.report(second(302)).changes.len(), 1);
        assert_eq!(claims.report(second(303)).changes, [], "five minutes later");
    }

    #[test]
    fn a_flood_of_neighbours_does_not_hide_the_gateway() {
        let mut claims = Claims::default();
        claims.set_gateways([(3, address(ROUTER))]);
        claims.claim(Duration::ZERO, 3, address(ROUTER), hardware(1));
        for number in 0..100_000_u32 {
            let at = Duration::from_millis(u64::from(number));
            claims.claim(at, 3, IpAddr::from((0x0a00_0000 + number).to_be_bytes()), hardware(7));
        }
        assert!((MOST_NEIGHBOURS * 7 / 8..=MOST_NEIGHBOURS).contains(&claims.known.len()));
        for flap in 0..200 {
            claims.claim(Duration::from_secs(100), 3, address(ROUTER), hardware(flap));
        }
        assert_eq!(claims.report(Duration::from_secs(101)).changes.len(), MOST_CHANGES);
        claims.set_gateways((0..10_000_u32).map(|n| (3, IpAddr::from(n.to_be_bytes()))));
        assert_eq!(claims.gateways.len(), MOST_NEIGHBOURS / 2);
    }
}
