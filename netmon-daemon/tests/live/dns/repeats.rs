//! Applications that resolve a name for every request, and their twins that remember
//! it: the first are raised within a minute, the second never. And names that are
//! asked for with every domain of a search list.
//!
//! `REPEATS_MINUTES` makes it as long as one likes, at least 70 seconds.

use std::{
    collections::BTreeMap,
    env, fs,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use super::{
    Scene, Side,
    message::{A, id, query},
    rows,
    servers::{TTL, dnsmasq},
};
use crate::{
    deadline::{pass, until_ok},
    requirement::require,
    stage::among_others,
};

/// What dnsmasq knows, and a domain in which it knows nothing.
const KNOWN: [&str; 2] = ["--address=/known.test/192.0.2.1", "--local=/corp.example/"];

/// The address of the twin, beside those of the scene.
const TWIN: &str = "10.0.0.3";

/// Names of services, one for each request in turn.
const NAMES: [&str; 3] = ["db.known.test", "cache.known.test", "api.known.test"];

/// Time between requests.
const PERIOD: Duration = Duration::from_millis(200);
/// How soon it is to be raised: within a minute, and before waiting ends anyway.
const SOON: Duration = Duration::from_secs(59);
/// How long the applications run, at least.
const LEAST: Duration = Duration::from_secs(70);

fn duration() -> Duration {
    let minutes = env::var("REPEATS_MINUTES").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(60 * minutes.unwrap_or(0)).max(LEAST)
}

/// Makes requests until the time is over; says how many, and how often it asked for a
/// name. With a cache it asks again when the answer is no longer valid.
fn application(scene: &Scene, address: &str, cache: bool, end: Instant) -> [u64; 2] {
    let socket = scene.asking().enter(|| UdpSocket::bind((address, 0)).unwrap());
    socket.connect((scene.server(), 53)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut valid: BTreeMap<&str, Instant> = BTreeMap::new();
    let (mut requests, mut asked) = (0, 0);
    for name in NAMES.into_iter().cycle() {
        let now = Instant::now();
        if now >= end {
            break;
        }
        requests += 1;
        if !cache || valid.get(name).is_none_or(|until| now > *until) {
            asked += 1;
            let number = u16::try_from(asked % 65_536).unwrap();
            socket.send(&query(number, name, A)).unwrap();
            let mut answer = [0; 512];
            socket.recv(&mut answer).unwrap();
            assert_eq!(id(&answer), number);
            valid.insert(name, Instant::now() + Duration::from_secs(TTL));
        }
        pass(PERIOD);
    }
    [requests, asked]
}

#[test]
fn names_asked_for_again_and_again_are_raised_at_the_client() {
    require!("dnsmasq");
    let _among = among_others();
    repeated(Side::Client);
}

#[test]
fn names_asked_for_again_and_again_are_raised_at_the_server() {
    require!("dnsmasq");
    let _among = among_others();
    repeated(Side::Server);
}

fn repeated(side: Side) {
    let scene = Scene::new(side);
    let device =
        if side == Side::Client { crate::stage::DEVICE } else { crate::stage::PEER_DEVICE };
    scene.asking().ip_batch(&format!("address add {TWIN}/24 dev {device}\n"));
    let _serving = dnsmasq(scene.serving(), scene.servers(), &KNOWN);
    let netmon = scene.stage.netmon();
    let before = netmon.fresh();
    let began = Instant::now();
    let end = began + duration();
    let of = |subject: &str| {
        rows(&netmon, |row| row["detector"] == "dns_repeats" && row["subject"] == subject)
    };
    let (asked, raised) = thread::scope(|scope| {
        let without = scope.spawn(|| application(&scene, scene.client(), false, end));
        let with = scope.spawn(|| application(&scene, TWIN, true, end));
        let raised = until_ok("dns_repeats is raised, or time is up", || {
            let late = began.elapsed() >= SOON;
            match of(scene.client()).first() {
                Some(row) => Ok(Ok((row.clone(), began.elapsed()))),
                None if late => Ok(Err(netmon.red_flags())),
                None => Err("not yet"),
            }
        });
        let ([requests, asked], [twin, rarely]) = (without.join().unwrap(), with.join().unwrap());
        assert_eq!(asked, requests, "{side:?}");
        assert!(twin * 9 / 10 <= requests && rarely * 10 < twin, "{side:?}: {rarely} of {twin}");
        (asked, raised)
    });
    let (_, took) = raised.unwrap_or_else(|flags| panic!("{side:?}: not raised: {flags}"));
    say(side, took);
    assert_eq!(of(TWIN), [serde_json::Value::Null; 0], "{side:?}");
    // All but the first of each name, and one for each time that it was no longer valid.
    let name = "netmon_dns_repeat_queries_total";
    let counted = netmon.fresh().so_far(name, &[]) - before.so_far(name, &[]);
    let wanted = asked * 8 / 10..asked;
    assert!(wanted.contains(&counted), "{side:?}: {counted} repeated, not {wanted:?}");
    netmon.stop();
}

#[expect(clippy::print_stdout, reason = "how soon it was is worth knowing")]
fn say(side: Side, took: Duration) {
    println!("dns_repeats, {side:?}: raised after {took:.1?}");
}

/// Lookups of a name by the C library, with two domains to try first.
const LOOKUPS: u64 = 20;
const RESOLVE: &str = "
import socket, sys
for number in range(int(sys.argv[1])):
    found = socket.getaddrinfo('host%d.known.test' % number, 80, socket.AF_INET)
    assert found[0][4][0] == '192.0.2.1', found
";

#[test]
fn domains_of_a_search_list_are_told_apart() {
    require!("dnsmasq", "python3", "unshare", "mount");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _serving = dnsmasq(scene.serving(), scene.servers(), &KNOWN);
        let netmon = scene.stage.netmon();
        let before = netmon.fresh();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        let search = "search eu.corp.example corp.example\noptions ndots:5\n";
        fs::write(&file, format!("nameserver {}\n{search}", scene.server())).unwrap();
        // The file of the host stays as it is to everybody else.
        let script = "mount --bind \"$0\" /etc/resolv.conf && exec python3 -c \"$1\" \"$2\"";
        let words = ["unshare", "--mount", "sh", "-c", script, file.to_str().unwrap()];
        let lookups = LOOKUPS.to_string();
        scene.asking().run(words.into_iter().chain([RESOLVE, &*lookups]));
        until_ok("lookups are counted", || {
            let after = netmon.fresh();
            let grew = |name: &str, labels: &[(&str, &str)]| {
                after.so_far(name, labels) - before.so_far(name, labels)
            };
            let boundary = ("vantage", "boundary");
            let counted = [
                grew("netmon_dns_queries_total", &[boundary, ("qtype", "A")]),
                grew("netmon_dns_responses_total", &[boundary, ("rcode", "nxdomain")]),
                grew("netmon_dns_search_expansion_total", &[]),
            ];
            let wanted = [3 * LOOKUPS, 2 * LOOKUPS, 2 * LOOKUPS];
            if counted == wanted { Ok(()) } else { Err(format!("{counted:?}, not {wanted:?}")) }
        });
        // Names that do not exist, but of two domains alone.
        let raised = rows(&netmon, |row| row["detector"] == "dns_nxdomain");
        assert_eq!(raised, [serde_json::Value::Null; 0], "{side:?}");
        netmon.stop();
    }
}
