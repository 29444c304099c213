//! The walk over the kernel's list.
//!
//! Must not be called where nothing may block: the kernel visits every socket
//! of the host. Invariant: a census that is returned is of a list that the
//! kernel finished.

use std::{
    io,
    time::{Duration, Instant},
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use netmon_common::abi::labels::IpVersion;

use super::{
    census::Census,
    message::{self, SOCK_DIAG_BY_FAMILY, Wanted},
};
use crate::netlink::message::{DONE, Damaged, ERROR, Messages, OVERRUN};

/// Why there is no census.
#[derive(Debug, thiserror::Error)]
pub enum CensusError {
    /// There is no socket to ask with.
    #[error("NETLINK_SOCK_DIAG, which lists the TCP sockets, cannot be opened: {0}")]
    Socket(io::Error),
    /// This kernel has no such list.
    #[error("this kernel cannot list its TCP sockets: load its module tcp_diag")]
    NoList,
    /// The kernel refused.
    #[error("the kernel does not list its TCP sockets: {0}")]
    Refused(io::Error),
    /// The kernel began a list and did not finish it.
    #[error("the kernel did not finish its list of TCP sockets: {0}")]
    Unfinished(io::Error),
    /// An answer cannot be read.
    #[error("the kernel's list of TCP sockets cannot be read")]
    Damaged,
    /// It took too long.
    #[error("the TCP sockets could not be listed within {0:?}")]
    Late(Duration),
    /// The thread that took it ended without a result.
    #[error("the census of TCP sockets ended without a result")]
    Lost,
}

/// The largest datagram that the kernel builds for a list.
const DATAGRAM_LEN: usize = 32 * 1024;
/// How often a list that was not finished, or not of one piece, is asked for.
const ATTEMPTS: u32 = 3;

/// Counts the TCP sockets of the network namespace of the calling thread, which
/// may take `limit` of time. On Linux 6.18 it takes about 1 us of a CPU for each
/// socket, and a fifth of that for each of another namespace.
///
/// # Errors
///
/// When the kernel has no list, does not finish it, or needs longer.
pub fn census(limit: Duration) -> Result<Census, CensusError> {
    let begun = Instant::now();
    repeat(|| Walk::new(begun, limit)?.census())
}

/// Tries again while the kernel did not finish its list, or says that it is not
/// of one piece. The last attempt stands.
fn repeat(mut attempt: impl FnMut() -> Result<Census, CensusError>) -> Result<Census, CensusError> {
    let mut outcome = attempt();
    for _ in 1..ATTEMPTS {
        match outcome {
            Ok(Census { interrupted: true, .. }) | Err(CensusError::Unfinished(_)) => {
                outcome = attempt();
            }
            _ => break,
        }
    }
    outcome
}

struct Walk {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
    begun: Instant,
    limit: Duration,
}

impl Walk {
    /// A socket of its own each time: the remains of an unfinished list go with
    /// it.
    fn new(begun: Instant, limit: Duration) -> Result<Self, CensusError> {
        let open = || {
            let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
            socket.bind_auto()?;
            // The kernel writes the next part of a list when one is read, and the
            // first when it is asked. Where there is none, it gave up, and would
            // let us wait for ever.
            socket.set_non_blocking(true)?;
            Ok(socket)
        };
        let socket = open().map_err(CensusError::Socket)?;
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM_LEN), sequence: 0, begun, limit })
    }

    fn census(&mut self) -> Result<Census, CensusError> {
        let mut census = Census::default();
        for wanted in [Wanted::Listeners, Wanted::Connections] {
            for family in IpVersion::ALL {
                self.list(wanted, *family, &mut census)?;
            }
        }
        Ok(census)
    }

    /// Counts one list.
    fn list(
        &mut self,
        wanted: Wanted,
        family: IpVersion,
        census: &mut Census,
    ) -> Result<(), CensusError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = message::request(wanted, family, self.sequence);
        self.socket.send_to(&request, &SocketAddr::new(0, 0), 0).map_err(failed)?;
        loop {
            if self.begun.elapsed() >= self.limit {
                return Err(CensusError::Late(self.limit));
            }
            self.buffer.clear();
            match self.socket.recv_from(&mut self.buffer, libc::MSG_TRUNC) {
                Ok((_, sender)) if sender.port_number() != 0 => {}
                Ok((len, _)) if len > self.buffer.len() => return Err(CensusError::Damaged),
                Ok(_) => {
                    if take(&self.buffer, self.sequence, census)? {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

/// Counts the sockets of one datagram. True when it ends the list.
fn take(datagram: &[u8], sequence: u32, census: &mut Census) -> Result<bool, CensusError> {
    for message in Messages::parse(datagram) {
        let message = message.map_err(|Damaged| CensusError::Damaged)?;
        if message.sequence != sequence {
            continue;
        }
        census.interrupted |= message.interrupted();
        match message.kind {
            SOCK_DIAG_BY_FAMILY => {
                let socket = message::Socket::parse(message.payload);
                census.count(&socket.ok_or(CensusError::Damaged)?);
            }
            DONE => {
                return match message.errno() {
                    None | Some(0) => Ok(true),
                    Some(errno) => Err(failed(io::Error::from_raw_os_error(errno))),
                };
            }
            ERROR => {
                let errno = message.errno().ok_or(CensusError::Damaged)?;
                return Err(failed(io::Error::from_raw_os_error(errno)));
            }
            OVERRUN => return Err(CensusError::Damaged),
            _ => {}
        }
    }
    Ok(false)
}

/// What an error number of the kernel means here.
fn failed(error: io::Error) -> CensusError {
    match error.raw_os_error() {
        Some(libc::ENOENT) => CensusError::NoList,
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => CensusError::Unfinished(error),
        _ => CensusError::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        netlink::message::{DUMP_INTR, build},
        sockets::{MAX_LISTENERS, MAX_PORTS, State, message::tests::header},
    };

    const MULTI: u16 = 2;
    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

    fn socket(state: u8, port: u16) -> Vec<u8> {
        build(SOCK_DIAG_BY_FAMILY, MULTI, 1, &header(2, state, port, &LOOPBACK))
    }

    fn done(errno: i32) -> Vec<u8> {
        build(DONE, MULTI, 1, &(-errno).to_ne_bytes())
    }

    #[test]
    fn a_list_ends_or_fails() {
        let error = |errno: i32| build(ERROR, 0, 1, &(-errno).to_ne_bytes());
        let other = |sequence| build(DONE, MULTI, sequence, &[0; 4]);
        // What is said of the datagram, and how many sockets are counted.
        let cases = [
            ("nothing", vec![], "goes on", 0),
            ("one", socket(1, 80), "goes on", 1),
            ("one and the end", [socket(1, 80), done(0)].concat(), "ends", 1),
            ("an end without a number", build(DONE, MULTI, 1, &[]), "ends", 0),
            ("behind the end", [done(0), socket(1, 80)].concat(), "ends", 0),
            ("the end of another list", [other(2), socket(1, 80)].concat(), "goes on", 1),
            ("no TCP in it", done(2), "load its module tcp_diag", 0),
            ("no TCP in it, said at once", error(2), "load its module tcp_diag", 0),
            ("no memory", done(12), "did not finish", 0),
            ("forbidden", error(1), "does not list", 0),
            ("an error without a number", build(ERROR, 0, 1, &[]), "cannot be read", 0),
            ("overrun", build(OVERRUN, 0, 1, &[]), "cannot be read", 0),
            ("a cut message", socket(1, 80)[..60].to_vec(), "cannot be read", 0),
            ("a cut socket", build(SOCK_DIAG_BY_FAMILY, 0, 1, &[2; 71]), "cannot be read", 0),
            ("another kind", build(99, MULTI, 1, &[]), "goes on", 0),
        ];
        for (name, datagram, expected, sockets) in cases {
            let mut census = Census::default();
            let said = match take(&datagram, 1, &mut census) {
                Ok(false) => "goes on".to_owned(),
                Ok(true) => "ends".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(said.contains(expected), "{name}: {said}");
            assert_eq!(census.in_state(State::Established), sockets, "{name}");
        }
    }

    #[test]
    fn an_interrupted_list_says_so() {
        for (flags, interrupted) in [(MULTI, false), (MULTI | DUMP_INTR, true)] {
            let mut census = Census::default();
            let datagram = build(DONE, flags, 1, &[0; 4]);
            assert!(matches!(take(&datagram, 1, &mut census), Ok(true)));
            assert_eq!(census.interrupted, interrupted);
        }
    }

    #[test]
    fn a_doubtful_list_is_asked_for_again() {
        type Attempt<'a> = &'a dyn Fn() -> Result<Census, CensusError>;
        let whole = || Ok(Census::default());
        let torn = || Ok(Census { interrupted: true, ..Census::default() });
        let unfinished = || Err(failed(io::Error::from_raw_os_error(libc::ENOBUFS)));
        let none = || Err(CensusError::NoList);
        // What the attempts give, how many are made, and whether there is a census.
        let cases: [([Attempt<'_>; 4], usize, bool); 6] = [
            ([&whole, &whole, &whole, &whole], 1, true),
            ([&torn, &whole, &whole, &whole], 2, true),
            ([&unfinished, &torn, &whole, &whole], 3, true),
            ([&torn, &torn, &torn, &whole], 3, true),
            ([&unfinished, &unfinished, &unfinished, &whole], 3, false),
            ([&none, &whole, &whole, &whole], 1, false),
        ];
        for (attempts, expected, census) in cases {
            let mut made = 0;
            let outcome = repeat(|| {
                made += 1;
                attempts[made - 1]()
            });
            assert_eq!((made, outcome.is_ok()), (expected, census), "{outcome:?}");
        }
    }

    #[test]
    fn lists_are_bounded_and_counts_are_not() {
        let ports = || 1..=u16::try_from(MAX_PORTS + 10).unwrap_or(0);
        let mut census = Census::default();
        for _ in 0..2 {
            for port in ports() {
                let datagram = [socket(3, port), socket(10, port), socket(77, port)].concat();
                assert!(matches!(take(&datagram, 1, &mut census), Ok(false)));
            }
        }
        let all = 2 * (MAX_PORTS as u64 + 10);
        assert_eq!(census.half_open.len(), MAX_PORTS);
        assert_eq!(census.half_open.values().sum::<u64>(), 2 * MAX_PORTS as u64);
        assert_eq!(census.half_open_elsewhere, 20);
        assert_eq!(census.in_state(State::SynRecv), all);
        assert_eq!(census.listeners.len(), MAX_LISTENERS);
        assert_eq!(census.in_state(State::Listen), all);
        assert_eq!(census.other, all);
    }

    #[test]
    fn time_is_bounded() {
        let late = census(Duration::ZERO);
        assert!(matches!(late, Err(CensusError::Late(Duration::ZERO))), "{late:?}");
    }
}
