//! Open connections over which something went both ways of late, as far as the kernel
//! counts it.

use std::{cmp::Reverse, collections::BinaryHeap, net::SocketAddr, time::Duration};

/// An open connection that this host asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talker {
    /// What tells it from all other sockets since the host was started.
    pub cookie: u64,
    /// The end of this host.
    pub local: SocketAddr,
    /// The other one.
    pub remote: SocketAddr,
    /// Control group of the socket, 0 where the kernel does not say.
    pub workload: u64,
    /// Segments with payload that were sent, and received. They wrap.
    pub segments: [u32; 2],
    /// Payload that was acknowledged by the other end, and received, in bytes.
    pub bytes: [u64; 2],
    /// The shortest time to the other end and back of late.
    pub round_trip: Option<Duration>,
}

impl Talker {
    /// How often it may have gone back and forth.
    fn exchanges(&self) -> u32 {
        self.segments.into_iter().min().unwrap_or(0)
    }
}

/// A bounded number of talkers, those with the most exchanges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talkers {
    /// In no order.
    pub kept: Vec<Talker>,
    /// Those that found no room.
    pub elsewhere: u64,
    /// Once it is full, by exchanges and place, the fewest first.
    fewest: Fewest,
}

/// Exchanges and places, the fewest first.
#[derive(Clone, Debug, Default)]
struct Fewest(BinaryHeap<Reverse<(u32, usize)>>);

// It follows from the list.
impl PartialEq for Fewest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Fewest {}

impl Talkers {
    /// Adds a talker to at most so many, in place of one with fewer exchanges.
    pub(super) fn keep(&mut self, most: usize, new: Talker) {
        let Fewest(fewest) = &mut self.fewest;
        if self.kept.len() < most {
            fewest.push(Reverse((new.exchanges(), self.kept.len())));
            self.kept.push(new);
            return;
        }
        self.elsewhere += 1;
        let Some(mut least) = fewest.peek_mut() else { return };
        let Reverse((exchanges, at)) = *least;
        if exchanges < new.exchanges()
            && let Some(place) = self.kept.get_mut(at)
        {
            *place = new;
            *least = Reverse((new.exchanges(), at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_talk_most_stay() {
        let talker = |number: u32| {
            let end = SocketAddr::from(([192, 0, 2, 1], 443));
            Talker {
                cookie: number.into(),
                local: end,
                remote: end,
                workload: 0,
                segments: [number, number * 2],
                bytes: [0; 2],
                round_trip: None,
            }
        };
        for most in [1, 2, 10, 100] {
            let mut talkers = Talkers::default();
            // In an order that is none.
            (0..1009).for_each(|number| talkers.keep(most, talker(number * 367 % 1009)));
            let mut kept: Vec<usize> = talkers
                .kept
                .iter()
                .map(|it| usize::try_from(it.segments[0]).unwrap_or(0))
                .collect();
            kept.sort_unstable();
            assert_eq!(kept, (1009 - most..1009).collect::<Vec<_>>());
            assert_eq!(talkers.elsewhere, 1009 - most as u64);
        }
    }
}
