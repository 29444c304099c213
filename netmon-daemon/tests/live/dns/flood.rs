//! A flood: half a million queries for names that nobody asked for before, as fast as
//! tcpreplay can. All are counted; what cannot be looked at says so, and nothing grows.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use serde_json::Value;

use super::{
    counts::timed_out,
    message::{A, query},
};
use crate::{
    daemon::Netmon,
    deadline::until_ok,
    exposition::Labels,
    frames::{ethernet, ipv4},
    netns::NetNs,
    requirement::require,
    stage::{DEVICE, PEER_DEVICE, Settled, Stage, alone},
};

const QUERIES: u32 = 500_000;
const FEW: u32 = 20;
/// How much resident memory may grow while they come, in bytes.
const GROWTH: u64 = 2 * 1024 * 1024;

/// Families whose rows tell of red flags, of the audit, or of the whole kernel.
const OTHERS: [&str; 5] =
    ["netmon_audit_", "netmon_red_flag", "netmon_tcp_", "netmon_drop", "netmon_series"];

/// Counts the queries behind netmon, unlike it, and takes them before anybody has to
/// answer that they are not wanted.
const COUNTER: &str = "
    table netdev witness {
        chain ingress {
            type filter hook ingress device net0 priority 0
            udp dport 53 counter drop
        }
    }";

#[test]
fn a_flood_of_names_is_counted_to_the_last_query() {
    require!("nft", "tcpreplay");
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("flood.pcap");
    write(&capture).unwrap();
    let stage = Stage::new();
    stage.host.run(["nft", COUNTER]);
    let netmon = Netmon::start(&stage.host, &[]);
    // A few, after which there are all series that a query can cause.
    let begin = netmon.fresh();
    replay(&stage, &capture, FEW);
    timed_out(&netmon, &begin, FEW.into(), "before the flood");
    let before = stage.settled(&netmon);

    replay(&stage, &capture, QUERIES);
    assert_eq!(witnessed(&stage.host), u64::from(FEW + QUERIES));

    let is = |name: &str, labels: Labels<'_>, wanted: u64| match netmon.scrape().sum(name, labels) {
        value if value == wanted => Ok(()),
        other => Err(format!("{name} {labels:?} is {other}: {}", netmon.red_flags())),
    };
    let tunnel = [("detector", "dns_tunnel")];
    until_ok("a detector without its names is blind", || is("netmon_detector_trusted", &tunnel, 0));
    let row = netmon.raised("dns_flood", "critical");
    assert_eq!(row["vantage"], "boundary", "{row}");

    let after = stage.settled(&netmon);
    after.same_packets(&before, DEVICE);
    let labels = [("vantage", "boundary"), ("transport", "udp"), ("family", "ipv4")];
    for (more, wanted) in [(&[][..], QUERIES), (&[("qtype", "A")], QUERIES)] {
        let labels = [&labels[..], more].concat();
        let counted = after.grew(&before, "netmon_dns_queries_total", &labels);
        assert_eq!(counted, u64::from(wanted), "{labels:?}");
    }
    let lost = after.grew(&before, "netmon_events_lost_total", &[("source", "dns_names")]);
    assert!(lost > 0, "no name was lost, yet dns_tunnel was blind");
    let wanted = |series: &str| !OTHERS.iter().any(|it| series.starts_with(it));
    assert_eq!(after.scrape.new_since(&before.scrape, wanted), [""; 0]);
    let memory = |at: &Settled| at.scrape.sum("process_resident_memory_bytes", &[]);
    let growth = memory(&after).saturating_sub(memory(&before));
    assert!(growth <= GROWTH, "{growth} bytes more");

    until_ok("the red flag is cleared", || {
        is("netmon_red_flag_active", &[("detector", "dns_flood")], 0)
    });
    netmon.stop();
}

/// Sends the first so many frames of a capture file, all of them as fast as it can.
fn replay(stage: &Stage, capture: &Path, count: u32) {
    let count = count.to_string();
    let words = ["tcpreplay", "-q", "--topspeed", "--preload-pcap", "-i", PEER_DEVICE, "-L"];
    let words = words.into_iter().chain([&*count, capture.to_str().unwrap()]);
    let said = String::from_utf8(stage.peer.run(words)).unwrap();
    let sent = said.split_once("Successful packets:").unwrap_or_else(|| panic!("{said}")).1;
    assert_eq!(sent.trim_start().lines().next(), Some(&*count), "{said}");
}

/// Writes a capture file of queries, each for a name of its own.
fn write(file: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    // Magic, version 2.4, no zone, no accuracy, longest frame, Ethernet.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.write_all(&word.to_le_bytes())?;
    }
    let mut random = 1_u32;
    for number in 0..QUERIES {
        // A full period of 32 bits, so no name comes twice: Knuth, The Art of Computer
        // Programming 2, section 3.2.1.2.
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [id, port] = [number % 65_536, 1024 + random % 60_000].map(|it| it.try_into().unwrap());
        let message = query(id, &format!("{random:08x}.flood.example.org"), A);
        let frame = ethernet(&[], 0x0800, &ipv4(17, &datagram(port, &message)));
        let length = u32::try_from(frame.len()).unwrap();
        for word in [number / 1_000_000, number % 1_000_000, length, length] {
            file.write_all(&word.to_le_bytes())?;
        }
        file.write_all(&frame)?;
    }
    file.flush()
}

/// A datagram to a name server, without a checksum.
fn datagram(port: u16, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + message.len()).unwrap();
    let header = [port, 53, length, 0].into_iter().flat_map(u16::to_be_bytes);
    header.chain(message.iter().copied()).collect()
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
