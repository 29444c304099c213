//! Somebody else answers for the address of the gateway.
//!
//! Which hardware address has which IP address is the kernel's to say, which follows ARP
//! and neighbour discovery anyway; in a capture, ARP says it.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use super::{Verdict, Watch};
use crate::{
    config::section::section,
    neighbours::Change,
    rates::HostRates,
    signal::Signal,
};

section! {
    /// The address of the gateway went to another hardware address.
    ///
    /// Whoever answers for the gateway sees all that leaves the network. A change of the
    /// default gateway is critical; that the gateway takes over the address of another
    /// host is a warning. What is seen for the first time is no change, nor is what is
    /// behind a device after it was down, nor a failover that keeps the hardware address
    /// (VRRP, HSRP, CARP). At most 1,024 neighbours are remembered. In a capture the
    /// gateway is whoever forwards packets from public addresses and says by ARP where it
    /// is. That somebody else claims an address of this host is not seen: the kernel makes
    /// no neighbour of it. Known false positives: routers that fail over to another
    /// hardware address and announce that by gratuitous ARP, a router that is replaced,
    /// proxy ARP, and a cloud or hypervisor that moves the gateway.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Changes of one address within 5 minutes for a warning.
        warning: f64 = 1.0, in 1.0..=1000.0;
        /// Changes of the gateway within 5 minutes for a critical flag.
        critical: f64 = 1.0, in 1.0..=1000.0;
    }
}

/// How long the neighbours remember a change.
const WINDOW: Duration = Duration::from_secs(300);

/// How many addresses are spoken of at most.
const NAMED: usize = 8;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::Neighbours]];
    const SPAN: Duration = WINDOW;

    fn thresholds(&self) -> [f64; 2] {
        [self.warning, self.critical]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.neighbours() else { return vec![Verdict::blind()] };
        let mut by_address: BTreeMap<IpAddr, Vec<&Change>> = BTreeMap::new();
        for change in &report.changes {
            by_address.entry(change.address).or_default().push(change);
        }
        let mut verdicts: Vec<_> = by_address.values().filter_map(|it| self.judge_address(it)).collect();
        verdicts.sort_by(|one, other| other.critical.total_cmp(&one.critical));
        verdicts.truncate(NAMED);
        verdicts
    }
}

impl Config {
    /// Judges the changes of one address, oldest first.
    fn judge_address(&self, changes: &[&Change]) -> Option<Verdict> {
        let last = changes.last()?;
        let Change { address, was, now, claimed, .. } = **last;
        let of_gateway = changes.iter().filter(|it| it.is_gateway).count();
        let (count, critical, what) = if of_gateway > 0 {
            (of_gateway, self.critical, "the gateway")
        } else {
            (changes.len(), f64::INFINITY, "a neighbour, now that of the gateway,")
        };
        let detail = format!(
            "the hardware address of {what} {address} was {was} and is {now}, which claims \
             {claimed} addresses; {count} changes in 5 minutes"
        );
        let verdict = Verdict::of_count(count as u64, [self.warning, critical], detail);
        let evidence = [("changes", count as u64), ("claimed_addresses", claimed)];
        Some(verdict.about(address).because(evidence))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::Arc};

    use super::*;
    use crate::{
        detect::{
            Severity,
            trial::{Script, raised},
        },
        neighbours::{Claims, Hardware},
        redflag::RedFlag,
        snapshot::Snapshot,
    };

    const SEEN: &[Signal] = &[Signal::Neighbours];
    const ROUTER: u8 = 1;

    /// Who (by card) claims what (by the last byte of the address).
    type Said = &'static [(u8, u8)];
    /// What is said in three turns, and what is raised for whom.
    type Case = (&'static str, [Said; 3], Option<Severity>, Option<&'static str>);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// What a host with a gateway is told in each second: who (by card) claims what.
    fn told(claims: &RefCell<Claims>, said: Said) -> impl Fn(&mut Snapshot) + '_ {
        move |snapshot| {
            let mut claims = claims.borrow_mut();
            claims.set_gateways([(3, address(ROUTER))]);
            for (card, last) in said {
                let card = Hardware([2, 0, 0, 0, 0, *card]);
                claims.claim(snapshot.at, 3, address(*last), card);
            }
            snapshot.neighbours = Some(claims.report(snapshot.at));
        }
    }

    #[test]
    fn gateways_that_change() {
        let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
        let cases: [Case; 5] = [
            ("nobody", [&[], &[], &[]], None, None),
            ("first sight", [&[], &[(1, 1)], &[(1, 1), (7, 7)]], None, None),
            ("a host with another card", [&[(1, 1), (7, 7)], &[(8, 7)], &[]], None, None),
            ("the gateway", [&[(1, 1), (7, 7)], &[(7, 1)], &[]], critical, Some("192.0.2.1")),
            ("a host", [&[(1, 1), (7, 7)], &[(1, 7)], &[(7, 7)]], warning, Some("192.0.2.7")),
        ];
        for (name, said, severity, subject) in cases {
            let claims = RefCell::default();
            let [first, then, last] = said.map(|said| told(&claims, said));
            let script: Script<'_> = &[(5, &first), (1, &then), (5, &last)];
            let flags = raised(Config::default(), SEEN, script);
            assert_eq!(flags.iter().map(|flag| flag.severity).max(), severity, "{name}");
            assert_eq!(flags.first().map(RedFlag::subject), subject, "{name}");
        }
    }

    #[test]
    fn a_flag_says_who_and_passes() {
        let claims = RefCell::default();
        let seconds = [&[(1, 1), (7, 7)][..], &[(7, 1)], &[(1, 1)], &[]];
        let [usual, taken, back, silence] = seconds.map(|said| told(&claims, said));
        let script: Script<'_> = &[(5, &usual), (1, &taken), (1, &back), (1000, &silence)];
        let flags = raised(Config::default(), SEEN, script);
        let [flag] = &flags[..] else { unreachable!("{flags:?}") };
        assert!(!flag.active);
        assert_eq!(
            flag.detail,
            "the hardware address of the gateway 192.0.2.1 was 02:00:00:00:00:07 and is \
             02:00:00:00:00:01, which claims 1 addresses; 2 changes in 5 minutes"
        );
    }

    #[test]
    fn nobody_looks_is_not_quiet() {
        let nothing = |snapshot: &mut Snapshot| snapshot.neighbours = None;
        let rates = {
            let mut rates = crate::rates::Rates::default();
            let mut snapshot = Snapshot::empty(Duration::ZERO);
            nothing(&mut snapshot);
            rates.push(&snapshot);
            rates
        };
        let verdicts = Config::default().judge_each(&rates.host(SEEN));
        assert!(verdicts.iter().all(|it| it.statistic.is_nan()));
        let mut rates = rates;
        let mut snapshot = Snapshot::empty(Duration::from_secs(1));
        snapshot.neighbours = Some(Arc::default());
        rates.push(&snapshot);
        let verdicts = Config::default().judge_each(&rates.host(SEEN));
        assert_eq!(verdicts, []);
    }
}
