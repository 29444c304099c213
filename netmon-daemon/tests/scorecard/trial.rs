//! Scenarios, and what netmon says of them in a replay.

use std::{collections::BTreeMap, fs, path::Path, sync::Mutex, thread, time::Duration};

use netmon::{cli::replay, config::Config, detect::Severity, redflag::RedFlag};

use crate::traffic::{Micros, SECOND, Traffic};

/// An attack that one detector must tell of.
pub(crate) struct Attack {
    /// What happens.
    pub(crate) name: &'static str,
    /// The detector, the mildest severity that will do, and whom the flag must be about
    /// where it names somebody.
    pub(crate) detector: &'static str,
    pub(crate) severity: Severity,
    pub(crate) subject: Option<&'static str>,
    /// Adds its packets, from this moment on.
    pub(crate) make: fn(&mut Traffic, Micros),
}

/// Traffic of which no detector must say anything.
pub(crate) struct Benign {
    /// What happens.
    pub(crate) name: &'static str,
    /// Adds its packets.
    pub(crate) make: fn(&mut Traffic),
}

/// What was said of one scenario.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) packets: usize,
    /// From the first packet to the last.
    pub(crate) span: Duration,
    pub(crate) flags: Vec<RedFlag>,
}

/// How one run of an attack went.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) attack: usize,
    /// Seconds from its first packet to the flag; none where there was no flag.
    pub(crate) delay: Option<f64>,
    /// Other detectors that told of it.
    pub(crate) beside: Vec<&'static str>,
}

/// Every attack is run with so many seeds; with every second one amid other traffic.
pub(crate) const SEEDS: u64 = 2;

/// When an attack begins amid other traffic.
const AMID: Micros = 21 * SECOND + 370_000;

impl Attack {
    /// Runs it with a seed.
    pub(crate) fn run(&self, at: usize, seed: u64, around: fn(&mut Traffic), folder: &Path) -> Run {
        let mut attack = Traffic::new(self.name, seed);
        (self.make)(&mut attack, AMID);
        let begins = attack.marked();
        if seed % 2 == 1 {
            around(&mut attack);
        }
        let begins = seconds(begins - attack.began());
        let outcome = judge(&attack, &folder.join(format!("attack-{at}-{seed}.pcap")));
        let is_it = |flag: &&RedFlag| {
            flag.detector == self.detector
                && flag.severity >= self.severity
                && self.subject.is_none_or(|subject| flag.subject() == subject)
        };
        let delay = |flag: &RedFlag| flag.raised_at.as_secs_f64() - begins;
        let delays = outcome.flags.iter().filter(is_it).map(delay);
        let delay = delays.filter(|delay| *delay >= 0.0).reduce(f64::min);
        let mut beside: Vec<&str> = outcome.flags.iter().map(|flag| flag.detector).collect();
        beside.retain(|name| *name != self.detector);
        Run { attack: at, delay, beside }
    }
}

impl Benign {
    /// What is said of it.
    pub(crate) fn run(&self, at: usize, folder: &Path) -> Outcome {
        let mut traffic = Traffic::new(self.name, 0);
        (self.make)(&mut traffic);
        judge(&traffic, &folder.join(format!("benign-{at}.pcap")))
    }
}

/// The answers to all questions, on as many threads as there are processors.
pub(crate) fn all<Q: Sync, A: Send>(questions: &[Q], answer: impl Fn(&Q) -> A + Sync) -> Vec<A> {
    let (next, answers) = (Mutex::new(0), Mutex::new(BTreeMap::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let at = {
                let mut next = next.lock().unwrap();
                *next += 1;
                *next - 1
            };
            let Some(question) = questions.get(at) else { break };
            let answer = answer(question);
            answers.lock().unwrap().insert(at, answer);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    answers.into_inner().unwrap().into_values().collect()
}

/// What the default configuration says of some traffic.
fn judge(traffic: &Traffic, file: &Path) -> Outcome {
    fs::write(file, traffic.to_pcap()).unwrap();
    let flags = flags(file);
    fs::remove_file(file).unwrap();
    let span = Duration::from_micros(traffic.span());
    Outcome { packets: traffic.frames(), span, flags }
}

/// What the default configuration says of a capture file.
pub(crate) fn flags(file: &Path) -> Vec<RedFlag> {
    let (_, outcome) = replay::judge(file, &Config::default()).unwrap();
    assert_eq!(outcome.more_red_flags, 0, "{}: more flags than can be listed", file.display());
    outcome.red_flags
}

fn seconds(time: Micros) -> f64 {
    Duration::from_micros(time).as_secs_f64()
}
