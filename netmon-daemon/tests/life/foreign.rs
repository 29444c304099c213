//! What others attached to the devices: it stays, and sees what it would see
//! without netmon.

use std::fs;

use aya::{
    Ebpf, EbpfLoader,
    maps::PerCpuArray,
    programs::{
        LinkOrder, SchedClassifier, TcAttachType,
        tc::{self, NlOptions, TcAttachOptions, TcHandle},
    },
};

use crate::{
    daemon::Daemon,
    deadline,
    frames::{Digest, pair, send},
    netns::{NetNs, require_kernel},
    objects::filters,
};

static REFERENCE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/reference"));

const POLICIES: [&str; 2] = ["auto", "clsact"];
const FRAMES: u64 = 500;

/// A program of somebody else that counts the packets it sees at `a0`.
pub(crate) struct Foreign {
    name: &'static str,
    direction: &'static str,
    ebpf: Ebpf,
}

impl Foreign {
    /// Attaches it; `direction` is `ingress` or `egress`.
    pub(crate) fn attach(
        namespace: &NetNs,
        name: &'static str,
        direction: &'static str,
        options: TcAttachOptions,
    ) -> Self {
        let mut ebpf = EbpfLoader::new().btf(None).load(REFERENCE).unwrap();
        let program: &mut SchedClassifier =
            ebpf.program_mut("counter").unwrap().try_into().unwrap();
        program.load().unwrap();
        let side = match direction {
            "ingress" => TcAttachType::Ingress,
            _ => TcAttachType::Egress,
        };
        namespace.enter(|| program.attach_with_options("a0", side, options).unwrap());
        Self { name, direction, ebpf }
    }

    /// Beneath clsact, which must be there.
    fn clsact(
        namespace: &NetNs,
        name: &'static str,
        direction: &'static str,
        priority: u16,
    ) -> Self {
        let handle = TcHandle::new(0, 7);
        let options = NlOptions { priority, handle, ..NlOptions::default() };
        Self::attach(namespace, name, direction, TcAttachOptions::Netlink(options))
    }

    fn tcx(
        namespace: &NetNs,
        name: &'static str,
        direction: &'static str,
        order: LinkOrder,
    ) -> Self {
        Self::attach(namespace, name, direction, TcAttachOptions::TcxOrder(order))
    }

    /// Packets that it saw.
    pub(crate) fn packets(&self) -> u64 {
        let counter: PerCpuArray<_, [u64; 2]> =
            self.ebpf.map("COUNTER").unwrap().try_into().unwrap();
        counter.get(&0, 0).unwrap().iter().map(|[packets, _]| packets).sum()
    }
}

fn configuration(policy: &str, warning: u32) -> String {
    format!(
        "[kernel]\ntick = \"100ms\"\ntc = \"{policy}\"\n[detectors.syn_flood]\nwarning = {warning}\n"
    )
}

#[test]
fn foreign_programs_survive_and_see_every_packet() {
    require_kernel!();
    for policy in POLICIES {
        let (a, b) = pair();
        a.enter(|| tc::qdisc_add_clsact("a0").unwrap());
        let mut foreign = Vec::new();
        for direction in ["ingress", "egress"] {
            foreign.push(Foreign::clsact(&a, "clsact before", direction, 1));
            foreign.push(Foreign::tcx(&a, "tcx before", direction, LinkOrder::last()));
        }
        let daemon = Daemon::start(&a, &configuration(policy, 100));
        for direction in ["ingress", "egress"] {
            foreign.push(Foreign::clsact(&a, "clsact after", direction, u16::MAX));
            foreign.push(Foreign::tcx(&a, "tcx first", direction, LinkOrder::first()));
            foreign.push(Foreign::tcx(&a, "tcx last", direction, LinkOrder::last()));
        }
        let check = |round: u64| {
            send(&a, "a0", FRAMES);
            send(&b, "b0", FRAMES);
            for it in &foreign {
                // The last frames may still be in the queue of a CPU.
                let what = format!("{} {} sees round {round}, {policy}", it.name, it.direction);
                deadline::until_true(&what, || it.packets() >= round * FRAMES);
                assert_eq!(it.packets(), round * FRAMES, "{what}");
            }
        };
        check(1);
        daemon.await_packets("a0", "ingress", FRAMES);
        daemon.await_packets("a0", "egress", FRAMES);
        fs::write(daemon.file(), configuration(policy, 200)).unwrap();
        daemon.signal("HUP");
        let threshold = r#"netmon_detector_threshold{detector="syn_flood",severity="warning"}"#;
        daemon.await_value(threshold, |value| value == 200.0);
        check(2);
        daemon.await_packets("a0", "ingress", 2 * FRAMES);
        daemon.await_packets("a0", "egress", 2 * FRAMES);
        daemon.stop();
        check(3);
    }
}

