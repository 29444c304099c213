//! Open connections that this host asked for, as far as more is to be known of them than
//! that they are there.

use std::net::SocketAddr;

/// An open connection that this host asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What tells it from all other sockets since the host was started.
    pub cookie: u64,
    /// The end of this host.
    pub local: SocketAddr,
    /// The other one.
    pub remote: SocketAddr,
    /// Control group of the socket, 0 where the kernel does not say.
    pub workload: u64,
    /// Bytes that the other end has acknowledged.
    pub sent: u64,
}

/// Puts a connection into a list of a bounded length, in place of the one that sent least.
/// Says whether all found room.
pub(super) fn keep_heaviest(list: &mut Vec<Outgoing>, most: usize, new: Outgoing) -> bool {
    let has_room = list.len() < most;
    if has_room {
        list.push(new);
    } else {
        // In a full list the lightest stands first.
        match list.first_mut() {
            Some(lightest) if lightest.sent < new.sent => *lightest = new,
            _ => return false,
        }
    }
    if list.len() == most {
        let lightest = list.iter().enumerate().min_by_key(|(_, it)| it.sent);
        let lightest = lightest.map_or(0, |(at, _)| at);
        list.swap(0, lightest);
    }
    has_room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_stay() {
        let outgoing = |sent| {
            let end = SocketAddr::from(([192, 0, 2, 1], 443));
            Outgoing { cookie: sent, local: end, remote: end, workload: 0, sent }
        };
        for most in [1, 2, 10, 100] {
            let mut list = Vec::new();
            let mut whole = true;
            // In an order that is none.
            for number in 0..1009_u64 {
                whole &= keep_heaviest(&mut list, most, outgoing(number * 367 % 1009));
            }
            let mut sent: Vec<u64> = list.iter().map(|it| it.sent).collect();
            sent.sort_unstable();
            let first = 1009 - u64::try_from(most).unwrap_or(0);
            assert_eq!(sent, (first..1009).collect::<Vec<_>>());
            assert!(!whole);
        }
        let mut list = Vec::new();
        assert!((0..3).all(|sent| keep_heaviest(&mut list, 3, outgoing(sent))));
    }
}
