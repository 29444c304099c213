//! The states of TCP in which a socket can be listed.
//!
//! Invariant: every socket of a census is in exactly one of them, or in
//! [`Census::other`](super::Census::other).

/// The states, with the numbers of linux/tcp_states.h. A closed socket is in no
/// table of the kernel, so that none is ever listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Data flows both ways.
    Established,
    /// This host sent a SYN and waits for an answer.
    SynSent,
    /// A SYN was answered and the answer not acknowledged. Linux calls it
    /// `NEW_SYN_RECV` while there is no socket of its own for it.
    SynRecv,
    /// Closed here; our FIN is not acknowledged.
    FinWait1,
    /// Closed here and acknowledged; the peer may still send.
    FinWait2,
    /// Closed on both sides, kept for segments that come late.
    TimeWait,
    /// Closed by the peer; the program here has not done so.
    CloseWait,
    /// Closed by the peer, then here; our FIN is not acknowledged.
    LastAck,
    /// Waits for connections.
    Listen,
    /// Closed on both sides at once; our FIN is not acknowledged.
    Closing,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Established,
        Self::SynSent,
        Self::SynRecv,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::CloseWait,
        Self::LastAck,
        Self::Listen,
        Self::Closing,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::SynSent => "syn_sent",
            Self::SynRecv => "syn_recv",
            Self::FinWait1 => "fin_wait1",
            Self::FinWait2 => "fin_wait2",
            Self::TimeWait => "time_wait",
            Self::CloseWait => "close_wait",
            Self::LastAck => "last_ack",
            Self::Listen => "listen",
            Self::Closing => "closing",
        }
    }

    /// Its place in an array of all.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The kernel's number of it.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Established => 1,
            Self::SynSent => 2,
            Self::SynRecv => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
        }
    }

    /// The state of this number.
    pub(super) fn of(number: u8) -> Option<Self> {
        match number {
            NEW_SYN_RECV => Some(Self::SynRecv),
            _ => Self::ALL.into_iter().find(|state| state.number() == number),
        }
    }
}

/// What the kernel calls a half-open connection inside; its lists say
/// `SYN_RECV`.
const NEW_SYN_RECV: u8 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernel() {
        let numbers: Vec<_> = (0..=14).map(|number| State::of(number).map(State::label)).collect();
        let expected = [
            None,
            Some("established"),
            Some("syn_sent"),
            Some("syn_recv"),
            Some("fin_wait1"),
            Some("fin_wait2"),
            Some("time_wait"),
            None,
            Some("close_wait"),
            Some("last_ack"),
            Some("listen"),
            Some("closing"),
            Some("syn_recv"),
            None,
            None,
        ];
        assert_eq!(numbers, expected);
        assert!(State::ALL.iter().enumerate().all(|(at, state)| state.index() == at));
    }
}
