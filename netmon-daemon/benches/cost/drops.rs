//! The cost per packet that the kernel drops: a flood of frames for another host, which
//! IP drops first of all, so that nothing is faster; timed by the kernel's own
//! statistics of the program.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use aya::{
    Btf, Ebpf,
    maps::PerCpuArray,
    programs::BtfTracePoint,
    sys::{Stats, enable_stats},
};
use netmon_common::abi::tcp::{DROP_REASONS, Dropped};

use crate::{
    frames,
    lane::{FRAMES, Lane, ROUNDS, Runs},
    objects, verdict,
};

const TRACEPOINT: &str = "kfree_skb";

/// What the flood showed.
pub(crate) struct Drops {
    /// Nanoseconds over an empty program.
    pub(crate) added: f64,
    /// Packets that were dropped in a second.
    pub(crate) rate: f64,
    /// Packets that were dropped and not counted.
    pub(crate) lost: u64,
}

/// Floods an empty program and netmon's in turn. Others may have packets dropped
/// meanwhile; these are counted as well.
pub(crate) fn measure() -> Drops {
    let lane = Lane::new();
    let frames = frames::all();
    let (_, frame) = frames.iter().find(|(name, _)| *name == "udp").unwrap();
    let types = Btf::from_sys_fs().unwrap();
    let (mut netmon, mut reference) =
        (verdict::load(objects::NETMON).unwrap(), objects::reference());
    for (ebpf, name) in [(&mut netmon, "drop_tp_btf"), (&mut reference, "empty_drop")] {
        program(ebpf, name).load(TRACEPOINT, &types).unwrap();
    }
    // On as long as this is held, without a trace afterwards.
    let _statistics = enable_stats(Stats::RunTime).unwrap();
    let mut best = [f64::MAX; 2];
    let (mut lost, mut fastest) = (0, Duration::MAX);
    for _ in 0..ROUNDS {
        let empty = during(program(&mut reference, "empty_drop"), || lane.flood(frame));
        let before = counted(&netmon);
        let begun = Instant::now();
        let ours = during(program(&mut netmon, "drop_tp_btf"), || lane.flood(frame));
        fastest = fastest.min(begun.elapsed());
        let counted = counted(&netmon) - before;
        assert!(counted >= ours.count, "every run of the program counts one packet");
        lost += u64::from(FRAMES).saturating_sub(counted);
        best = [best[0].min(empty.mean()), best[1].min(ours.mean())];
    }
    Drops { added: best[1] - best[0], rate: f64::from(FRAMES) / fastest.as_secs_f64(), lost }
}

/// What a program did while it was attached and `work` was done.
fn during(program: &mut BtfTracePoint, work: impl Fn()) -> Runs {
    let link = program.attach().unwrap();
    let runs = Runs::during(program.fd().unwrap().as_fd(), work);
    program.detach(link).unwrap();
    runs
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut BtfTracePoint {
    ebpf.program_mut(name).expect("a program of this name").try_into().unwrap()
}

/// Packets that netmon counted, for whatever reason they were dropped.
fn counted(netmon: &Ebpf) -> u64 {
    let drops: PerCpuArray<_, [u64; DROP_REASONS * Dropped::WORDS]> =
        PerCpuArray::try_from(netmon.map("DROPS").unwrap()).unwrap();
    let drops = drops.get(&0, 0).unwrap();
    let words = drops.iter().flat_map(|words| words.as_chunks().0);
    words.map(|words| Dropped::from_words(words).packets).sum()
}
