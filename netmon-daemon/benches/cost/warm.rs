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

/// Packets that leave: name, frame, and whether they came in by a device rather
/// than from a socket.
const LEAVING: [(&str, &str, bool); 7] = [
    ("sent_data_v4", "data_v4", false),
    ("sent_syn_v4", "syn_v4", false),
    ("forwarded_data_v4", "data_v4", true),
    ("forwarded_syn_v4", "syn_v4", true),
    ("forwarded_syn_v6", "syn_v6", true),
    ("forwarded_synack_v4", "synack_v4", true),
    ("forwarded_synack_v6", "synack_v6", true),
];

/// A packet that is measured, and the program that it meets.
struct Packet<'a> {
    name: &'static str,
    frame: &'a [u8],
    program: &'static str,
    context: Option<&'a [u8; CONTEXT_LEN]>,
}

/// Length of `struct __sk_buff`, and where it says by which device a packet came.
const CONTEXT_LEN: usize = 192;
const INGRESS_IFINDEX: usize = 36;

/// The notes of the kernel on a packet that came in by a device.
fn context(ingress_ifindex: u32) -> [u8; CONTEXT_LEN] {
    let mut context = [0; CONTEXT_LEN];
    context[INGRESS_IFINDEX..INGRESS_IFINDEX + 4].copy_from_slice(&ingress_ifindex.to_ne_bytes());
    context
}

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
    let forwarded = context(LOOPBACK);
    let packets: Vec<Packet<'_>> = frames
        .iter()
        .map(|(name, frame)| Packet { name, frame, program: "netmon_ingress", context: None })
        .chain(LEAVING.iter().map(|(name, frame, came_in)| Packet {
            name,
            frame: &frames.iter().find(|(name, _)| name == frame).unwrap().1,
            program: "netmon_egress",
            context: came_in.then_some(&forwarded),
        }))
        .collect();
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    let mut empty: BTreeMap<&str, f64> = BTreeMap::new();
    let keep = |best: &mut BTreeMap<&'static str, f64>, name: &'static str, ns: f64| {
        let least = best.entry(name).or_insert(f64::MAX);
        *least = least.min(ns);
    };
    for _ in 0..ROUNDS {
        for packet in &packets {
            let Packet { name, frame, program, .. } = *packet;
            let context = packet.context.map(<[u8; CONTEXT_LEN]>::as_slice);
            let none = run(objects::classifier(&mut reference, "empty"), frame, context);
            keep(&mut empty, name, none);
            let some = run(objects::classifier(&mut netmon, program), frame, context);
            keep(&mut best, name, some);
        }
        let frame = &frames[0].1;
        for (name, netmon) in &mut with_networks {
            keep(&mut empty, name, run(objects::classifier(&mut reference, "empty"), frame, None));
            keep(&mut best, name, run(objects::classifier(netmon, "netmon_ingress"), frame, None));
        }
        for (program, name) in REFERENCES {
            keep(&mut empty, name, run(objects::classifier(&mut reference, "empty"), frame, None));
            keep(&mut best, name, run(objects::classifier(&mut reference, program), frame, None));
        }
    }
    let names = packets.iter().map(|packet| packet.name).chain(NETWORKS.map(|(_, name)| name));
    let names = names.chain(REFERENCES.map(|(_, name)| name));
    names.map(|name| (name.to_owned(), best[name] - empty[name])).collect()
}

/// Lookups that are measured one by one: so few that the names of all their messages are
/// handed on.
const LOOKUPS: u16 = 500;

/// What is sent of each: a query, the same once more, the response, and that once more.
const MESSAGES: [&str; 4] = ["query_new", "query_again", "response_in_time", "response_unmatched"];

