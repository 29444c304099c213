//! Workloads that go back and forth in small messages, over connections that they keep.
//!
//! A query for every row, a property for every call: each waits for the network, and the
//! network is hardly used. What sends much at once, or waits for nobody, turns seldom.

use std::time::Duration;

use netmon_common::abi::labels::Protocol;

use super::{Verdict, Watch, confirm, habit::party};
use crate::{
    config::{Interval, section::section},
    flows::report::{Chatter, PARTS},
    rates::HostRates,
    signal::Signal,
};

section! {
    /// Small messages that go back and forth all the time.
    ///
    /// By workload of this host, address and port of a service that it uses: segments with
    /// payload per second, where they carry little on average and their direction turns a
    /// hundred times a second. It must last for a minute, in five of six times ten seconds.
    /// Critical where turns times the round trip are half of the time. Live, open sockets
    /// are compared every five seconds: there, turns are twice the segments of the end that
    /// sent fewer, which is the most that it can have been, and exact where a request and
    /// its answer are one segment each, as small messages are. Connections to the host
    /// itself do not count.
    ///
    /// Known false positives: games, remote desktops, terminals and stock tickers; a pool
    /// of many connections whose requests are small; and small messages that flow both ways
    /// without waiting for each other.
    pub struct Config {
        /// Whether to judge at all.
        enabled: bool = true;
        /// Segments with payload in a second, in both directions.
        packets: f64 = 500.0, in 1.0..=1e9;
        /// Bytes of payload below which they are small, on average.
        payload: f64 = 128.0, in 1.0..=65_536.0;
        /// Turns of the direction in a second.
        turns: f64 = 100.0, in 1.0..=1e9;
        /// How long it must last, in steps of ten seconds.
        lasting: Interval = Interval::from_millis(60_000), in Interval::from_millis(10_000)..=Interval::from_millis(60_000);
        /// Turns times the round trip, as a share of the time, for a critical flag.
        waste: f64 = 0.5, in 0.001..=1000.0;
    }
}

/// Seconds of a part.
const PART: u64 = 10;

/// How much of the rates must be there in all parts but one.
const BUSY: f64 = 0.5;

impl Watch for Config {
    const HOST: &'static [&'static [Signal]] = &[&[Signal::OpenConnections]];
    const SPAN: Duration = Duration::from_secs(60);

    fn thresholds(&self) -> [f64; 2] {
        [self.packets, self.packets]
    }

    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let Some(report) = rates.flows() else { return vec![Verdict::blind()] };
        report.chatting.iter().map(|group| self.judge_group(rates, group)).collect()
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::sockets("-tinO", "state established", verdict)
    }
}

