//! A TCP stream by iperf3: with offloads the kernel hands on dozens of segments
//! as one buffer, and netmon must count segments all the same.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::{
    daemon::Netmon,
    netns::{NetNs, Running},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_DEVICE, Settled, Stage, among_others},
    statistics::{self, Device},
};

/// How much is sent, as iperf3 wants it.
const BYTES: u64 = 64 * 1024 * 1024;

/// How many segments netmon and the kernel saw of a stream.
struct Stream {
    before: Settled,
    after: Settled,
}

#[test]
fn merged_segments_are_counted_one_by_one() {
    require!("iperf3");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    for direction in DIRECTIONS {
        let stream = Stream::play(&stage, &netmon, direction);
        let kernel = stream.after.same_bytes(&stream.before, DEVICE);
        let buffers = match direction {
            "ingress" => kernel.ingress.packets,
            _ => kernel.egress.packets,
        };
        let counted = stream.packets(direction);
        assert!(counted > 2 * buffers, "{direction}: {counted} of {buffers}: nothing was merged");
    }
    let labels = [("scope", "private")];
    let settled = stage.settled(&netmon).scrape;
    let sent = [("direction", "egress"), ("family", "ipv4"), ("protocol", "tcp"), labels[0]];
    let sent = settled.sum("netmon_host_packets_total", &sent);
    assert_eq!(settled.sum("netmon_tcp_segments_sent_total", &labels), sent);
    netmon.stop();
}

/// The kernel cuts what TCP sends into packets behind the hook, so that its
/// statistics have a header for every packet, and netmon's bytes one for every
/// buffer. Packets are packets to both.
#[test]
fn segments_cut_in_software_are_counted_one_by_one() {
    require!("iperf3", "ethtool");
    let _among = among_others();
    let stage = Stage::new();
    stage.features(&["tso", "off", "gso", "off", "gro", "off"]);
    let netmon = stage.netmon();
    for direction in DIRECTIONS {
        let Stream { before, after } = Stream::play(&stage, &netmon, direction);
        let kernel = after.kernel.since(before.kernel);
        for (direction, volume) in [("ingress", kernel.ingress), ("egress", kernel.egress)] {
            let labels = [("device", DEVICE), ("direction", direction)];
            let packets = after.moved(&before, "netmon_interface_packets_total", &labels);
            assert_eq!(packets, volume.packets, "{direction}");
        }
    }
    netmon.stop();
}

/// TCP hands on one segment at a time, as other protocols do.
#[test]
fn without_offloads_a_buffer_is_a_packet() {
    require!("iperf3", "ethtool");
    let _among = among_others();
    let stage = Stage::new();
    stage.features(&["tso", "off", "gso", "off", "gro", "off"]);
    stage.host.ip_batch(&format!("link set dev {DEVICE} gso_max_segs 1\n"));
    stage.peer.ip_batch(&format!("link set dev {PEER_DEVICE} gso_max_segs 1\n"));
    let netmon = stage.netmon();
    for direction in DIRECTIONS {
        let stream = Stream::play(&stage, &netmon, direction);
        stream.after.same_packets(&stream.before, DEVICE);
    }
    netmon.stop();
}

const DIRECTIONS: [&str; 2] = ["ingress", "egress"];

impl Stream {
    /// Sends much in one direction, and asserts that netmon counted the segments
    /// that the TCP stacks at both ends say that they sent.
    fn play(stage: &Stage, netmon: &Netmon<'_>, direction: &str) -> Self {
        let (before, sent_before) = (stage.settled(netmon), sent(stage));
        stream(stage, direction);
        let (after, sent_after) = (stage.settled(netmon), sent(stage));
        let stream = Self { before, after };
        for (way, (before, after)) in DIRECTIONS.iter().zip(sent_before.iter().zip(sent_after)) {
            let labels = [("direction", *way), ("family", "ipv4"), ("protocol", "tcp")];
            let counted = stream.after.moved(&stream.before, "netmon_host_packets_total", &labels);
            assert_eq!(counted, after - before, "stream {direction}, segments {way}");
        }
        // iperf3 may end with its last buffers unsent.
        let packets = stream.packets(direction);
        assert!(packets > BYTES / 2 / 1500, "{direction}: {packets}");
        stream
    }

    fn packets(&self, direction: &str) -> u64 {
        let labels = [("device", DEVICE), ("direction", direction)];
        self.after.moved(&self.before, "netmon_interface_packets_total", &labels)
    }
}

/// The segments that TCP says it sent to the host, and from it. What it sends
/// again is in `RetransSegs` only. What the host sent over its loopback are the
/// scrapes, which are not merged on a stage.
fn sent(stage: &Stage) -> [u64; 2] {
    let said = |namespace| {
        let tcp = statistics::tcp(namespace);
        tcp["OutSegs"] + tcp["RetransSegs"]
    };
    let scrapes = Device::read(&stage.host, "lo").egress.packets;
    [said(&stage.peer), said(&stage.host) - scrapes]
}

/// Sends [`BYTES`] from or to the peer.
pub(crate) fn stream(stage: &Stage, direction: &str) {
    let reverse = (direction == "egress").then_some("--reverse");
    send((&stage.host, ADDRESS), &stage.peer, BYTES, reverse);
}

/// Sends so many bytes from the host to an address of the peer.
pub(crate) fn upload(stage: &Stage, address: &str, bytes: u64) {
    send((&stage.peer, address), &stage.host, bytes, None);
}

/// Sends so many bytes from an address of the peer to the host, which asked for them.
pub(crate) fn download(stage: &Stage, address: &str, bytes: u64) {
    send((&stage.peer, address), &stage.host, bytes, Some("--reverse"));
}

/// Has a client send to a server, or the reverse.
fn send(server: (&NetNs, &str), client: &NetNs, bytes: u64, reverse: Option<&str>) {
    let (server, address) = server;
    let mut command = server.command("iperf3");
    command.args(["--server", "--one-off", "--forceflush"]).stdout(Stdio::piped());
    let mut server = Running::spawn(&mut command);
    let said = BufReader::new(server.0.stdout.take().unwrap());
    let mut lines = said.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Server listening")));
    let wanted = bytes.to_string();
    let words = ["iperf3", "--json", "--client", address, "--bytes", &wanted];
    let said = client.run(words.into_iter().chain(reverse));
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert!(said["end"]["sum_sent"]["bytes"].as_u64().unwrap() >= bytes, "{said}");
    assert_eq!(lines.by_ref().filter(|line| line.contains("error")).count(), 0);
    assert!(server.0.wait().unwrap().success());
}