/// Nanoseconds over an empty program of the messages of lookups, most of which no run can
/// repeat: the median of many, each run once, with what a system call leaves of the caches.
pub(crate) fn lookups() -> Figures {
    let (mut netmon, mut reference) = (objects::netmon(LOOPBACK, 0), objects::reference());
    let mut figures = Figures::new();
    // Once before, so that the open lookups are in the caches, too.
    for (names, suffix) in [(false, None), (false, Some("")), (true, Some("_named"))] {
        objects::hand_on_names(&mut netmon, names);
        let mut added: [Vec<f64>; 4] = Default::default();
        for id in 0..LOOKUPS {
            let [query, response] = frames::lookup(id);
            let steps = [&query, &query, &response, &response].into_iter().zip(&mut added);
            for ((frame, added), program) in steps.zip([EGRESS, EGRESS, INGRESS, INGRESS]) {
                let empty = once(objects::classifier(&mut reference, "empty"), frame);
                added.push(once(objects::classifier(&mut netmon, program), frame) - empty);
            }
        }
        for ((name, suffix), mut added) in
            MESSAGES.into_iter().zip(suffix.into_iter().cycle()).zip(added)
        {
            added.sort_by(f64::total_cmp);
            figures.push((format!("{name}{suffix}"), added[added.len() / 2]));
        }
    }
    figures
}

/// Attempts to connect that are measured, and how often each: more than eight for one port
/// would make that a popular one, of which nothing is kept.
const ATTEMPTS: u16 = 500;
const AGAIN: u32 = 8;

/// What is sent of each: a request of a scanner, one of a source that was not seen before, one
/// of this host, and the answer to a request.
const STEPS: [&str; 4] =
    ["syn_of_scanner", "syn_of_new_source", "syn_of_this_host", "synack_known"];

/// Nanoseconds over an empty program of attempts to connect that are kept, which those that
/// come over and over are not: the median of many, each run a few times.
pub(crate) fn attempts() -> Figures {
    let (mut netmon, mut reference) = (objects::netmon(LOOPBACK, 0), objects::reference());
    let mut added: [Vec<f64>; STEPS.len()] = Default::default();
    for number in 0..ATTEMPTS {
        let [scan, answer] = frames::request(1, 1000 + number);
        let [new, _] = frames::request(1000 + number, 2000 + number);
        let [own, _] = frames::request(2, 3000 + number);
        let steps = [(scan, INGRESS), (new, INGRESS), (own, EGRESS), (answer, EGRESS)];
        for ((frame, program), added) in steps.into_iter().zip(&mut added) {
            let empty = some(objects::classifier(&mut reference, "empty"), &frame, AGAIN);
            added.push(some(objects::classifier(&mut netmon, program), &frame, AGAIN) - empty);
        }
    }
    let median = |added: &mut Vec<f64>| {
        added.sort_by(f64::total_cmp);
        added[added.len() / 2]
    };
    STEPS.into_iter().zip(&mut added).map(|(name, it)| (name.to_owned(), median(it))).collect()
}

const INGRESS: &str = "netmon_ingress";
const EGRESS: &str = "netmon_egress";

/// Nanoseconds of a single run.
fn once(program: &SchedClassifier, frame: &[u8]) -> f64 {
    some(program, frame, 1)
}

/// Nanoseconds of one of so many runs.
fn some(program: &SchedClassifier, frame: &[u8], repeat: u32) -> f64 {
    let options = TestRunOptions { data_in: Some(frame), repeat, ..Default::default() };
    let result = program.test_run(options).unwrap();
    result.duration.as_nanos() as f64
}

/// Nanoseconds of one run.
fn run(program: &SchedClassifier, frame: &[u8], context: Option<&[u8]>) -> f64 {
    let options = TestRunOptions {
        data_in: Some(frame),
        ctx_in: context,
        repeat: REPEAT,
        ..Default::default()
    };
    let result = program.test_run(options).unwrap();
    assert_eq!(result.return_value.cast_signed(), -1, "every program passes every packet on");
    result.duration.as_nanos() as f64
}
