//! What open connections did from one list of the sockets of this host to the next.
//!
//! Invariant: a connection is told of when it was in two lists in a row; what is
//! remembered is no more than a list has.

use std::time::Duration;

use super::chatter::Chat;
use crate::sockets::Talker;

/// The connections of the last list, by cookie.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: Vec<Talker>,
    at: Duration,
}

impl Sessions {
    /// Takes a list of a moment, and tells what its connections did since the last one.
    pub(super) fn list(&mut self, at: Duration, talkers: &[Talker], mut tell: impl FnMut(&Chat)) {
        for now in talkers {
            let known = self.known.binary_search_by_key(&now.cookie, |it| it.cookie);
            if let Some(before) = known.ok().and_then(|at| self.known.get(at))
                && let Some(chat) = chat(before, now, self.at, at)
            {
                tell(&chat);
            }
        }
        self.known.clear();
        self.known.extend_from_slice(talkers);
        self.known.sort_unstable_by_key(|it| it.cookie);
        self.at = at;
    }

    /// Bytes that it takes.
    pub(super) const fn bytes(&self) -> usize {
        self.known.capacity() * size_of::<Talker>()
    }
}

/// What a connection did. Segments that came and went tell no order: at most two turns are
/// made for each of those of which there are fewer, and exactly so many where a request is
/// one segment and its answer as well.
fn chat(before: &Talker, now: &Talker, from: Duration, to: Duration) -> Option<Chat> {
    // The kernel counts segments in 32 bits, which wrap.
    let [sent, received] = [0, 1].map(|end| {
        let segments = |it: &Talker| it.segments.get(end).copied().unwrap_or(0);
        u64::from(segments(now).wrapping_sub(segments(before)))
    });
    let bytes = [0, 1].map(|end| {
        let bytes = |it: &Talker| it.bytes.get(end).copied().unwrap_or(0);
        bytes(now).checked_sub(bytes(before))
    });
    let [Some(there), Some(back)] = bytes else { return None };
    Some(Chat {
        workload: now.workload,
        client: now.local.ip(),
        server: now.remote.ip(),
        port: now.remote.port(),
        from,
        to,
        packets: sent + received,
        bytes: there.saturating_add(back),
        turns: 2 * sent.min(received),
        round_trip: now.round_trip,
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn talker(cookie: u64, segments: [u32; 2], bytes: [u64; 2]) -> Talker {
        let [local, remote] = [1, 2].map(|last| SocketAddr::from(([192, 0, 2, last], 6379)));
        let round_trip = Some(Duration::from_millis(1));
        Talker { cookie, local, remote, workload: 7, segments, bytes, round_trip }
    }

    fn told(before: &[Talker], now: &[Talker]) -> Vec<(u64, u64, u64)> {
        let (mut sessions, mut chats) = (Sessions::default(), Vec::new());
        sessions.list(Duration::from_secs(5), before, |_| ());
        sessions.list(Duration::from_secs(10), now, |chat| chats.push(*chat));
        assert!(chats.iter().all(|it| (it.from.as_secs(), it.to.as_secs()) == (5, 10)));
        assert!(sessions.bytes() <= now.len().max(before.len()).max(4) * size_of::<Talker>());
        chats.iter().map(|it| (it.packets, it.bytes, it.turns)).collect()
    }

    #[test]
    fn from_one_list_to_the_next() {
        let old = talker(9, [100, 100], [5000, 5000]);
        for (name, before, now, expected) in [
            ("new", vec![], vec![old], vec![]),
            ("gone", vec![old], vec![], vec![]),
            ("another", vec![old], vec![talker(8, [200, 200], [6000, 6000])], vec![]),
            ("still", vec![old], vec![old], vec![(0, 0, 0)]),
            (
                "a request each",
                vec![old],
                vec![talker(9, [150, 150], [6000, 7000])],
                vec![(100, 3000, 100)],
            ),
            (
                "a download",
                vec![old],
                vec![talker(9, [101, 1100], [5100, 905_000])],
                vec![(1001, 900_100, 2)],
            ),
            (
                "a wrap",
                vec![talker(9, [u32::MAX, 5], [9, 9])],
                vec![talker(9, [9, 15], [109, 109])],
                vec![(20, 200, 20)],
            ),
            ("bytes that fall", vec![old], vec![talker(9, [150, 150], [1, 1])], vec![]),
            (
                "in any order",
                vec![talker(3, [1, 1], [1, 1]), old, talker(1, [1, 1], [1, 1])],
                vec![old, talker(1, [2, 3], [5, 5])],
                vec![(0, 0, 0), (3, 8, 2)],
            ),
        ] {
            assert_eq!(told(&before, &now), expected, "{name}");
        }
    }
}
