//! What is left in the kernel when the daemon ends, by which signal soever.

use std::{io::Write as _, net::TcpStream, time::Instant};

use crate::{
    daemon::Daemon,
    deadline,
    netns::{NetNs, require_kernel, veth},
    objects::{self, Kind, Objects, alive, filters, has_clsact},
};

const CLSACT: &str = "[kernel]\ntc = \"clsact\"\n";

/// Moments of a kill: once the process holds this many eBPF objects, or, after
/// them, while it stops.
const MOMENTS: [usize; 7] = [0, 1, 3, 6, 10, 13, 16];

fn await_gone(objects: &Objects) {
    deadline::until_true(&format!("{objects:?} are gone"), || alive(objects).is_empty());
}

/// Everything that a daemon held at some time until it ended.
fn held_until_end(daemon: &mut Daemon<'_>, end: impl Fn(&Daemon<'_>, &Objects) -> bool) -> Objects {
    let mut all = Objects::new();
    deadline::until_true("the moment to kill", || {
        let now = objects::held(daemon.pid());
        let moment = end(daemon, &now);
        all.extend(now);
        moment
    });
    daemon.signal("KILL");
    assert_eq!(daemon.await_end().code(), None);
    all
}

#[test]
fn a_killed_daemon_leaves_nothing() {
    require_kernel!();
    let namespace = NetNs::new();
    veth(&namespace, "a0", &namespace, "a1");
    let mut seen = 0;
    for moment in MOMENTS {
        let mut daemon = Daemon::spawn(&namespace, "", |_| {});
        let all = held_until_end(&mut daemon, |_, now| now.len() >= moment);
        await_gone(&all);
        seen = seen.max(all.len());
    }
    assert!(seen >= 16, "the daemon held only {seen} objects");

    let mut daemon = Daemon::start(&namespace, "");
    let all = objects::held(daemon.pid());
    let count = |kind| all.iter().filter(|object| object.0 == kind).count();
    assert!(count(Kind::Link) >= 6, "both directions of three devices: {all:?}");
    assert_eq!(alive(&all), all);
    daemon.signal("TERM");
    daemon.signal("KILL");
    daemon.await_end();
    await_gone(&all);
}

#[test]
fn a_killed_daemon_is_cleaned_up_after_by_the_next_one() {
    require_kernel!();
    let namespace = NetNs::new();
    veth(&namespace, "a0", &namespace, "a1");
    namespace.run(["tc", "qdisc", "add", "dev", "a0", "clsact"]);
    let own =
        |device| [filters(&namespace, device, "ingress"), filters(&namespace, device, "egress")];
    for round in 0..10 {
        let mut daemon = Daemon::start(&namespace, CLSACT);
        for device in ["lo", "a0", "a1"] {
            assert_eq!(own(device), [1, 1], "{device}, round {round}");
        }
        daemon.signal("KILL");
        daemon.await_end();
        assert_eq!(own("a0"), [1, 1], "the filters of clsact outlive the process");
    }
    // Whatever mechanism the next one uses, packets are not counted twice.
    let daemon = Daemon::start(&namespace, "");
    for device in ["lo", "a0", "a1"] {
        assert_eq!(own(device), [0, 0], "{device}");
    }
    daemon.stop();
}

#[test]
fn a_daemon_that_stops_takes_its_filters_and_no_qdisc() {
    require_kernel!();
    let namespace = NetNs::new();
    veth(&namespace, "a0", &namespace, "a1");
    namespace.run(["tc", "qdisc", "add", "dev", "a0", "clsact"]);
    for signal in ["TERM", "INT"] {
        for configuration in ["", CLSACT] {
            let mut daemon = Daemon::start(&namespace, configuration);
            let all = objects::held(daemon.pid());
            daemon.signal(signal);
            assert_eq!(daemon.await_end().code(), Some(0), "{}", daemon.log());
            await_gone(&all);
            for device in ["lo", "a0", "a1"] {
                for direction in ["ingress", "egress"] {
                    assert_eq!(filters(&namespace, device, direction), 0, "{device} {direction}");
                }
            }
            assert!(has_clsact(&namespace, "a0"), "it was there before");
        }
    }
}

#[test]
fn a_slow_client_does_not_hold_up_the_end() {
    require_kernel!();
    let namespace = NetNs::new();
    let mut daemon = Daemon::start(&namespace, "");
    let connect = || TcpStream::connect(("127.0.0.1", netmon::config::DEFAULT_PORT)).unwrap();
    let _silent = namespace.enter(connect);
    let mut slow = namespace.enter(connect);
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
    // Both were accepted before this answer.
    assert!(daemon.get("/-/healthy").is_some());
    let begun = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.await_end().code(), Some(0), "{}", daemon.log());
    assert!(begun.elapsed().as_secs() < 10, "it took {:?}", begun.elapsed());
}
