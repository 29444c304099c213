//! What a capture shows of DNS, message by message, as tshark dissects it.
//!
//! tshark writes the fields of all messages of a packet behind each other, with
//! commas, and those of a message over several segments at its last one.

use std::collections::BTreeMap;

use super::asking::Transport;
use crate::{capture::Capture, stage::Settled};

/// Types of questions that have a label of their own, by number.
const TYPES: [(u16, &str); 12] = [
    (1, "A"),
    (28, "AAAA"),
    (5, "CNAME"),
    (15, "MX"),
    (16, "TXT"),
    (2, "NS"),
    (6, "SOA"),
    (12, "PTR"),
    (33, "SRV"),
    (65, "HTTPS"),
    (10, "NULL"),
    (255, "ANY"),
];
/// Codes of answers that have a label of their own, in order.
const CODES: [&str; 6] = ["noerror", "formerr", "servfail", "nxdomain", "notimp", "refused"];
const OTHER: &str = "other";

/// What only responses have: how long after their query they came, and whether they
/// were cut.
const TIME: &str = "dns.time";
const TRUNCATED: &str = "dns.flags.truncated";

/// The bounds of the histogram of lengths.
const BOUNDS: [u64; 8] = [64, 128, 256, 512, 1232, 4096, 16_384, 65_535];

/// The UDP header, in bytes, which the length of a datagram includes.
const UDP_HEADER: u64 = 8;

/// The families by the version of IP.
const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];

/// Everything that a capture shows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Queries and responses by transport and family, and by their label.
    pub(super) queries: BTreeMap<(Transport, &'static str, &'static str), u64>,
    pub(super) responses: BTreeMap<(Transport, &'static str, &'static str), u64>,
    /// Lengths of messages.
    query_lengths: Vec<(Transport, u64)>,
    response_lengths: Vec<(Transport, u64)>,
    /// Seconds from the query to its response.
    seconds: Vec<(Transport, f64)>,
    /// Responses over UDP that were cut.
    pub(super) truncated: u64,
}

/// A message: how it came, what is counted of it, how long it is.
type Message = (Transport, &'static str, u16, u64);

impl Seen {
    pub(super) fn of(capture: &Capture) -> Self {
        let mut seen = Self::default();
        for (transport, family, number, length) in seen.read(capture, 0, "dns.qry.type") {
            let known = TYPES.iter().find(|(kind, _)| *kind == number);
            let label = known.map_or(OTHER, |(_, label)| label);
            *seen.queries.entry((transport, family, label)).or_default() += 1;
            seen.query_lengths.push((transport, length));
        }
        for (transport, family, number, length) in seen.read(capture, 1, "dns.flags.rcode") {
            let label = CODES.get(usize::from(number)).copied().unwrap_or(OTHER);
            *seen.responses.entry((transport, family, label)).or_default() += 1;
            seen.response_lengths.push((transport, length));
        }
        seen
    }

    /// Reads the queries (0) or the responses (1) of a capture, with a number that each
    /// has; what only responses have, it notes.
    fn read(&mut self, capture: &Capture, response: u8, field: &str) -> Vec<Message> {
        let fields = ["ip.version", "udp.length", "dns.length", "dns.id", field, TIME, TRUNCATED];
        let rows = capture.rows(&format!("dns.flags.response == {response}"), &fields);
        let mut messages = Vec::new();
        for row in rows {
            let [version, udp, tcp, ids, numbers, times, cut] =
                <[String; 7]>::try_from(row).unwrap();
            let family = FAMILIES[usize::from(version != "4")];
            let (transport, lengths) = if udp.is_empty() {
                (Transport::Tcp, tcp)
            } else {
                // Newer ones write "True".
                self.truncated += u64::from(cut == "1" || cut == "True");
                (Transport::Udp, (udp.parse::<u64>().unwrap() - UDP_HEADER).to_string())
            };
            let times = times.split(',').filter(|time| !time.is_empty());
            self.seconds.extend(times.map(|time| (transport, time.parse::<f64>().unwrap())));
            let numbers: Vec<&str> = numbers.split(',').collect();
            assert_eq!(numbers.len(), ids.split(',').count(), "{field} of {ids}");
            for (number, length) in numbers.into_iter().zip(lengths.split(',')) {
                let number = number.parse().unwrap();
                messages.push((transport, family, number, length.parse().unwrap()));
            }
        }
        messages
    }

    /// How many queries were asked over a transport, and how many were answered.
    pub(super) fn totals(&self, transport: Transport) -> [u64; 2] {
        [&self.queries, &self.responses].map(|messages| {
            messages.iter().filter(|(key, _)| key.0 == transport).map(|(_, count)| count).sum()
        })
    }

    /// The seconds over a transport.
    pub(super) fn times(&self, transport: Transport) -> Vec<f64> {
        let times = self.seconds.iter().filter(|(over, _)| *over == transport);
        times.map(|(_, time)| *time).collect()
    }

    /// Asserts that netmon counted these messages between two moments, no more and no
    /// less, by every label. `directions` are those of queries and of responses.
    pub(super) fn agrees(
        &self,
        before: &Settled,
        after: &Settled,
        directions: [&str; 2],
        what: &str,
    ) {
        let labels: Vec<&str> =
            TYPES.iter().map(|(_, label)| *label).chain(CODES).chain([OTHER]).collect();
        let families = [
            ("netmon_dns_queries_total", "qtype", &self.queries),
            ("netmon_dns_responses_total", "rcode", &self.responses),
        ];
        for transport in [Transport::Udp, Transport::Tcp] {
            for (family, (name, label, seen)) in
                FAMILIES.into_iter().flat_map(|family| families.map(|it| (family, it)))
            {
                for value in &labels {
                    let series = [
                        ("vantage", "boundary"),
                        ("transport", transport.name()),
                        ("family", family),
                        (label, value),
                    ];
                    let counted = after.grew(before, name, &series);
                    let seen = seen.get(&(transport, family, value)).copied().unwrap_or(0);
                    assert_eq!(counted, seen, "{what}: {series:?}");
                }
            }
            self.lengths_agree(transport, before, after, directions, what);
        }
    }

    fn lengths_agree(
        &self,
        transport: Transport,
        before: &Settled,
        after: &Settled,
        directions: [&str; 2],
        what: &str,
    ) {
        let both = [&self.query_lengths, &self.response_lengths];
        for (direction, lengths) in directions.into_iter().zip(both) {
            let lengths: Vec<u64> = lengths
                .iter()
                .filter(|(over, _)| *over == transport)
                .map(|(_, length)| *length)
                .collect();
            let labels = [
                ("vantage", "boundary"),
                ("transport", transport.name()),
                ("direction", direction),
            ];
            let grew = |suffix: &str, more: &[(&str, &str)]| {
                let name = format!("netmon_dns_message_bytes_{suffix}");
                after.grew(before, &name, &[&labels[..], more].concat())
            };
            assert_eq!(grew("count", &[]), lengths.len() as u64, "{what}: {labels:?}");
            assert_eq!(grew("sum", &[]), lengths.iter().sum::<u64>(), "{what}: {labels:?}");
            for bound in BOUNDS {
                let within = lengths.iter().filter(|length| **length <= bound).count() as u64;
                let counted = grew("bucket", &[("le", &format!("{bound}.0"))]);
                assert_eq!(counted, within, "{what}: {labels:?} up to {bound}");
            }
        }
    }
}
