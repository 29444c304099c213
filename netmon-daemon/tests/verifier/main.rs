//! Verified instructions and stack of every program, held against a golden
//! file: what makes the verifier work harder shows in a diff.
//!
//! The counts belong to one kernel and one compiler. On another kernel only the
//! limits hold; `UPDATE_EXPECT=1 cargo test -p netmon-daemon --test verifier`
//! writes the file anew.

#![expect(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod verdict;

use std::{collections::BTreeMap, env, fmt::Write, fs, path::Path};

use verdict::Verdict;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));

/// Instructions that the verifier may walk in one program: a tenth of what it
/// would.
const MOST_INSTRUCTIONS: u64 = 100_000;
/// Bytes of stack: half of what there is.
const MOST_STACK: u64 = 256;

#[test]
fn programs_are_as_easy_to_verify_as_they_were() {
    let verdicts = match verdict::all(OBJECT) {
        Ok(verdicts) => verdicts,
        Err(why) => {
            let required = env::var_os("NETMON_REQUIRE_KERNEL").is_some_and(|value| value == "1");
            assert!(!required, "{why}");
            println!("SKIPPED: {why}");
            return;
        }
    };
    assert!(verdicts.len() >= 2, "the TC programs load everywhere: {verdicts:?}");
    for Verdict { program, instructions, stack } in &verdicts {
        assert!(*instructions <= MOST_INSTRUCTIONS, "{program}: {instructions} instructions");
        assert!(*stack <= MOST_STACK, "{program}: {stack} bytes of stack");
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifier/golden.tsv");
    let written = written(&verdicts);
    if env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        fs::write(&path, &written).unwrap();
        return;
    }
    let golden = fs::read_to_string(&path).unwrap();
    if golden.lines().next() != written.lines().next() {
        println!("SKIPPED: the golden file is for another kernel: {:?}", golden.lines().next());
        return;
    }
    let (golden, found) = (rows(&golden), rows(&written));
    let near = |a: u64, b: u64| a.abs_diff(b) * 10 <= a.max(b);
    let same = golden.len() == found.len()
        && golden.iter().all(|(program, [instructions, stack])| {
            found
                .get(program)
                .is_some_and(|now| near(now[0], *instructions) && near(now[1], *stack))
        });
    assert!(
        same,
        "more than 10 % away from tests/verifier/golden.tsv:\n{golden:?}\nfound:\n{found:?}\n\
         if that is as it should be: UPDATE_EXPECT=1 cargo test -p netmon-daemon --test verifier"
    );
}

/// The golden file for these verdicts.
fn written(verdicts: &[Verdict]) -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = release.trim().split(['.', '-']).take(2).collect();
    let mut text = format!("# Linux {}\nprogram\tinstructions\tstack\n", kernel.join("."));
    for Verdict { program, instructions, stack } in verdicts {
        writeln!(text, "{program}\t{instructions}\t{stack}").unwrap();
    }
    text
}

/// The rows of a golden file by program.
fn rows(text: &str) -> BTreeMap<String, [u64; 2]> {
    text.lines()
        .skip(2)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [program, instructions, stack] = cells[..] else { panic!("{line}") };
            (program.to_owned(), [instructions.parse().unwrap(), stack.parse().unwrap()])
        })
        .collect()
}
