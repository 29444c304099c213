//! Every input on which a fuzz target or the field once found a fault, replayed
//! without a fuzzer. To add one: copy the artefact of the fuzz target to
//! `regressions/<target>_<what>.bin` and give it a row.

#![expect(clippy::print_stderr, reason = "the test runner shows it beside a panic")]

mod input;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// File, and what went wrong or is awkward about it.
const PAST: &[(&str, &str)] = &[
    ("dns_both_ports", "53 to 5353 was missing from mdns_packets"),
    ("dns_claims_less_than_header", "UDP claims 7 bytes: the message length must not wrap"),
    ("dns_cut_before_rcode", "a response of three bytes has no response code"),
    ("packet_atomic_then_later_fragment", "two fragment headers, the second of a later fragment"),
    ("packet_authentication_units", "an authentication header counts in units of four bytes"),
    ("packet_chain_in_next_fragment", "the first fragment ends within its header chain (RFC 7112)"),
    ("packet_cooked_v2_cut", "a cooked v2 header that ends behind its protocol is not a whole one"),
    ("packet_empty", "no byte at all"),
    ("packet_five_tags", "what lies behind the fourth VLAN tag is not IP"),
    ("packet_longest_chain", "eight headers of 2,048 bytes: the header length needs 16 bits"),
    ("packet_merged_dns", "a merged buffer of DNS messages was one message of their sum"),
    ("packet_total_length_0", "total length 0, as merged segments have, is no tiny fragment"),
];

/// The fuzz targets; one whose name begins like another's stands before it.
const TARGETS: &[&str] = &["dns_message", "dns_walk", "dns", "packet"];

#[test]
fn past_faults_stay_mended() {
    for (name, description) in PAST {
        let target = TARGETS
            .iter()
            .find(|target| name.strip_prefix(*target).is_some_and(|rest| rest.starts_with('_')));
        let bytes = fs::read(folder().join(format!("{name}.bin")));
        assert!(bytes.is_ok(), "{name}.bin cannot be read: {bytes:?}");
        eprintln!("{name}: {description}");
        input::check(target.unwrap_or(&"none"), &bytes.unwrap_or_default());
    }
}

#[test]
fn table_and_folder_agree() -> io::Result<()> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder())? {
        files.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    assert_eq!(files, PAST.iter().map(|(name, _)| format!("{name}.bin")).collect());
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions")
}
