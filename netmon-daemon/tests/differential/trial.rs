//! Frames in trial runs of the kernel (`BPF_PROG_TEST_RUN`).

use std::collections::BTreeMap;

use netmon_common::{
    abi::{
        labels::Direction,
        networks::Networks,
        slot::{BOUNDARY, OTHER_SLOT, SHARED_SLOTS},
    },
    packet::{Link, Remote},
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use crate::{
    captures, generate,
    programs::{LOOPBACK, Merged, Programs, as_a_device, counted, difference, networks, programs},
    truncations,
};

/// Where the device on trial counts.
pub(crate) const SLOT: u32 = SHARED_SLOTS;

/// How many frames there must be at least, of those that the kernel takes.
const ENOUGH: u32 = 10_000;

/// Frames that were compared, and those that the kernel refused, by its reason.
#[derive(Debug, Default)]
struct Score {
    compared: u32,
    refused: BTreeMap<String, u32>,
}

/// The programs, and the counts so far.
pub(crate) struct Trial {
    pub(crate) programs: Programs,
    score: Score,
}

impl Trial {
    pub(crate) fn of(programs: Programs) -> Self {
        Self { programs, score: Score::default() }
    }

    /// How many frames were compared.
    pub(crate) fn compared(&self) -> u32 {
        self.score.compared
    }

    /// Runs a frame through kernel and user space, and says where they differ.
    fn compare(
        &mut self,
        frame: &[u8],
        link: Link,
        direction: Direction,
        merged: Merged,
    ) -> Result<(), String> {
        // With networks it goes another way through the program.
        for networks in [Networks::NONE, networks()] {
            self.programs.name(&networks);
            self.programs.enter(LOOPBACK, SLOT, Some(as_a_device(link)));
            self.compare_at(SLOT, frame, link, direction, merged)?;
        }
        Ok(())
    }

    fn compare_at(
        &mut self,
        slot: u32,
        frame: &[u8],
        link: Link,
        direction: Direction,
        merged: Merged,
    ) -> Result<(), String> {
        self.programs.lookups.forget();
        self.compare_on(slot, frame, link, direction, merged)
    }

    /// The same, for a frame behind others that belong to it.
    pub(crate) fn compare_on(
        &mut self,
        slot: u32,
        frame: &[u8],
        link: Link,
        direction: Direction,
        merged: Merged,
    ) -> Result<(), String> {
        let before = self.programs.tally(slot, direction);
        let run = self.programs.run(direction, frame, merged);
        let kernel = self.programs.tally(slot, direction).since(&before);
        if let Err(why) = run {
            *self.score.refused.entry(why.to_string()).or_default() += 1;
            return Ok(());
        }
        self.score.compared += 1;
        let user = counted(frame, link, direction, merged, &self.programs.named);
        assert_eq!(user.unexplained(), 0);
        let vantage = if slot == OTHER_SLOT { 0 } else { BOUNDARY };
        let segments = merged.segments.max(1);
        let dns =
            self.programs.lookups.compare(frame, as_a_device(link), direction, vantage, segments);
        match difference(&kernel, &user) + &dns {
            lines if lines.is_empty() => Ok(()),
            lines => Err(format!("{direction:?}, {link:?}, {merged:?}, {frame:02x?}:{lines}")),
        }
    }
}

#[test]
fn every_truncation_of_every_seed() {
    let mut trial = Trial::of(programs!());
    for (name, link, frame) in truncations() {
        // As its own kind, and as what it is not.
        let other = if link == Link::Ethernet { Link::Raw } else { Link::Ethernet };
        for link in [link, other] {
            for direction in Direction::ALL {
                let same = trial.compare(&frame, link, *direction, Merged::default());
                assert_eq!(same, Ok(()), "{name}");
            }
        }
    }
    println!("truncations of seeds: {:?}", trial.score);
    assert!(trial.score.compared >= ENOUGH, "{:?}", trial.score);
}

#[test]
fn damaged_stacks_and_merged_buffers() {
    let mut trial = Trial::of(programs!());
    let merged = (select(vec![0, 0, 1, 40, 536, 1448, 65_535]), prop_oneof![Just(0), 0..400_u16])
        .prop_map(|(size, segments)| Merged { size, segments });
    let config = Config { cases: ENOUGH, failure_persistence: None, ..Config::default() };
    let cell = std::cell::RefCell::new(&mut trial);
    let outcome = TestRunner::new(config).run(
        &(generate::frame(), merged),
        |((frame, link, remote), merged)| {
            let direction = match remote {
                Remote::Source => Direction::Ingress,
                Remote::Destination => Direction::Egress,
            };
            let same = cell.borrow_mut().compare(&frame, link, direction, merged);
            same.map_err(TestCaseError::fail)
        },
    );
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    println!("damaged stacks: {:?}", trial.score);
}

#[test]
fn large_frames() {
    let mut trial = Trial::of(programs!());
    for (name, link, mut frame) in truncations().filter(|(.., frame)| frame.len() >= 60) {
        // The largest that a trial takes is a page without head and tail room.
        frame.resize(if frame.len() % 2 == 0 { 3000 } else { 3700 }, 0x61);
        for direction in Direction::ALL {
            let same = trial.compare(&frame, link, *direction, Merged { size: 1448, segments: 0 });
            assert_eq!(same, Ok(()), "{name}, lengthened");
        }
    }
    println!("large frames: {:?}", trial.score);
    assert!(trial.score.compared > 0);
}

#[test]
fn a_device_that_the_table_does_not_know_is_ethernet_and_other() {
    let mut trial = Trial::of(programs!());
    trial.programs.enter(LOOPBACK, SLOT, None);
    for (name, _, frame) in truncations().filter(|(.., frame)| frame.len() == 54) {
        for direction in Direction::ALL {
            let merged = Merged::default();
            let same = trial.compare_at(OTHER_SLOT, &frame, Link::Ethernet, *direction, merged);
            assert_eq!(same, Ok(()), "{name}");
        }
    }
    assert!(trial.score.compared > 0);
}

#[test]
fn captured_frames() {
    let mut trial = Trial::of(programs!());
    let Some(folder) = captures::folder() else {
        println!("SKIPPED: no folder of captures; name one in NETMON_CAPTURES");
        return;
    };
    // Once as frames of their own, and once as they follow each other.
    let mut conversation = Trial::of(programs!());
    conversation.programs.enter(LOOPBACK, SLOT, Some(Link::Ethernet));
    let mut file = None;
    for (name, frame) in captures::frames(&folder) {
        // Of one file, so that it does not take as long as queries wait.
        let of = name.split(',').next().map(str::to_owned);
        if of != file {
            conversation.programs.lookups.forget();
            file = of;
        }
        let (link, merged) = (Link::Ethernet, Merged::default());
        let same = conversation.compare_on(SLOT, &frame, link, Direction::Egress, merged);
        assert_eq!(same, Ok(()), "{name}, behind others");
        for direction in Direction::ALL {
            let same = trial.compare(&frame, Link::Ethernet, *direction, Merged::default());
            assert_eq!(same, Ok(()), "{name}");
        }
    }
    println!("captured frames: {:?}", trial.score);
    println!("{:?}", conversation.programs.lookups.ledger.lookups.events);
    assert!(trial.score.compared > 0, "{}: no capture", folder.display());
}