impl Config {
    fn judge_group(&self, rates: &HostRates<'_>, group: &Chatter) -> Verdict {
        let Chatter { workload, client, server, port, packets, bytes, turns, waste } = group;
        let parts = usize::try_from(self.lasting.0.as_secs() / PART).unwrap_or(PARTS).clamp(1, PARTS);
        let part = PART as f64;
        let seconds = parts as f64 * part;
        let sum = |counts: &[u64; PARTS]| {
            counts.iter().take(parts).fold(0_u64, |sum, count| sum.saturating_add(*count))
        };
        let sums = [packets, bytes, turns, waste].map(sum);
        let [sent, carried, turned, wasted] = sums;
        let [rate, turn_rate] = [sent, turned].map(|count| count as f64 / seconds);
        let mean = carried as f64 / sent.max(1) as f64;
        let share = wasted as f64 / 1e9 / seconds;
        let [least, least_turns] = [self.packets, self.turns].map(|it| it * part * BUSY);
        let is_busy = |(packets, turns): &(&u64, &u64)| {
            **packets as f64 >= least && **turns as f64 >= least_turns
        };
        let busy = packets.iter().zip(turns).take(parts).filter(is_busy).count() as f64;
        // Of a single part all must be busy.
        let lasting = parts.saturating_sub(1).max(1) as f64;
        // The mean must be below, not at the limit.
        let small = if mean < self.payload { self.payload / mean.max(1.0) } else { mean.recip() };
        let condition = small.min(turn_rate / self.turns).min(busy / lasting);
        let subject = party(rates, *workload, *client);
        let warning = rate / self.packets;
        let critical = warning.min(share / self.waste);
        let detail = format!(
            "{rate:.0} segments a second to and from port {port} carried {mean:.0} bytes each \
             and turned {turn_rate:.0} times a second; turns times the round trip are {:.0} % \
             of the time",
            share * 100.0
        );
        Verdict { statistic: rate, warning, critical, detail, ..Verdict::quiet(self.thresholds()) }
            .only_if(condition)
            .about(subject)
            .with_peer(server)
            .at_port(*port)
            .over(Protocol::Tcp)
            .because([
                ("segments", sent),
                ("payload_bytes", carried),
                ("turns", turned),
                ("waste_milliseconds", wasted / 1_000_000),
            ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{Severity, trial::over_chats},
        flows::Chat,
    };

    const WARNING: Option<Severity> = Some(Severity::Warning);
    const CRITICAL: Option<Severity> = Some(Severity::Critical);

    /// What goes over a connection in a second: segments, bytes of each, turns, and
    /// microseconds of a round trip.
    fn one(packets: u64, size: u64, turns: u64, round_trip: u64) -> Chat {
        Chat {
            workload: 0,
            client: [192, 0, 2, 1].into(),
            server: [192, 0, 2, 63].into(),
            port: 5432,
            from: Duration::ZERO,
            to: Duration::from_secs(1),
            packets,
            bytes: packets * size,
            turns,
            round_trip: Some(Duration::from_micros(round_trip)),
        }
    }

    type Seconds = fn(u64) -> Vec<Chat>;

    #[test]
    fn chatter_and_what_looks_like_it() {
        let cases: [(&str, u64, Seconds, Option<Severity>); 18] = [
            ("nobody", 90, |_| Vec::new(), None),
            ("a query for every row", 90, |_| vec![one(600, 60, 600, 100)], WARNING),
            ("over a longer way", 90, |_| vec![one(600, 60, 600, 1000)], CRITICAL),
            ("a little less of it", 90, |_| vec![one(600, 60, 600, 800)], WARNING),
            ("over ten connections", 90, |_| vec![one(60, 60, 60, 100); 10], WARNING),
            ("nobody knows how far", 90, |_| vec![Chat { round_trip: None, ..one(600, 60, 600, 0) }], WARNING),
            ("for 50 seconds of six at half of it", 90, |at| vec![one(if at % 60 < 10 { 0 } else { 700 }, 60, 600, 100)], WARNING),
            ("slowly", 300, |_| vec![one(480, 60, 480, 100)], None),
            ("for 40 seconds", 40, |_| vec![one(600, 60, 600, 100)], None),
            ("one burst in thirty seconds", 180, |at| if at % 30 == 0 { vec![one(20_000, 60, 20_000, 100)] } else { Vec::new() }, None),
            ("a bulk transfer", 90, |_| vec![one(80_000, 1448, 30, 100)], None),
            ("one that asks for each block", 90, |_| vec![one(80_000, 1448, 300, 100)], None),
            ("messages of 128 bytes", 90, |_| vec![one(600, 128, 600, 100)], None),
            ("messages of 127 bytes", 90, |_| vec![one(600, 127, 600, 100)], WARNING),
            ("a ticker that nobody answers", 90, |_| vec![one(2000, 60, 90, 100)], None),
            ("a pool that keeps its connections", 90, |_| vec![one(4, 60, 4, 100); 20], None),
            ("to many hosts", 90, |_| (0..20).map(|last| Chat { server: [192, 0, 2, 64 + last].into(), ..one(100, 60, 100, 100) }).collect(), None),
            ("to itself", 90, |_| vec![Chat { server: [127, 0, 0, 1].into(), ..one(6000, 60, 6000, 20) }], None),
        ];
        for (name, seconds, chats, expected) in cases {
            let flags = over_chats(Config::default(), seconds, 400, chats);
            let severity = flags.iter().map(|flag| flag.severity).max();
            assert_eq!(severity, expected, "{name}: {flags:?}");
            assert!(flags.iter().all(|flag| !flag.active), "{name} is over");
        }
    }

    #[test]
    fn how_long_is_to_be_said() {
        let brief = Config { lasting: Interval::from_millis(10_000), ..Config::default() };
        for (seconds, expected) in [(8, 0), (11, 1), (30, 1)] {
            let flags = over_chats(brief.clone(), seconds, 1, |_| vec![one(600, 60, 600, 100)]);
            assert_eq!(flags.len(), expected, "{seconds} seconds");
        }
    }

    #[test]
    fn the_evidence_names_client_and_service() {
        let flags = over_chats(Config::default(), 90, 0, |_| vec![one(600, 60, 600, 1000)]);
        assert_eq!(flags.len(), 1);
        let sides = (flags[0].subject(), flags[0].peer.as_deref());
        assert_eq!(sides, ("192.0.2.1", Some("192.0.2.63")));
        let detail = &flags[0].detail;
        assert!(
            detail.starts_with("600 segments a second to and from port 5432 carried 60 bytes"),
            "{detail}"
        );
    }
}
