//! The cost per packet in passing: a flood over a pair of veth devices, timed by
//! the kernel's own statistics of the program, with everything that happens
//! between two packets in the caches too.

use std::os::fd::AsFd;

use aya::{
    Ebpf,
    maps::PerCpuArray,
    programs::{TcAttachType, tc::qdisc_add_clsact},
    sys::{Stats, enable_stats},
};
use netmon_common::abi::{labels::Direction, slot::tally_key, tally::Tally};

use crate::{
    Figures, frames,
    lane::{FRAMES, Lane, ROUNDS, Runs},
    netns::NetNs,
    objects,
};

const KINDS: [(&str, &str); 3] =
    [("data", "data_v4"), ("syn_flood", "syn_v4"), ("dns", "dns_query")];

/// What the floods showed.
pub(crate) struct Cold {
    /// Nanoseconds over an empty program by kind of frame.
    pub(crate) added: Figures,
    /// Packets that were sent and not counted.
    pub(crate) lost: u64,
}

/// Floods an empty program and netmon's in turn.
pub(crate) fn measure() -> Cold {
    let lane = Lane::new();
    let (mut netmon, mut reference) = (objects::netmon(lane.to, 0), objects::reference());
    // On as long as this is held, without a trace afterwards.
    let _statistics = enable_stats(Stats::RunTime).unwrap();
    let frames = frames::all();
    let mut added = Figures::new();
    let mut lost = 0;
    for (kind, name) in KINDS {
        let frame = &frames.iter().find(|(found, _)| *found == name).unwrap().1;
        let send = || lane.flood(frame);
        let mut best = [f64::MAX; 2];
        for _ in 0..ROUNDS {
            let empty = during(&lane.receiver, &mut reference, "empty", send);
            best[0] = best[0].min(empty.mean());
            let before = counted(&netmon);
            let ours = during(&lane.receiver, &mut netmon, "netmon_ingress", send);
            best[1] = best[1].min(ours.mean());
            let counted = counted(&netmon) - before;
            assert_eq!(ours.count, counted, "every run of the program counts one packet");
            lost += u64::from(FRAMES).saturating_sub(counted);
        }
        added.push((kind.to_owned(), best[1] - best[0]));
    }
    Cold { added, lost }
}

/// What a program did while it was attached and `work` was done.
fn during(namespace: &NetNs, ebpf: &mut Ebpf, program: &str, work: impl Fn()) -> Runs {
    let program = objects::classifier(ebpf, program);
    let link = namespace.enter(|| {
        // Where there is TCX, it is not needed and does no harm.
        let _ = qdisc_add_clsact("flood1");
        program.attach("flood1", TcAttachType::Ingress).unwrap()
    });
    let runs = Runs::during(program.fd().unwrap().as_fd(), work);
    namespace.enter(|| program.detach(link).unwrap());
    runs
}

/// Packets that netmon counted at the device.
fn counted(netmon: &Ebpf) -> u64 {
    let tallies: PerCpuArray<_, [u64; Tally::WORDS]> =
        PerCpuArray::try_from(netmon.map("TALLIES_BY_SLOT").unwrap()).unwrap();
    let key = tally_key(objects::SLOT.into(), Direction::Ingress);
    tallies.get(&key, 0).unwrap().iter().map(|words| Tally::from_words(words).packets()).sum()
}
