//! IPv6: echo requests, fragments, neighbour discovery and TCP.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    capture::{Capture, Capturing},
    requirement::require,
    stage::{DEVICE, PEER_DEVICE, Settled, Stage, among_others},
};

const ADDRESS: &str = "fd00::1";
const PEER_ADDRESS: &str = "fd00::2";

#[test]
fn ipv6_is_counted_as_a_capture_shows() {
    require!("ping", "tcpdump", "ethtool");
    let _among = among_others();
    let stage = Stage::new();
    // The capture has one packet for a buffer.
    stage.features(&["tso", "off", "gso", "off", "gro", "off"]);
    let limited = "gso_max_segs 1";
    stage.host.ip_batch(&format!(
        "address add {ADDRESS}/64 dev {DEVICE} nodad\nlink set dev {DEVICE} {limited}\n"
    ));
    stage.peer.ip_batch(&format!(
        "address add {PEER_ADDRESS}/64 dev {PEER_DEVICE} nodad\nlink set dev {PEER_DEVICE} {limited}\n"
    ));
    let netmon = stage.netmon();
    let before = stage.settled(&netmon);
    let capturing = Capturing::start(&stage.host, DEVICE);
    let echo = ["ping", "-6", "-n", "-q", "-i", "0.01"];
    stage.peer.run(echo.into_iter().chain(["-c", "50", ADDRESS]));
    stage.peer.run(echo.into_iter().chain(["-c", "10", "-s", "4000", ADDRESS]));
    talk(&stage);
    let after = stage.settled(&netmon);
    let capture = capturing.stop();

    after.same_packets(&before, DEVICE);
    for (direction, source) in [("ingress", PEER_ADDRESS), ("egress", ADDRESS)] {
        let seen = |filter: &str| capture.count(&format!("src host {source} and {filter}"));
        let private = [("direction", direction), ("scope", "private"), ("family", "ipv6")];
        let class = |protocol| {
            let labels = [&private[..], &[("protocol", protocol)]].concat();
            after.moved(&before, "netmon_host_packets_total", &labels)
        };
        assert_eq!(class("tcp"), seen("ip6 proto 6"), "{direction} TCP");
        assert!(class("tcp") > 10, "{direction}");

        let labels = [("vantage", "boundary"), ("direction", direction), ("family", "ipv6")];
        let icmp = |class| {
            let labels = [&labels[..], &[("class", class)]].concat();
            after.moved(&before, "netmon_icmp_messages_total", &labels)
        };
        let fragments = after.moved(&before, "netmon_fragments_total", &labels);
        assert_eq!(fragments, seen("ip6 proto 44"), "{direction} fragments");
        // Three fragments of each of ten, of which the first has the header.
        assert_eq!(fragments, 30, "{direction}");
        let echoes = seen("ip6 proto 58 and (ip6[40] = 128 or ip6[40] = 129)");
        assert_eq!((icmp("echo"), echoes), (50 + 10, 50), "{direction} echoes");
        let discovery = seen("ip6 proto 58 and ip6[40] >= 133 and ip6[40] <= 137");
        assert_eq!(icmp("nd"), discovery, "{direction} neighbour discovery");
    }
    let discovered = neighbours(&capture);
    assert!(discovered > 0, "no neighbour discovery: the test would prove nothing");
    conserved(&after, &before);
    netmon.stop();
}

/// Some TCP, both ways.
fn talk(stage: &Stage) {
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, 4000)).unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 100_000];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(&request).unwrap();
        });
        let mut stream = stage.peer.enter(|| TcpStream::connect((ADDRESS, 4000)).unwrap());
        stream.write_all(&vec![7; 100_000]).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.len(), 100_000);
    });
}

fn neighbours(capture: &Capture) -> u64 {
    capture.count("ip6 proto 58 and ip6[40] >= 135 and ip6[40] <= 136")
}

/// Every packet of the device is in a class or rejected by a name.
fn conserved(after: &Settled, before: &Settled) {
    let packets = after.moved(before, "netmon_interface_packets_total", &[("device", DEVICE)]);
    let classes = after.moved(before, "netmon_host_packets_total", &[]);
    let rejects = after.moved(before, "netmon_rejected_packets_total", &[]);
    assert_eq!(classes + rejects, packets);
}
