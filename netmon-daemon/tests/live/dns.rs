//! DNS at 2,000 queries a second: dnsperf asks, dnsmasq answers.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::{
    capture::Capturing,
    netns::{NetNs, Running},
    requirement::require,
    stage::{ADDRESS, DEVICE, Settled, Stage, among_others},
};

/// Queries of one round: names that exist, names that do not.
const NAMES: [&str; 4] = [
    "www.known.test A",
    "a.much.longer.name.known.test A",
    "known.test AAAA",
    "www.unknown.test A",
];
const QUERIES: u64 = 6000;

#[test]
fn queries_and_responses_are_what_dnsperf_says() {
    require!("dnsmasq", "dnsperf", "tcpdump", "tshark");
    let _among = among_others();
    let stage = Stage::new();
    let _server = dnsmasq(&stage.host);
    let netmon = stage.netmon();
    let before = stage.settled(&netmon);
    let capturing = Capturing::start(&stage.host, DEVICE);
    let report = dnsperf(&stage.peer);
    let after = stage.settled(&netmon);
    let capture = capturing.stop();

    after.same_packets(&before, DEVICE);
    let udp = [("vantage", "boundary"), ("transport", "udp")];
    let moved =
        |name: &str, more: &[(&str, &str)]| after.moved(&before, name, &[&udp[..], more].concat());
    assert_eq!(figure(&report, "Queries sent:"), QUERIES, "{report}");
    assert_eq!(moved("netmon_dns_queries_total", &[("family", "ipv4")]), QUERIES);
    assert_eq!(capture.count("udp dst port 53"), QUERIES);

    let completed = figure(&report, "Queries completed:");
    assert_eq!(moved("netmon_dns_responses_total", &[("family", "ipv4")]), completed);
    assert_eq!(capture.count("udp src port 53"), completed);
    for (label, word) in [("noerror", "NOERROR "), ("nxdomain", "NXDOMAIN ")] {
        let answered = moved("netmon_dns_responses_total", &[("rcode", label)]);
        assert_eq!(answered, figure(&report, word), "{label}: {report}");
        assert!(answered > 0, "{label}");
    }
    for (direction, filter, count) in
        [("ingress", "udp.dstport == 53", QUERIES), ("egress", "udp.srcport == 53", completed)]
    {
        let labels = [("direction", direction)];
        assert_eq!(moved("netmon_dns_message_bytes_count", &labels), count, "{direction}");
        let lengths = capture.field(filter, "udp.length");
        let payload: u64 = lengths.iter().map(|length| length - UDP_HEADER).sum();
        assert_eq!(moved("netmon_dns_message_bytes_sum", &labels), payload, "{direction}");
        for bound in BOUNDS {
            let text = format!("{bound}.0");
            let labels = [("direction", direction), ("le", &*text)];
            let within = lengths.iter().filter(|length| **length - UDP_HEADER <= bound).count();
            let counted = moved("netmon_dns_message_bytes_bucket", &labels);
            assert_eq!(counted, within as u64, "{direction} up to {bound}");
        }
    }
    flags_stay_down(&after);
    netmon.stop();
}

/// The UDP header, in bytes, which the length of a datagram includes.
const UDP_HEADER: u64 = 8;
/// Bounds between which the messages of [`NAMES`] lie.
const BOUNDS: [u64; 3] = [64, 128, 256];

fn flags_stay_down(at: &Settled) {
    assert_eq!(at.scrape.sum("netmon_red_flag_active", &[]), 0);
}

/// A server that knows the names below `known.test`, ready.
fn dnsmasq(namespace: &NetNs) -> Running {
    let mut command = namespace.command("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file="]);
    command.args(["--no-resolv", "--no-hosts", "--bind-interfaces", "--log-facility=-"]);
    command.args(["--address=/known.test/192.0.2.1", "--local=/unknown.test/"]);
    command.arg(format!("--listen-address={ADDRESS}")).stderr(Stdio::piped());
    let mut server = Running::spawn(&mut command);
    let mut said = BufReader::new(server.0.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("started")));
    server
}

/// Asks [`QUERIES`] times and returns the report.
fn dnsperf(namespace: &NetNs) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries");
    fs::write(&file, NAMES.join("\n")).unwrap();
    let rounds = (QUERIES / NAMES.len() as u64).to_string();
    let words = ["dnsperf", "-s", ADDRESS, "-Q", "2000", "-n", &rounds, "-d"];
    let said = namespace.run(words.into_iter().chain([file.to_str().unwrap()]));
    String::from_utf8(said).unwrap()
}

/// The number behind a word of the report.
fn figure(report: &str, word: &str) -> u64 {
    let (_, rest) = report.split_once(word).unwrap_or_else(|| panic!("{word} in {report}"));
    let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}
