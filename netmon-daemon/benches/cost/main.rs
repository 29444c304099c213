//! `make bench`: what netmon costs, beside other designs, in one run.
//!
//! Prints a table and writes `target/bench.json`. Times depend on the machine;
//! what is judged are costs over an empty program in the same rounds, and their
//! ratio to a flow table. Part of it needs root and says so where it is missing.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and ends at the first thing that is wrong"
)]

mod cold;
mod crowd;
mod daemon;
mod drops;
mod encode;
mod flood;
#[expect(dead_code, reason = "a library of frames, of which some are measured")]
#[path = "../../../netmon-common/tests/seed/frame.rs"]
mod frame;
mod frames;
mod gates;
mod lane;
mod lookups;
#[expect(unused_imports, unused_macros, reason = "made for tests")]
#[path = "../../tests/support/netns.rs"]
mod netns;
mod objects;
#[expect(dead_code, reason = "what is there for the tests of a file that it reads with")]
#[path = "../../tests/verifier/verdict.rs"]
mod verdict;
mod warm;

use std::{env, fs, path::Path, process::ExitCode};

use serde_json::{Map, Value, json};

/// Figures by name, in the order in which they were measured.
type Figures = Vec<(String, f64)>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if let [_, word, address, pairs] = &*arguments
        && word == crowd::HOLD
    {
        crowd::hold_here(address, pairs);
        return ExitCode::SUCCESS;
    }
    let mut report = json!({"version": 1, "kernel": release()});
    let mut gates = gates::Gates::default();

    let (rendered, series) = encode::ten_thousand_series();
    println!("{:<40}{:>12.3} ms", format!("text of {series} series, p50"), rendered * 1e3);
    gates.figure("10,000 series in text [s]", rendered, 0.005);
    let mut daemon = Map::new();
    daemon.insert("scrape_10k_series_p50_seconds".into(), rendered.into());

    match privileged(&mut report, &mut daemon, &mut gates) {
        Ok(()) => {}
        Err(why) => println!("SKIPPED: the programs and the daemon: {why}"),
    }
    report["daemon"] = Value::Object(daemon);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("{report:#}\n")).unwrap();
    println!("written: target/bench.json");
    gates.print()
}

/// What only root can measure.
fn privileged(
    report: &mut Value,
    daemon: &mut Map<String, Value>,
    gates: &mut gates::Gates,
) -> Result<(), String> {
    if let Some(why) = netns::missing() {
        return Err(why);
    }
    let verdicts = verdict::all(objects::NETMON)?;
    let mut verified = Map::new();
    println!("{:<40}{:>12}{:>8}", "program", "verified", "stack");
    for verdict in &verdicts {
        println!("{:<40}{:>12}{:>8}", verdict.program, verdict.instructions, verdict.stack);
        verified.insert(verdict.program.replace("netmon_", "tc_"), verdict.instructions.into());
    }
    let most = |of: fn(&verdict::Verdict) -> u64| verdicts.iter().map(of).max().unwrap_or(0) as f64;
    gates.exact("verified instructions", most(|verdict| verdict.instructions), 100_000.0);
    gates.exact("bytes of stack", most(|verdict| verdict.stack), 256.0);
    report["verified_instructions"] = Value::Object(verified);

    let mut warm = warm::measure();
    table("ns over an empty program, test runs", &warm);
    let lookups = warm::lookups();
    table("ns over an empty program, single runs", &lookups);
    warm.extend(lookups);
    let attempts = warm::attempts();
    table("ns over an empty program, a few runs", &attempts);
    warm.extend(attempts);
    gates.warm(&warm);
    report["tc_added_ns"] = object(&warm);

    let cold = cold::measure();
    table("ns over an empty program, flood over veth", &cold.added);
    println!("{:<40}{:>12}", "lost of it", cold.lost);
    gates.exact("packets lost under flood", cold.lost as f64, 0.0);
    report["cold_added_ns"] = object(&cold.added);
    report["cold_lost"] = cold.lost.into();

    let drops = drops::measure();
    table("ns over an empty program, flood of drops", &vec![("drop".to_owned(), drops.added)]);
    println!("{:<40}{:>12}", "lost of it", drops.lost);
    println!("{:<40}{:>12.0}", "drops per second", drops.rate);
    gates.exact("drops lost under flood", drops.lost as f64, 0.0);
    report["drop_added_ns"] = drops.added.into();

    let mut figures = daemon::measure();
    figures.extend(crowd::measure());
    figures.extend(lookups::measure());
    table("the daemon", &figures);
    gates.daemon(&figures);
    daemon.extend(figures.into_iter().map(|(name, value)| (name, value.into())));
    Ok(())
}

fn table(title: &str, figures: &Figures) {
    println!("-- {title}");
    for (name, value) in figures {
        println!("{name:<40}{:>12}", short(*value));
    }
}

/// A figure with as many digits as make sense.
fn short(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1.0 { format!("{value:.1}") } else { format!("{value:.6}") }
}

fn object(figures: &Figures) -> Value {
    // Hundredths of a nanosecond are noise.
    let round = |value: f64| (value * 100.0).round() / 100.0;
    figures.iter().map(|(name, value)| (name.clone(), Value::from(round(*value)))).collect()
}

/// The running kernel.
fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}
