//! What went over one TCP connection of a capture, told while it is open.
//!
//! Pure. Invariant: every segment with payload is in one while, and a while lasts a second
//! at most, unless it has but one segment.

use std::time::Duration;

use super::segment::Segment;

/// How long a while is.
const WHILE: Duration = Duration::from_secs(1);

/// What went over a connection within a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct While {
    /// When it began.
    pub(super) from: Duration,
    /// When the last segment with payload came.
    pub(super) to: Duration,
    /// Segments with payload.
    pub(super) packets: u64,
    /// Their payload, in bytes.
    pub(super) bytes: u64,
    /// How often one came from the other end than the one before.
    pub(super) turns: u64,
}

/// A connection, from while to while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chatter {
    now: While,
    /// Which end spoke last.
    end: Option<usize>,
    /// When the client spoke, if nothing came back yet.
    asked: Option<Duration>,
    /// The shortest time until something came back to the client.
    pub(super) round_trip: Option<Duration>,
}

impl Chatter {
    /// Takes a segment of an end; 0 is the client. Tells of the while that is over with it.
    pub(super) fn take(&mut self, end: usize, segment: &Segment) -> Option<While> {
        let at = segment.at;
        if end != 0
            && let Some(asked) = self.asked.take()
        {
            let took = at.saturating_sub(asked);
            self.round_trip = Some(self.round_trip.map_or(took, |least| least.min(took)));
        }
        if segment.payload == 0 {
            return None;
        }
        let is_over = at.saturating_sub(self.now.from) >= WHILE;
        let over = if is_over { self.finish() } else { None };
        if self.now.packets == 0 {
            // What follows upon another while goes on where it ended.
            let follows = over.filter(|it| at.saturating_sub(it.to) < WHILE);
            self.now.from = follows.map_or(at, |it| it.to);
        }
        self.now.to = at;
        self.now.packets += 1;
        self.now.bytes += u64::from(segment.payload);
        self.now.turns += u64::from(self.end.is_some_and(|last| last != end));
        self.end = Some(end);
        if end == 0 {
            self.asked.get_or_insert(at);
        }
        over
    }

    /// The while that is not over yet, if anything was said in it.
    pub(super) fn finish(&mut self) -> Option<While> {
        let over = std::mem::take(&mut self.now);
        (over.packets > 0).then_some(over)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    /// Milliseconds, the end, and payload.
    type Row = (u64, usize, u32);

    /// Segments with payload, bytes and turns of a while.
    type Told = (u64, u64, u64);

    /// A name, what is said, what is told of it, and the round trip in milliseconds.
    type Case = (&'static str, &'static [Row], &'static [Told], Option<u128>);

    fn talk(rows: &[Row]) -> (Vec<Told>, Option<u128>) {
        let mut chatter = Chatter::default();
        let end = (IpAddr::from([192, 0, 2, 1]), 1);
        let mut whiles = Vec::new();
        for (at, by, payload) in rows {
            let at = Duration::from_millis(*at);
            let segment =
                Segment { at, from: end, to: end, sequence: 0, flags: 0x10, payload: *payload };
            whiles.extend(chatter.take(*by, &segment));
        }
        whiles.extend(chatter.finish());
        for pair in whiles.windows(2) {
            assert!(pair[0].to <= pair[1].from && pair[1].from <= pair[1].to);
        }
        let told = whiles.iter().map(|it| (it.packets, it.bytes, it.turns)).collect();
        (told, chatter.round_trip.map(|it| it.as_millis()))
    }

    #[test]
    fn turns_are_exact() {
        let cases: [Case; 8] = [
            ("nothing", &[], &[], None),
            ("acknowledgements", &[(0, 0, 0), (5, 1, 0)], &[], None),
            ("one request", &[(0, 0, 10), (3, 1, 0), (7, 1, 20)], &[(2, 30, 1)], Some(3)),
            ("two", &[(0, 0, 10), (3, 1, 20), (4, 0, 10), (6, 1, 20)], &[(4, 60, 3)], Some(2)),
            ("sent again", &[(0, 0, 10), (3, 0, 10), (6, 1, 20)], &[(3, 40, 1)], Some(6)),
            (
                "a download",
                &[(0, 0, 10), (3, 1, 900), (3, 1, 900), (3, 0, 0)],
                &[(3, 1810, 1)],
                Some(3),
            ),
            (
                "two seconds",
                &[(0, 0, 1), (999, 1, 1), (1000, 0, 1), (2000, 1, 1)],
                &[(2, 2, 1), (1, 1, 1), (1, 1, 1)],
                Some(999),
            ),
            (
                "a pause",
                &[(0, 0, 1), (9000, 1, 1), (9001, 0, 1)],
                &[(1, 1, 0), (2, 2, 2)],
                Some(9000),
            ),
        ];
        for (name, rows, whiles, round_trip) in cases {
            assert_eq!(talk(rows), (whiles.to_vec(), round_trip), "{name}");
        }
    }
}
