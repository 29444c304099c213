//! What it costs to extend netmon, as docs/ARCHITECTURE.md promises: a counter,
//! a reject reason and a detector are added to a copy of the workspace, the copy
//! is built, and everything that should follow by itself must be there.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod workspace;

use std::fs;

use workspace::Workspace;

/// The counter: the row with its help text, and the place that counts.
const TABLE: &str = "netmon-common/src/abi/tally.rs";
const ROW: &str = "        /// Packets that a sample counts.
        vantage sample_packets;
";
const RULES: &str = "netmon-common/src/account.rs";
const COUNT: &str = "    add(&mut tally.sample_packets, n);
";

/// The reject reason: its row. The place that returns it is the parser's matter.
const REASONS: &str = "netmon-common/src/reject.rs";
const REASON: &str = "        /// A sample.
        Sample = \"sample\",
";

/// The detector: a file, and a word in the table.
const DETECTOR: &str = "netmon-daemon/src/detect/sample_flag.rs";
const DETECTORS: &str = "netmon-daemon/src/detect/mod.rs";
const WORD: &str = "    sample_flag,
";

/// Its runbook: no code, but a page that people read, and no alert is without one.
const RUNBOOK: &str = "docs/runbooks/NetmonSampleFlag.md";
const PAGE: &str = "# NetmonSampleFlag

## Meaning

Any packet means it.

## Impact

None.

## Diagnosis

1. `tcpdump -ni any`

## Mitigation

- A test: let it pass.
";

#[test]
fn extensions_cost_what_is_promised() {
    let copy = Workspace::copy();
    copy.insert(TABLE, "        inner mdns_packets;\n", ROW);
    copy.insert(RULES, "    add(&mut sizes.sum, volume.bytes);\n", COUNT);
    copy.insert(REASONS, "        LinkType = \"link_type\",\n", REASON);
    copy.create(DETECTOR, include_str!("sample_flag.rs"));
    copy.insert(DETECTORS, "    rst_storm,\n", WORD);
    copy.create(RUNBOOK, PAGE);

    // The promise: a counter is one documented row and one line that counts, a
    // reason one documented row, a detector one new file and one word, beside its
    // runbook, and nothing else is touched.
    assert_eq!(code_lines(ROW), 1, "a counter is one row");
    assert_eq!(code_lines(COUNT), 1, "a counter is counted in one line");
    assert_eq!(code_lines(REASON), 1, "a reason is one row");
    assert_eq!(WORD.trim_matches([' ', ',', '\n']), "sample_flag", "a detector is one word");
    let mut changed = copy.changes();
    changed.sort();
    let expected = [TABLE, RULES, REASONS, DETECTORS, DETECTOR, RUNBOOK];
    assert_eq!(changed, expected.map(str::to_owned).sorted());

    copy.build();
    let capture = copy.root().join("target/three.pcap");
    fs::write(&capture, three_packets()).unwrap();
    let replay = copy.netmon(&["replay", "--format", "json", capture.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_str(&replay).unwrap();
    let report = &report["captures"][0];
    assert_eq!(report["counters"]["sample_packets"], 3, "{report}");
    assert_eq!(report["rejects"]["sample"], 0, "{report}");
    let flags = report["red_flags"].as_array().unwrap();
    let flag = flags.iter().find(|flag| flag["detector"] == "sample_flag").unwrap();
    assert_eq!(flag["runbook"], RUNBOOK, "{report}");
    assert!(flag["confirm"].as_str().unwrap().contains("tcpdump"), "{report}");

    let shown = [
        ("metrics", &["netmon_sample_packets", "Packets that a sample counts."][..]),
        ("config", &["[detectors.sample_flag]", "Packets in one second for a warning."]),
        ("detectors", &["sample_flag", "runbooks/NetmonSampleFlag.md"]),
        ("rules", &["sample_flag", "NetmonSampleFlag.md"]),
    ];
    for (page, words) in shown {
        let text = copy.netmon(&["print", page]);
        for word in words {
            assert!(text.contains(word), "`netmon print {page}` does not show {word:?}:\n{text}");
        }
    }
    let text = copy.netmon(&["explain", "sample_flag"]);
    for word in ["Packets, as a sample.", "Any packet means it.", "exempt = []", RUNBOOK] {
        assert!(text.contains(word), "`netmon explain` does not show {word:?}:\n{text}");
    }
}

/// Lines that are neither blank nor comments.
fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().filter(is_code).count()
}

/// A list in order.
trait Sorted {
    /// The same list in order.
    fn sorted(self) -> Self;
}

impl<const N: usize> Sorted for [String; N] {
    fn sorted(mut self) -> Self {
        self.sort();
        self
    }
}

/// A capture of three ARP requests, a tenth of a second apart.
fn three_packets() -> Vec<u8> {
    const LEN: u32 = 60;
    const ARP: [u8; 2] = [0x08, 0x06];
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, 1].map(u32::to_le_bytes);
    let mut file = header.concat();
    for packet in 0..3 {
        file.extend([1_700_000_000, packet * 100_000, LEN, LEN].map(u32::to_le_bytes).concat());
        file.extend([0xff; 12]);
        file.extend(ARP);
        file.resize(file.len() + LEN as usize - 14, 0);
    }
    file
}
