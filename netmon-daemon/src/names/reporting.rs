//! From tables to a report: the worst few of each, with what may be shown of names.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use super::{
    Names, failing, pairs, repeats,
    report::{Failing, MOST, Repeating, Report, SlowTunnel, Tunnel},
    slow, whole,
};

/// How often slow things are looked at, in seconds.
const SLOW: u32 = 10;

impl Names {
    /// What the names say at a moment, to the second.
    pub fn report(&mut self, at: Duration) -> Arc<Report> {
        self.now = self.now.max(at);
        let at = self.now;
        let second = whole(u128::from(at.as_secs()));
        if let Some((of, report)) = &self.last
            && *of == second
        {
            return Arc::clone(report);
        }
        self.settle(second, whole(at.as_millis() / 100));
        if self.slow_at != Some(second / SLOW) {
            self.slow_at = Some(second / SLOW);
            self.slow = self.slow_tunnels(second);
        }
        let tunnels = self.tunnels(second);
        let [names, askers] = self.repeats.evicted();
        let report = Arc::new(Report {
            tunnels,
            slow_tunnels: self.slow.clone(),
            failing: self.failing(second),
            repeating: self.repeating(second),
            unique_subdomains_max: self.pairs.most(second),
            malformed: self.malformed,
            wasted: self.workloads.list(),
            messages: self.messages,
            evicted: [
                ("pairs", self.pairs.evicted()),
                ("domains", self.domains.evicted()),
                ("clients", self.clients.evicted()),
                ("names", names),
                ("askers", askers),
            ],
        });
        self.last = Some((second, Arc::clone(&report)));
        report
    }

    fn tunnels(&mut self, second: u32) -> Vec<Tunnel> {
        let mut found = self.pairs.candidates(second);
        // Of names and bytes, as far as either tells: a name of a tunnel has 20 bytes.
        worst(&mut found, |it| u64::from((it.extent.worth() * 20).max(it.extent.bytes)));
        let tunnel = |it: pairs::Candidate| Tunnel {
            client: it.client,
            server: it.server,
            domain: self.shown.show(it.domain),
            names: it.extent.names,
            short_names: it.extent.short,
            bytes: it.extent.bytes,
            kind: it.kind.0,
            of_kind: it.kind.1,
        };
        found.into_iter().map(tunnel).collect()
    }

    fn slow_tunnels(&self, second: u32) -> Vec<SlowTunnel> {
        let mut found: Vec<_> = self.domains.candidates(second).collect();
        worst(&mut found, |it| u64::from(it.names.max(it.carrier_names * 10)));
        let tunnel = |it: slow::Candidate| SlowTunnel {
            client: it.client,
            domain: self.shown.show(it.domain),
            names: it.names,
            queries: it.queries,
            bytes: it.bytes,
            minutes: it.minutes,
            asked: it.asked,
            carriers: it.carriers,
            carrier_names: it.carrier_names,
        };
        found.into_iter().map(tunnel).collect()
    }

    fn failing(&self, second: u32) -> Vec<Failing> {
        let mut found: Vec<_> = self.clients.candidates(second).collect();
        worst(&mut found, |it| u64::from(it.domains));
        let failing = |it: failing::Candidate| Failing {
            client: it.client,
            server: it.server,
            domain: self.shown.show(it.domain),
            answers: it.answers,
            failed: it.failed,
            domains: it.domains,
        };
        found.into_iter().map(failing).collect()
    }

    fn repeating(&self, second: u32) -> Vec<Repeating> {
        let mut found: Vec<_> = self.repeats.candidates(second).collect();
        worst(&mut found, |it| {
            it.counts.iter().map(|of| u64::from(of.repeats.max(of.expansions))).sum()
        });
        let repeating = |it: repeats::Candidate| Repeating {
            client: it.client,
            server: it.server,
            workload: it.workload,
            domain: self.shown.show(it.domain),
            counts: it.counts,
        };
        found.into_iter().map(repeating).collect()
    }
}

/// Keeps the worst few, worst first.
fn worst<T>(found: &mut Vec<T>, badness: impl Fn(&T) -> u64) {
    found.sort_by_key(|it| Reverse(badness(it)));
    found.truncate(MOST);
}
