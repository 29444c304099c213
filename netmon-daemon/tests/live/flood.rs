//! A flood: 400,000 connection requests, each from an address of its own, as
//! fast as hping3 can. Nothing may be lost, and nothing may grow.

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    daemon::Netmon,
    deadline::until_ok,
    netns::{NetNs, Running},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, Settled, Stage, alone, among_others},
    statistics::Device,
};

const REQUESTS: u64 = 400_000;
/// How soon a flood is to be raised once it began: within two ticks, on a machine that does
/// a lot besides.
const SOON: Duration = Duration::from_secs(3);
/// How much resident memory may grow while they come, in bytes.
const GROWTH: u64 = 2 * 1024 * 1024;

/// What the families begin with that tell of red flags, of the audit, which comes
/// every 15 seconds, or of the whole kernel, to which other tests are known as well;
/// their rows are of closed sets.
const OTHERS: [&str; 5] =
    ["netmon_audit_", "netmon_red_flag", "netmon_tcp_", "netmon_drop", "netmon_series"];

/// Counts the requests on their way in, beside netmon and unlike it.
const COUNTER: &str = "
    table netdev witness {
        chain ingress {
            type filter hook ingress device net0 priority 0
            tcp flags & (syn | ack) == syn counter
        }
    }";

#[test]
fn a_flood_is_counted_to_the_last_packet() {
    require!("hping3", "nft", "setpriv");
    let _alone = alone();
    let stage = Stage::new();
    // The answers, resets, take the way back.
    stage.host.ip_batch(&format!("route add default via {PEER_ADDRESS}\n"));
    stage.host.run(["nft", COUNTER]);
    let netmon = Netmon::start(&stage.host, &[]);
    let before = stage.settled(&netmon);

    let sent = flood(&stage);
    let row = netmon.raised("syn_flood", "critical");
    assert_eq!(row["subject"], "host", "{row}");
    assert!(
        row["evidence"]["sources"].as_u64() > Some(1000),
        "each has a source of its own: {row}"
    );

    let after = stage.settled(&netmon);
    let kernel = after.same_packets(&before, DEVICE);
    assert!(kernel.ingress.packets >= REQUESTS && kernel.egress.packets > 0, "{kernel:?}");
    let labels = [("vantage", "boundary"), ("direction", "ingress"), ("flag", "syn")];
    let counted = after.moved(&before, "netmon_tcp_flags_total", &labels);
    assert_eq!(counted, witnessed(&stage.host));
    // hping3 counts a packet after it went out, and is interrupted anywhere.
    assert!((sent..=sent + 1).contains(&counted), "{sent} sent, {counted} counted");
    let wanted = |series: &str| {
        series.starts_with("netmon_tcp_flags") || !OTHERS.iter().any(|it| series.starts_with(it))
    };
    assert_eq!(after.scrape.new_since(&before.scrape, wanted), [""; 0]);
    let memory = |at: &Settled| at.scrape.sum("process_resident_memory_bytes", &[]);
    let growth = memory(&after).saturating_sub(memory(&before));
    assert!(growth <= GROWTH, "{growth} bytes more");

    until_ok("the red flag is cleared", || {
        let labels = [("detector", "syn_flood")];
        match netmon.scrape().sum("netmon_red_flag_active", &labels) {
            0 => Ok(()),
            active => Err(format!("{active} active: {}", netmon.red_flags())),
        }
    });
    netmon.stop();
}

/// As it is shipped, with its tick of a second.
#[test]
fn a_flood_is_raised_soon_after_it_begins() {
    require!("hping3", "setpriv");
    let _among = among_others();
    let stage = Stage::new();
    stage.host.ip_batch(&format!("route add default via {PEER_ADDRESS}\n"));
    // Each begins at another moment between two ticks.
    for _ in 0..3 {
        let netmon = Netmon::start(&stage.host, &[]);
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let hping = Running::spawn(&mut flooding(&stage));
        let row = netmon.raised("syn_flood", "critical");
        let raised = Duration::from_secs_f64(row["raised_at"].as_f64().unwrap());
        let took = raised.saturating_sub(begun);
        assert!(took < SOON, "{took:?}: {row}");
        drop(hping);
        netmon.stop();
    }
}