#[test]
fn a_filter_that_accepts_all_does_not_blind_tcx() {
    require_kernel!();
    let (a, b) = pair();
    a.run(["tc", "qdisc", "add", "dev", "a0", "clsact"]);
    // A match without an action ends the walk through the filters: TC_ACT_OK.
    let accept = "protocol all prio 1 bpf bytecode 1,6|0|0|4294967295, classid 1:1";
    for direction in ["ingress", "egress"] {
        let words = ["tc", "filter", "add", "dev", "a0", direction].into_iter();
        let accept = accept.split(' ').map(|word| word.replace('|', " "));
        a.run(words.map(str::to_owned).chain(accept));
    }
    let listed =
        || ["ingress", "egress"].map(|way| a.run(["tc", "filter", "show", "dev", "a0", way]));
    let before = listed();
    let daemon = Daemon::start(&a, "");
    send(&a, "a0", FRAMES);
    send(&b, "b0", FRAMES);
    daemon.await_packets("a0", "ingress", FRAMES);
    daemon.await_packets("a0", "egress", FRAMES);
    assert_eq!(listed(), before);
    daemon.stop();
    assert_eq!(listed(), before);
}

#[test]
fn an_ingress_qdisc_in_the_way_is_reported_and_left_alone() {
    require_kernel!();
    let (a, b) = pair();
    a.run(["tc", "qdisc", "add", "dev", "a0", "ingress"]);
    let is_there = || {
        let listed = String::from_utf8(a.run(["tc", "qdisc", "show", "dev", "a0"])).unwrap();
        listed.contains("qdisc ingress")
    };
    let daemon = Daemon::start(&a, "");
    assert_eq!(daemon.interface("a0").unwrap()["counting"], true, "TCX needs no qdisc");
    daemon.stop();
    assert!(is_there());

    let daemon = Daemon::start(&a, "[kernel]\ntick = \"100ms\"\ntc = \"clsact\"\n");
    let a0 = daemon.interface("a0").unwrap();
    assert_eq!(a0["counting"], false, "{a0}");
    let why = a0["not_counting_because"].as_str().unwrap();
    assert!(why.contains("the qdisc ingress stands where clsact belongs"), "{why}");
    assert_eq!(daemon.interface("lo").unwrap()["counting"], true);
    let trusted = r#"netmon_detector_trusted{detector="syn_flood"}"#;
    assert_eq!(daemon.value(trusted), Some(0.0));
    assert!(daemon.log().contains("WARN"), "{}", daemon.log());
    assert!(is_there());

    a.run(["tc", "qdisc", "del", "dev", "a0", "ingress"]);
    daemon.await_value(trusted, |value| value == 1.0);
    assert_eq!(daemon.interface("a0").unwrap()["counting"], true);
    let before = daemon.interface("a0").unwrap()["ingress"]["packets"].as_u64().unwrap();
    send(&b, "b0", FRAMES);
    daemon.await_packets("a0", "ingress", before + FRAMES);
    daemon.stop();
}

#[test]
fn a_clsact_qdisc_that_is_removed_is_missed_and_replaced() {
    require_kernel!();
    let (a, b) = pair();
    let daemon = Daemon::start(&a, &configuration("clsact", 100));
    send(&b, "b0", FRAMES);
    daemon.await_packets("a0", "ingress", FRAMES);
    a.run(["tc", "qdisc", "del", "dev", "a0", "clsact"]);
    let lost = "somebody took it away";
    deadline::until_true("the log tells of it", || daemon.log().contains(lost));
    deadline::until_true("it is counted again", || filters(&a, "a0", "ingress") == 1);
    send(&b, "b0", FRAMES);
    daemon.await_packets("a0", "ingress", 2 * FRAMES);
    assert_eq!(daemon.interface("a0").unwrap()["counting"], true);
    daemon.stop();
}

#[test]
fn frames_pass_unchanged() {
    require_kernel!();
    let (a, b) = pair();
    let digests = || {
        let out = Digest::start(&b, "b0", FRAMES);
        send(&a, "a0", FRAMES);
        let back = Digest::start(&a, "a0", FRAMES);
        send(&b, "b0", FRAMES);
        [out.finish(), back.finish()]
    };
    let without = digests();
    assert_eq!(without[0], without[1]);
    for policy in POLICIES {
        let daemon = Daemon::start(&a, &configuration(policy, 100));
        assert_eq!(digests(), without, "{policy}");
        daemon.await_packets("a0", "ingress", FRAMES);
        daemon.await_packets("a0", "egress", FRAMES);
        daemon.stop();
    }
}
