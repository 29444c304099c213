//! Captures of others, replayed onto the device that netmon watches: what must be raised is
//! raised, and what must not is not.
//!
//! What the one side of a capture sent arrives, and what the other side sent leaves, as if
//! this host were the other side. Addresses are foreign to it, and it drops what arrives
//! behind the programs that count.

use std::{collections::BTreeSet, thread};

use serde_json::Value;

use crate::{
    daemon::{FAST, Netmon},
    manifest::{self, Row, detectors},
    netns::veth,
    requirement::require,
    stage::{DEVICE, PEER_DEVICE, Stage, alone, among_others},
};

/// How long a capture may take; longer ones are replayed faster.
const SECONDS: f64 = 4.0;
/// But those in which nothing is wrong not so much faster that they were a flood, in packets
/// a second on average.
const CALM: f64 = 200.0;
/// How many are replayed at once, each onto a stage of its own.
const AT_ONCE: usize = 4;
/// How often to look for a red flag once a capture is over: with the tick of a tenth of a
/// second some seconds.
const LOOKS: usize = 10;
/// The longest frame of the devices: a header of Ethernet and the most that veth takes.
const LONGEST: u64 = 14 + 65_535;
/// A way around netmon to the other end, for what is to arrive from there.
const ASIDE: &str = "aside0";
const PEER_ASIDE: &str = "aside1";

/// Which side of a capture this host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Those who were spoken to first.
    Servers,
    /// All others.
    Clients,
}

