//! Of a message that crosses several devices, what counts where.

use netmon_common::{
    abi::slot::{BOUNDARY, INTERNAL, LOOPBACK},
    dns::Sighting,
};

use crate::{
    IN, OUT,
    books::Seen,
    ledger,
    said::{BACK, PORTS, RESPONSE, Way, message},
};

/// A query or a response, and where it is seen.
#[derive(Clone, Copy)]
enum Step {
    Query(u32, Sighting),
    Response(u32, Sighting),
}
use Step::{Query, Response};

/// What becomes of it: steps, then lookups that were asked, answered and unmatched, and
/// messages whose names are due.
type Case<'a> = (&'a str, &'a [Step], [u64; 4]);

const FIRST: Sighting = Sighting::FIRST;
const ELSEWHERE: Sighting = Sighting::ELSEWHERE;
const AGAIN: Sighting = Sighting::AGAIN;

#[test]
fn the_first_device_counts() {
    let cases: [Case; 10] = [
        ("a socket here asks", &[Query(BOUNDARY, FIRST), Response(BOUNDARY, FIRST)], [1, 1, 0, 2]),
        (
            // It enters the host at one vantage and leaves it at another, and back.
            "a container asks",
            &[
                Query(INTERNAL, FIRST),
                Query(BOUNDARY, ELSEWHERE),
                Response(BOUNDARY, FIRST),
                Response(INTERNAL, ELSEWHERE),
            ],
            [1, 1, 0, 2],
        ),
        (
            "a container asks through two devices",
            &[
                Query(INTERNAL, FIRST),
                Query(INTERNAL, AGAIN),
                Query(BOUNDARY, ELSEWHERE),
                Response(BOUNDARY, FIRST),
                Response(INTERNAL, ELSEWHERE),
                Response(INTERNAL, AGAIN),
            ],
            [1, 1, 0, 2],
        ),
        (
            "on the loopback device",
            &[
                Query(LOOPBACK, FIRST),
                Query(LOOPBACK, AGAIN),
                Response(LOOPBACK, FIRST),
                Response(LOOPBACK, AGAIN),
            ],
            [1, 1, 0, 2],
        ),
        ("nobody asked", &[Response(BOUNDARY, FIRST)], [0, 0, 1, 1]),
        ("nobody asked, on the way", &[Response(BOUNDARY, ELSEWHERE)], [0, 0, 0, 0]),
        ("seen again alone", &[Query(BOUNDARY, AGAIN), Response(BOUNDARY, AGAIN)], [0, 0, 0, 0]),
        (
            "the query was seen elsewhere first",
            &[Query(BOUNDARY, ELSEWHERE), Response(BOUNDARY, FIRST)],
            [0, 0, 0, 0],
        ),
        (
            "what is seen again leaves no trace",
            &[Query(BOUNDARY, AGAIN), Query(BOUNDARY, FIRST), Response(BOUNDARY, FIRST)],
            [1, 1, 0, 2],
        ),
        (
            "sent again",
            &[Query(BOUNDARY, FIRST), Query(BOUNDARY, FIRST), Response(BOUNDARY, FIRST)],
            [1, 1, 0, 3],
        ),
    ];
    for way in Way::ALL {
        for (what, steps, expected) in cases {
            let mut ledger = ledger();
            for step in steps {
                let (frame, seen, vantage, sighting) = match *step {
                    Query(vantage, sighting) => {
                        let query = message(7, 0x0100, 1);
                        (way.datagram([200, 1], PORTS, &query), OUT, vantage, sighting)
                    }
                    Response(vantage, sighting) => {
                        let response = message(7, RESPONSE, 1);
                        (way.datagram([1, 200], BACK, &response), IN, vantage, sighting)
                    }
                };
                ledger.pass(&frame, way.link(), Seen { vantage, sighting, ..seen });
            }
            let events = &ledger.lookups.events;
            let unmatched = ledger.tallies.iter().map(|tally| tally.unmatched).sum();
            let found = [events.asked, events.answered, unmatched, ledger.due.len() as u64];
            assert_eq!(found, expected, "{what}, {way:?}");
            // Each of them is a query or a response at every device.
            let queries: u64 = ledger.tallies.iter().flat_map(|tally| tally.queries).sum();
            let sent = steps.iter().filter(|step| matches!(step, Query(..))).count();
            assert_eq!(queries, sent as u64, "{what}, {way:?}");
        }
    }
}
