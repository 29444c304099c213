//! A storm, and a transfer that moves as many packets.

use std::process::Stdio;

use crate::{
    daemon::Netmon,
    deadline::until_true,
    netns::Running,
    requirement::require,
    stage::{ADDRESS, Stage, among_others},
    throughput::stream,
};

/// As little as a test can wait for and this machine can send.
const EARLY: [(&str, &str); 2] = [
    ("NETMON_DETECTORS__TRAFFIC_STORM__WATCHED", "20s"),
    ("NETMON_DETECTORS__TRAFFIC_STORM__PACKETS", "2000"),
];

#[test]
fn datagrams_that_nobody_answers_are_a_storm_and_a_stream_is_none() {
    require!("hping3", "iperf3", "setpriv");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = Netmon::start(&stage.host, &EARLY);
    let polls = [("stage", "judge")];
    until_true("netmon has watched long enough", || {
        netmon.scrape().sum("netmon_poll_duration_seconds_count", &polls) > 22
    });
    // Some 50,000 packets in a second or so: 5,000 a second over ten.
    stream(&stage, "ingress");
    let labels = [("detector", "traffic_storm")];
    let scrape = netmon.fresh();
    assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());

    let mut command = stage.peer.command("setpriv");
    command.args(["--pdeathsig", "KILL", "hping3", "-q", "-n", "--udp", "-p", "4000", "--flood"]);
    let _hping = Running::spawn(command.arg(ADDRESS).stdout(Stdio::null()).stderr(Stdio::null()));
    let row = netmon.raised("traffic_storm", "critical");
    assert_eq!(row["vantage"], "boundary", "{row}");
    let detail = row["detail"].as_str().unwrap();
    assert!(detail.contains(" packets/s of udp with private addresses "), "{detail}");
    netmon.stop();
}