#[test]
fn attacks_of_captures_are_raised() {
    require!("tc", "tcpprep", "tcpreplay");
    let Some(rows) = rows() else { return };
    let _among = among_others();
    let rows: Vec<&Row> = rows.iter().filter(|row| row.columns["class"].as_str() == "P").collect();
    let attacks = rows.chunks(AT_ONCE).flat_map(|rows| {
        at_once(rows.iter().map(|row| || attack(row))).into_iter().flatten().collect::<Vec<_>>()
    });
    let missed: Vec<String> = attacks.collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The captures that are at hand; none, having said so, where there are none.
fn rows() -> Option<Vec<Row>> {
    let folder = manifest::folder();
    if folder.is_none() {
        say("SKIPPED: no captures: set NETMON_CAPTURES to a folder with a manifest.tsv");
    }
    folder.map(|folder| manifest::rows(&folder))
}

/// Replays a capture, and says what is missed.
fn attack(row: &Row) -> Option<String> {
    let stage = stage();
    let netmon = start(&stage);
    if !play(&stage, row, Side::Servers) {
        netmon.stop();
        return None;
    }
    let mut raised = BTreeSet::new();
    let missed = (0..LOOKS).find_map(|look| {
        netmon.fresh();
        raised = names(&netmon.red_flags());
        let answered = |word: &&str| detectors(word).any(|name| raised.contains(name));
        let missed: Vec<&str> = row.must().into_iter().filter(|word| !answered(word)).collect();
        (missed.is_empty() || look + 1 == LOOKS).then_some(missed)
    });
    netmon.stop();
    let missed = missed.unwrap_or_default();
    let verdict = format!("{}: {raised:?} raised, {missed:?} missed", &row.columns["id"]);
    say(&verdict);
    (!missed.is_empty()).then_some(verdict)
}

#[test]
fn what_is_well_or_damaged_in_captures_raises_nothing() {
    require!("tc", "tcpprep", "tcpreplay");
    let Some(rows) = rows() else { return };
    let _alone = alone();
    let rows: Vec<&Row> =
        rows.iter().filter(|row| ["N", "M"].contains(&row.columns["class"].as_str())).collect();
    let halves = [0, 1].map(|half| rows.iter().skip(half).step_by(2).copied().collect());
    let halves: [Vec<&Row>; 2] = halves;
    let lanes = [Side::Servers, Side::Clients]
        .into_iter()
        .flat_map(|side| halves.iter().map(move |rows| move || quiet(rows, side)));
    let wrong: Vec<String> = at_once(lanes).into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Replays captures one after the other, and says what is raised and must not be.
fn quiet(rows: &[&Row], side: Side) -> Vec<String> {
    let stage = stage();
    let netmon = start(&stage);
    let (mut allowed, mut known, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    // What is raised late is known by the last one.
    let mut look = |what: &str, looks: usize, allowed: &BTreeSet<&str>| {
        for _ in 0..looks {
            netmon.fresh();
        }
        let flags = netmon.red_flags();
        let raised: Vec<String> = names(&flags).difference(&known).cloned().collect();
        say(&format!("{what}, {side:?}: {raised:?} raised"));
        if raised.iter().any(|name| !allowed.contains(name.as_str())) {
            wrong.push(format!("{what}, {side:?}: {}", flags["red_flags"]));
        }
        known.extend(raised);
    };
    for row in rows {
        if play(&stage, row, side) {
            allowed.extend(row.allowed());
            look(&row.columns["id"], 1, &allowed);
        }
    }
    look("afterwards", LOOKS, &allowed);
    netmon.stop();
    wrong
}

/// A stage whose devices take every frame that there is, and on which the host can make
/// frames arrive.
fn stage() -> Stage {
    let stage = Stage::new();
    veth(&stage.host, ASIDE, &stage.peer, PEER_ASIDE);
    for (namespace, devices) in
        [(&stage.host, [DEVICE, ASIDE]), (&stage.peer, [PEER_DEVICE, PEER_ASIDE])]
    {
        for device in devices {
            namespace.ip_batch(&format!("link set dev {device} mtu 65535\n"));
        }
    }
    stage.peer.run(["tc", "qdisc", "add", "dev", PEER_ASIDE, "clsact"]);
    let redirect = "protocol all u32 match u32 0 0 action mirred egress redirect dev";
    let words = ["tc", "filter", "add", "dev", PEER_ASIDE, "ingress"];
    stage.peer.run(words.into_iter().chain(redirect.split(' ')).chain([PEER_DEVICE]));
    stage
}

/// netmon, which does not look at the way around it.
fn start(stage: &Stage) -> Netmon<'_> {
    Netmon::start(&stage.host, &[FAST, ("NETMON_INTERFACES__EXCLUDE", ASIDE)])
}

/// Replays a capture at its speed, or faster; says why, where it cannot be replayed.
fn play(stage: &Stage, row: &Row, side: Side) -> bool {
    let number = |column: &str| row.columns[column].parse::<f64>().unwrap();
    let (id, kind) = (&row.columns["id"], row.columns["linktype"].as_str());
    let longest: u64 = row.columns["max_frame"].parse().unwrap();
    if kind != "1" || longest > LONGEST {
        say(&format!("{id} is passed over: link type {kind}, frames of {longest} bytes"));
        return false;
    }
    let calm = if row.columns["class"].as_str() == "P" { 0.0 } else { number("packets") / CALM };
    let faster = (number("duration_s") / SECONDS.max(calm)).max(1.0).to_string();
    let file = row.path.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sides = folder.path().join("sides");
    let sides = sides.to_str().unwrap();
    stage.host.run(["tcpprep", "--auto=first", "--pcap", file, "--cachefile", sides]);
    let [client, server] = match side {
        Side::Servers => [ASIDE, DEVICE],
        Side::Clients => [DEVICE, ASIDE],
    };
    let words = ["tcpreplay", "--quiet", "--multiplier", &faster, "--cachefile", sides];
    let ways = ["--intf1", client, "--intf2", server, file];
    let said = String::from_utf8(stage.host.run(words.into_iter().chain(ways))).unwrap();
    let sent = format!("Actual: {} packets ", row.columns["packets"]);
    assert!(said.contains(&sent), "{id}: {said}");
    true
}

/// Does all of it at once.
fn at_once<T: Send, F: FnOnce() -> T + Send>(work: impl IntoIterator<Item = F>) -> Vec<T> {
    thread::scope(|scope| {
        let begun: Vec<_> = work.into_iter().map(|one| scope.spawn(one)).collect();
        begun.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// The detectors that raised something.
fn names(flags: &Value) -> BTreeSet<String> {
    let rows = flags["red_flags"].as_array().unwrap().iter();
    rows.map(|row| row["detector"].as_str().unwrap().to_owned()).collect()
}

#[expect(clippy::print_stdout, reason = "rows are told one by one")]
fn say(what: &str) {
    println!("{what}");
}
