//! The cost per packet with everything in the caches: `BPF_PROG_TEST_RUN`.

use std::collections::BTreeMap;

use aya::programs::{SchedClassifier, TestRun, TestRunOptions};

use crate::{Figures, frames, objects};

/// Runs per test run; the kernel gives their mean.
const REPEAT: u32 = 100_000;
/// Test runs per frame and program, of which the fastest counts: everything else
/// on the machine can only add.
const ROUNDS: usize = 9;
/// Where a program comes to lie in memory changes its cost by up to a
/// nanosecond, and the kernel's mean is a whole number of them: so the mean of so
/// many loads is given.
const LOADS: usize = 5;
/// Test runs take place on the loopback device.
const LOOPBACK: u32 = 1;

/// netmon with so many configured networks, on the first frame.
const NETWORKS: [(u8, &str); 2] = [(1, "data_v4_1_network"), (32, "data_v4_32_networks")];

const REFERENCES: [(&str, &str); 3] = [
    ("counter", "reference_counter"),
    ("flow_hash", "reference_flow_hash"),
    ("ring_event", "reference_ring_event"),
];

/// Nanoseconds over an empty program by frame, then by reference program.
pub(crate) fn measure() -> Figures {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    let mut order = Vec::new();
    for _ in 0..LOADS {
        let added = measure_one_load();
        order = added.iter().map(|(name, _)| name.clone()).collect();
        for (name, ns) in added {
            *sums.entry(name).or_default() += ns / LOADS as f64;
        }
    }
    order.into_iter().map(|name| (name.clone(), sums[&name])).collect()
}

fn measure_one_load() -> Figures {
    let (mut netmon, mut reference) = (objects::netmon(LOOPBACK, 0), objects::reference());
    let mut with_networks =
        NETWORKS.map(|(networks, name)| (name, objects::netmon(LOOPBACK, networks)));
    let frames = frames::all();
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    let mut empty: BTreeMap<&str, f64> = BTreeMap::new();
    let keep = |best: &mut BTreeMap<&'static str, f64>, name: &'static str, ns: f64| {
        let least = best.entry(name).or_insert(f64::MAX);
        *least = least.min(ns);
    };
    for _ in 0..ROUNDS {
        for (name, frame) in &frames {
            let none = run(objects::classifier(&mut reference, "empty"), frame);
            keep(&mut empty, name, none);
            keep(&mut best, name, run(objects::classifier(&mut netmon, "netmon_ingress"), frame));
        }
        let frame = &frames[0].1;
        for (name, netmon) in &mut with_networks {
            keep(&mut empty, name, run(objects::classifier(&mut reference, "empty"), frame));
            keep(&mut best, name, run(objects::classifier(netmon, "netmon_ingress"), frame));
        }
        for (program, name) in REFERENCES {
            keep(&mut empty, name, run(objects::classifier(&mut reference, "empty"), frame));
            keep(&mut best, name, run(objects::classifier(&mut reference, program), frame));
        }
    }
    let names = frames.iter().map(|(name, _)| *name).chain(NETWORKS.map(|(_, name)| name));
    let names = names.chain(REFERENCES.map(|(_, name)| name));
    names.map(|name| (name.to_owned(), best[name] - empty[name])).collect()
}

/// Nanoseconds of one run.
fn run(program: &SchedClassifier, frame: &[u8]) -> f64 {
    let options = TestRunOptions { data_in: Some(frame), repeat: REPEAT, ..Default::default() };
    let result = program.test_run(options).unwrap();
    assert_eq!(result.return_value.cast_signed(), -1, "every program passes every packet on");
    result.duration.as_nanos() as f64
}
