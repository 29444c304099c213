//! DNS at 2,000 queries a second: dnsperf asks each kind of server over UDP and TCP.
//! Its report, a capture and netmon must say the same, whichever end netmon is at.

use std::time::{Duration, Instant};

use super::{
    Scene, Side,
    asking::{Load, Report, SHORT, Transport},
    nothing_raised,
    servers::{Server, silent},
    witness::Seen,
};
use crate::{
    capture::Capturing,
    daemon::Netmon,
    deadline::until_ok,
    histogram::Histogram,
    requirement::require,
    stage::{DEVICE, Settled, among_others},
};

/// Queries of a run, about: as many times all that a server is asked.
const QUERIES: u64 = 6000;
const RATE: u32 = 2000;

/// Who is asked, over what, and over which version of IP (its index).
const RUNS: [(Server, Transport, usize); 6] = [
    (Server::Dnsmasq, Transport::Udp, 0),
    (Server::Dnsmasq, Transport::Tcp, 1),
    (Server::Unbound, Transport::Udp, 1),
    (Server::Unbound, Transport::Tcp, 0),
    (Server::Named, Transport::Udp, 0),
    (Server::Named, Transport::Tcp, 1),
];

#[test]
fn messages_are_what_dnsperf_says_at_the_client() {
    require!("dnsmasq", "dnsperf", "dnssec-signzone", "named", "tcpdump", "tshark", "unbound");
    let _among = among_others();
    counted(Side::Client);
}

#[test]
fn messages_are_what_dnsperf_says_at_the_server() {
    require!("dnsmasq", "dnsperf", "dnssec-signzone", "named", "tcpdump", "tshark", "unbound");
    let _among = among_others();
    counted(Side::Server);
}

fn counted(side: Side) {
    let scene = Scene::new(side);
    for (server, transport, family) in RUNS {
        let what = format!("{side:?}, {server:?}, {transport:?}");
        let _serving = server.start(&scene);
        let netmon = scene.stage.netmon();
        let before = scene.stage.settled(&netmon);
        let capturing = Capturing::start(&scene.stage.host, DEVICE);
        let short = server == Server::Dnsmasq && transport == Transport::Tcp;
        let load = Load {
            server: scene.servers()[family],
            transport,
            rate: RATE,
            rounds: QUERIES / server.cases().len() as u64,
            options: if short { &SHORT } else { &[] },
        };
        let report =
            load.run(scene.asking(), server.cases().iter().map(|(question, ..)| *question));
        let after = scene.stage.settled(&netmon);
        let seen = Seen::of(&capturing.stop());
        tools_agree(&seen, &load, &report, server, &what);
        seen.agrees(&before, &after, scene.directions(), &what);
        if transport == Transport::Udp {
            after.same_packets(&before, DEVICE);
        }
        lookups_agree(&seen, transport, &before, &after, &what);
        let truncated = after.grew(&before, "netmon_dns_truncated_total", &[]);
        assert_eq!(truncated, seen.truncated, "{what}");
        assert_eq!(after.grew(&before, "netmon_dns_timeouts_total", &[]), 0, "{what}");
        nothing_raised(&netmon);
        netmon.stop();
    }
}

/// Asserts that dnsperf and the capture say the same of what was asked.
fn tools_agree(seen: &Seen, load: &Load<'_>, report: &Report, server: Server, what: &str) {
    assert_eq!(seen.totals(load.transport), [report.sent, report.completed], "{what}");
    assert_eq!(report.completed, report.sent, "{what}");
    let labelled = |label: &str| {
        let asked = seen.queries.iter().filter(|(key, _)| key.2 == label);
        asked.map(|(_, count)| count).sum::<u64>()
    };
    for (_, kind, _) in server.cases() {
        let questions = server.cases().iter().filter(|(_, other, _)| other == kind).count();
        assert_eq!(labelled(kind), load.rounds * questions as u64, "{what}: {kind}");
    }
    for (_, _, code) in server.cases() {
        let answers = seen.responses.iter().filter(|(key, _)| key.2 == *code);
        let seen: u64 = answers.map(|(_, count)| count).sum();
        assert_eq!(seen, report.answers[*code], "{what}: {code}: {report:?}");
    }
    let cut = server == Server::Named && load.transport == Transport::Udp;
    assert_eq!(seen.truncated, if cut { load.rounds } else { 0 }, "{what}");
}

