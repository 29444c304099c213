//! Handshakes of 1 ms to 1 s amid requests that nobody answers: what is counted of
//! them is what there was, within the bounds that are promised.

use netmon_common::{
    abi::{histogram::HANDSHAKE_BOUNDS, native::native_index, timing::Timing},
    handshake::{Entry, Flow, Keys, SETS, Sampling, Set, Step, WAYS},
    packet::Link,
};

use crate::{keys, mix};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

/// How long handshakes take, and how many of ten take so long.
const CLASSES: [(u64, u64); 4] =
    [(MILLISECOND, 4), (10 * MILLISECOND, 3), (100 * MILLISECOND, 2), (SECOND, 1)];

/// Handshakes begin within so long.
const SPAN: u64 = SECOND / 2;

struct Table {
    sets: Vec<Set>,
    sampling: Sampling,
    keys: Keys,
    times: Timing<{ HANDSHAKE_BOUNDS.len() + 1 }>,
    /// What was counted one by one or in the sample, by class.
    found: [u64; CLASSES.len()],
}

impl Table {
    /// A table that is full of requests which are older than all that follow.
    fn full(sampling: Sampling) -> Self {
        let mut table = Self {
            sets: vec![Set::default(); SETS as usize],
            sampling,
            keys: keys(3),
            times: Timing::EMPTY,
            found: [0; CLASSES.len()],
        };
        for number in 0..3 * u64::from(SETS) * WAYS as u64 {
            table.ask(1 << 40 | number, 0);
        }
        table
    }

    /// The flow of a number: a segment of IPv4 with random ends.
    fn flow(&self, number: u64, step: Step) -> Flow {
        let mut packet = [0_u8; 40];
        packet[0] = 0x45;
        packet[9] = 6;
        let ends = [mix(number).to_be_bytes().as_slice(), &(number as u32).to_be_bytes()].concat();
        packet[12..24].copy_from_slice(&ends);
        if step == Step::Answer {
            packet[12..16].copy_from_slice(&ends[4..8]);
            packet[16..20].copy_from_slice(&ends[0..4]);
            packet[20..22].copy_from_slice(&ends[10..12]);
            packet[22..24].copy_from_slice(&ends[8..10]);
        }
        Flow::read(packet.as_slice(), Link::Raw, step, &self.keys).unwrap()
    }

    fn ask(&mut self, number: u64, at: u64) {
        let flow = self.flow(number, Step::Request);
        let set = &mut self.sets[flow.set(self.sampling) as usize];
        if let Some((place, entry)) = flow.requested(*set, at) {
            set[place] = entry.to_word();
        }
    }

    fn answer(&mut self, number: u64, at: u64, class: usize) {
        let flow = self.flow(number, Step::Answer);
        let set = &mut self.sets[flow.set(self.sampling) as usize];
        let Some((place, entry)) = flow.answered(*set) else { return };
        set[place] = Entry::EMPTY.to_word();
        let Some(took) = entry.age(at) else { return };
        let weight = self.sampling.weight(flow, took);
        self.times.count(&HANDSHAKE_BOUNDS, took, weight);
        self.found[class] += weight;
    }

    /// The native bucket in which a quantile lies.
    fn quantile(&self, part: f64) -> usize {
        let wanted = (self.times.total() as f64 * part).ceil() as u64;
        let mut so_far = 0;
        let reached = self.times.native.iter().position(|count| {
            so_far += count;
            so_far >= wanted
        });
        reached.unwrap()
    }
}

/// The class of a handshake, by its number.
fn class(number: u64) -> usize {
    let mut rest = mix(number) % 10;
    CLASSES
        .iter()
        .position(|(_, parts)| {
            let here = rest < *parts;
            rest = rest.wrapping_sub(*parts);
            here
        })
        .unwrap()
}

/// Lets `handshakes` begin amid a flood of so many requests per second.
fn flood(per_second: u64, handshakes: u64, sampling: Sampling) -> (Table, [u64; CLASSES.len()]) {
    let mut table = Table::full(sampling);
    let start = 100 * SECOND;
    let mut truth = [0; CLASSES.len()];
    let mut events: Vec<(u64, u64, bool)> = (0..handshakes)
        .flat_map(|number| {
            let class = class(number);
            truth[class] += 1;
            let asked = start + SPAN / handshakes * number;
            [(asked, number, false), (asked + CLASSES[class].0, number, true)]
        })
        .collect();
    events.sort_unstable();
    let mut flooded = 0;
    for (at, number, is_answer) in events {
        while flooded * SECOND < (at - start) * per_second {
            table.ask(1 << 50 | flooded, start + flooded * SECOND / per_second);
            flooded += 1;
        }
        if is_answer {
            table.answer(number, at, class(number));
        } else {
            table.ask(number, at);
        }
    }
    (table, truth)
}

/// The part of handshakes that is lost while four newer requests fall into a set:
/// that a Poisson number of this mean is at least 4.
fn lost(mean: f64) -> f64 {
    1.0 - (-mean).exp() * (1.0 + mean + mean.powi(2) / 2.0 + mean.powi(3) / 6.0)
}

#[test]
fn what_is_counted_is_what_there_was() {
    for (per_second, handshakes) in
        [(0, 1_000), (10_000, 4_000), (100_000, 20_000), (1_000_000, 40_000)]
    {
        let rate = per_second + handshakes * SECOND / SPAN;
        let sampling = Sampling::EXACT.at_rate(rate);
        let (table, truth) = flood(per_second, handshakes, sampling);
        for (((took, _), truth), found) in CLASSES.into_iter().zip(truth).zip(table.found) {
            let (truth, found) = (truth as f64, found as f64);
            let sampled = took > sampling.limit();
            // In its half of the table, per entry.
            let part = if sampled { sampling.ratio() } else { 1.0 };
            let entries = f64::from(SETS / 2) * WAYS as f64;
            let newer = rate as f64 * part * took as f64 / SECOND as f64 / entries;
            let noise = if sampled { 4.0 / (truth * part).sqrt() } else { 0.0 };
            let (least, most) = (1.0 - 2.0 * lost(4.0 * newer) - noise, 1.0 + noise);
            let name = format!("{per_second}/s, {} ms: {found} of {truth}", took / MILLISECOND);
            assert!((least..=most).contains(&(found / truth)), "{name} not {least}..{most}");
            assert!(sampled || found / truth >= 0.98, "{name}");
        }
        for (part, took) in [(0.5, 10 * MILLISECOND), (0.99, SECOND)] {
            let (found, wanted) = (table.quantile(part), native_index(took));
            assert!(found.abs_diff(wanted) <= 1, "{per_second}/s: {part}: {found} not {wanted}");
        }
    }
}

#[test]
fn a_hundred_thousand_requests_leave_handshakes_of_10_ms_alone() {
    // Before it is known that they come, and after.
    for sampling in [Sampling::EXACT, Sampling::EXACT.at_rate(100_000)] {
        let (table, truth) = flood(100_000, 1_000, sampling);
        let kept = table.found[1] as f64 / truth[1] as f64;
        assert!(kept >= 0.98, "{kept} of {} at {sampling:?}", truth[1]);
    }
}

#[test]
fn without_a_sample_slow_handshakes_would_vanish() {
    let (table, truth) = flood(1_000_000, 1_000, Sampling::EXACT);
    let kept = table.found[3] as f64 / truth[3] as f64;
    assert!(kept < 0.5, "{kept}: then the sample would not be needed");
}