/// A client that asks for one closed port after another, two a second, while the flood
/// goes on: its suspect must stay among a few hundred thousand sources a second.
#[test]
fn a_slow_scan_is_found_behind_a_flood() {
    require!("hping3", "nmap", "setpriv");
    let _alone = alone();
    let stage = Stage::new();
    stage.host.ip_batch(&format!("route add default via {PEER_ADDRESS}\n"));
    let netmon = Netmon::start(&stage.host, &[]);
    let memory = |at: &Netmon<'_>| at.scrape().sum("process_resident_memory_bytes", &[]);
    let before = memory(&netmon);
    let mut hping = Running::spawn(&mut flooding(&stage));
    netmon.raised("syn_flood", "critical");
    let slowly = ["--scan-delay", "500ms", "--max-retries", "0", "-p", "1000-1013", ADDRESS];
    stage.peer.run(["nmap", "-n", "-Pn", "-sS"].into_iter().chain(slowly));
    let row = netmon.raised("port_scan", "warning");
    assert_eq!([&row["subject"], &row["peer"]], [PEER_ADDRESS, ADDRESS], "{row}");
    kill_process(Pid::from_child(&hping.0), Signal::INT).unwrap();
    hping.0.wait().unwrap();
    let growth = memory(&netmon).saturating_sub(before);
    assert!(growth <= GROWTH, "{growth} bytes more");
    netmon.stop();
}

/// A flood at an open port is answered to the last request, and no handshake is completed.
#[test]
fn a_flood_at_an_open_port_names_the_listener() {
    require!("hping3", "setpriv");
    let _among = among_others();
    let stage = Stage::new();
    stage.host.ip_batch(&format!("route add default via {PEER_ADDRESS}\n"));
    let _listener = stage.host.enter(|| std::net::TcpListener::bind((ADDRESS, 80)).unwrap());
    let netmon = Netmon::start(&stage.host, &[]);
    let mut command = stage.peer.command("setpriv");
    command.args(["--pdeathsig", "KILL", "hping3", "-q", "-n", "-S", "-p", "80", "-i", "u2000"]);
    command.args(["--rand-source", ADDRESS]);
    let hping = Running::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let row = netmon.raised("syn_flood", "critical");
    assert!(row["evidence"]["requests"].as_u64() >= Some(100), "{row}");
    drop(hping);
    netmon.stop();
}

/// hping3, which sends requests from made-up sources as fast as it can.
fn flooding(stage: &Stage) -> Command {
    let mut command = stage.peer.command("setpriv");
    command.args(["--pdeathsig", "KILL", "hping3", "-q", "-n", "-S", "-p", "80"]);
    command.args(["--flood", "--rand-source", ADDRESS]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Sends at least [`REQUESTS`] and returns how many, as hping3 says. In flood
/// mode it ignores its own bound on their number, so it is interrupted as soon
/// as they have arrived; the kernel ends it with the test, whatever becomes of that.
fn flood(stage: &Stage) -> u64 {
    let arrived = Device::read(&stage.host, DEVICE).ingress.packets;
    let mut hping = Running::spawn(flooding(stage).stderr(Stdio::piped()));
    until_ok("the flood arrives", || {
        let more = Device::read(&stage.host, DEVICE).ingress.packets - arrived;
        if more >= REQUESTS { Ok(()) } else { Err(format!("{more} so far")) }
    });
    kill_process(Pid::from_child(&hping.0), Signal::INT).unwrap();
    let mut said = String::new();
    hping.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    hping.0.wait().unwrap();
    let count = said.lines().find_map(|line| line.split_once(" packets transmitted"));
    count.unwrap_or_else(|| panic!("{said}")).0.parse().unwrap()
}

/// What the rule of [`COUNTER`] counted.
fn witnessed(namespace: &NetNs) -> u64 {
    let said = namespace.run(["nft", "-j", "list", "table", "netdev", "witness"]);
    let said: Value = serde_json::from_slice(&said).unwrap();
    let rows = said["nftables"].as_array().unwrap();
    let expressions = rows.iter().filter_map(|row| row["rule"]["expr"].as_array()).flatten();
    let mut counts = expressions.filter_map(|expression| expression["counter"]["packets"].as_u64());
    counts.next().unwrap()
}