/// Asserts that every lookup was timed, as the capture times it.
fn lookups_agree(seen: &Seen, transport: Transport, before: &Settled, after: &Settled, what: &str) {
    let labels = [("transport", transport.name())];
    let found =
        Histogram::between(&before.scrape, &after.scrape, "netmon_dns_lookup_seconds", &labels);
    let times = seen.times(transport);
    assert_eq!(found.count, times.len() as u64, "{what}");
    found.agrees(&times, what);
    let lost = after.grew(before, "netmon_events_lost_total", &[("source", "dns_lookups")]);
    assert_eq!(lost, 0, "{what}");
}

/// Over the loopback a message is sent and received on one device.
#[test]
fn messages_of_the_loopback_count_once_and_apart() {
    require!("dnsmasq", "dnsperf");
    let _among = among_others();
    let scene = Scene::new(Side::Server);
    let _serving = Server::Dnsmasq.start(&scene);
    let netmon = scene.stage.netmon();
    let before = netmon.fresh();
    let rounds = 100;
    for (transport, options) in [(Transport::Udp, &[][..]), (Transport::Tcp, &SHORT)] {
        let load = Load { server: scene.server(), transport, rate: RATE, rounds, options };
        let report = load.run(scene.serving(), ["www.known.test A", "known.test AAAA"]);
        assert_eq!(report.completed, 2 * rounds);
        until_ok("messages are counted", || {
            let after = netmon.fresh();
            let grew = |name: &str, vantage: &str, more: &[(&str, &str)]| {
                let labels = [("vantage", vantage), ("transport", transport.name())];
                let labels = [&labels[..], more].concat();
                after.so_far(name, &labels) - before.so_far(name, &labels)
            };
            let queries = |vantage: &str, kind: &str| {
                grew("netmon_dns_queries_total", vantage, &[("qtype", kind)])
            };
            let counted = [
                queries("loopback", "A"),
                queries("loopback", "AAAA"),
                grew("netmon_dns_responses_total", "loopback", &[]),
                grew("netmon_dns_queries_total", "boundary", &[]),
            ];
            let wanted = [rounds, rounds, 2 * rounds, 0];
            if counted == wanted { Ok(()) } else { Err(format!("{counted:?}, not {wanted:?}")) }
        });
    }
    netmon.stop();
}

/// Queries of which nobody hears again.
const UNANSWERED: u64 = 600;
/// How soon all of them are known: five seconds, and what the run and looking take.
const PROMPTLY: Duration = Duration::from_secs(12);

#[test]
fn queries_without_an_answer_are_timeouts() {
    require!("dnsperf");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _silent = silent(scene.serving(), scene.server());
        let netmon = scene.stage.netmon();
        let before = netmon.fresh();
        let load = Load {
            server: scene.server(),
            transport: Transport::Udp,
            rate: RATE,
            rounds: UNANSWERED / 2,
            // Without `-q` it waits for the first hundred.
            options: &["-q", "5000", "-t", "1"],
        };
        let began = Instant::now();
        let report = load.run(scene.asking(), ["www.silent.test A", "silent.test TXT"]);
        assert_eq!((report.sent, report.completed), (UNANSWERED, 0));
        timed_out(&netmon, &before, UNANSWERED, &format!("{side:?}"));
        let took = began.elapsed();
        assert!(took <= PROMPTLY, "{side:?}: {took:?}");
        let after = netmon.fresh();
        let answered = Histogram::between(&before, &after, "netmon_dns_lookup_seconds", &[]);
        assert_eq!(answered.count, 0, "{side:?}");
        netmon.stop();
    }
}

/// Awaits that so many queries count as timeouts, and that there are no more.
pub(super) fn timed_out(
    netmon: &Netmon<'_>,
    before: &crate::exposition::Exposition,
    wanted: u64,
    what: &str,
) {
    let name = "netmon_dns_timeouts_total";
    until_ok("queries time out", || {
        let counted = netmon.fresh().so_far(name, &[]) - before.so_far(name, &[]);
        assert!(counted <= wanted, "{what}: {counted} of {wanted} timed out");
        if counted == wanted { Ok(()) } else { Err(format!("{what}: {counted} of {wanted}")) }
    });
}
