//! The rtnetlink socket that tells of neighbours.
//!
//! Must not wait, nor send a packet, nor take a message of another process for the
//! kernel's. Invariant: whatever comes, a look at it ends after [`BATCH`] datagrams.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::{
    Claims, Report,
    message::{Message, list_request, parse, way_request},
};

/// The neighbours of the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
    claims: Claims,
    buffer: Vec<u8>,
    sequence: u32,
    /// When all neighbours were asked for last; none where they are to be.
    listed: Option<Duration>,
    /// Whether messages were lost since.
    is_doubtful: bool,
    /// When the ways were asked for last.
    asked: Option<Duration>,
    /// The questions that are open, and their answers.
    ways: [Way; FAR.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Way {
    sequence: u32,
    gateway: Option<(u32, IpAddr)>,
}

/// The multicast group of neighbours (`RTNLGRP_NEIGH`).
const NEIGHBOUR_GROUP: u32 = 3;
/// The largest datagram that the kernel builds for an answer.
const DATAGRAM_LEN: usize = 32 * 1024;
/// Datagrams that are read in one look; the rest waits for the next one.
const BATCH: usize = 256;
/// How often the ways to far addresses are asked for.
const ASK: Duration = Duration::from_secs(5);
/// How often all neighbours are at most asked for, after messages were lost.
const LIST: Duration = Duration::from_secs(60);

/// Addresses that are far from everywhere (that of a.root-servers.net): what stands
/// between this host and them is the default gateway. One question costs as much however
/// many routes there are, which a list of them would not. Nothing is sent there.
const FAR: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)),
];

impl Watch {
    /// Subscribes to announcements of neighbours.
    ///
    /// # Errors
    ///
    /// When there is no socket to be had.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        socket.add_membership(NEIGHBOUR_GROUP)?;
        Ok(Self {
            socket,
            claims: Claims::default(),
            buffer: Vec::with_capacity(DATAGRAM_LEN),
            sequence: 0,
            listed: None,
            is_doubtful: false,
            asked: None,
            ways: [Way::default(); FAR.len()],
        })
    }

    /// Forgets who was on a link.
    pub fn forget(&mut self, link: u32) {
        self.claims.forget(link);
    }

    /// Reads what the kernel said up to now, and what came of it.
    ///
    /// # Errors
    ///
    /// When the socket fails; lost messages are no error.
    pub fn look(&mut self, now: Duration) -> io::Result<Arc<Report>> {
        // The gateways first: by them it is decided what matters of a neighbour.
        if self.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASK) {
            self.asked = Some(now);
            for (at, address) in FAR.into_iter().enumerate() {
                let sequence = self.next();
                if let Some(way) = self.ways.get_mut(at) {
                    way.sequence = sequence;
                }
                self.ask(&way_request(sequence, address))?;
            }
        }
        let due = self.listed.is_none_or(|listed| now.saturating_sub(listed) >= LIST);
        if due && (self.listed.is_none() || self.is_doubtful) {
            self.listed = Some(now);
            self.is_doubtful = false;
            let sequence = self.next();
            self.ask(&list_request(sequence))?;
        }
        self.read(now)?;
        Ok(self.claims.report(now))
    }

    fn next(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn ask(&self, question: &[u8]) -> io::Result<()> {
        match self.socket.send_to(question, &SocketAddr::new(0, 0), 0) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // Short of memory, or a list is still being written: asked again later.
                Some(libc::ENOBUFS | libc::ENOMEM | libc::EAGAIN | libc::EINTR | libc::EBUSY) => {
                    Ok(())
                }
                _ => Err(error),
            },
        }
    }

    fn read(&mut self, now: Duration) -> io::Result<()> {
        for _ in 0..BATCH {
            self.buffer.clear();
            match self.socket.recv_from(&mut self.buffer, libc::MSG_TRUNC) {
                Ok((_, sender)) if sender.port_number() != 0 => {}
                Ok((len, _)) if len > self.buffer.len() => self.is_doubtful = true,
                Ok(_) => self.take_datagram(now),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(()),
                    Some(libc::ENOBUFS) => self.is_doubtful = true,
                    Some(libc::EINTR) => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn take_datagram(&mut self, now: Duration) {
        let buffer = std::mem::take(&mut self.buffer);
        for message in parse(&buffer) {
            match message {
                Message::Neighbour { link, address, hardware } => {
                    self.claims.claim(now, link, address, hardware);
                }
                Message::Way { sequence, gateway } => self.answered(sequence, gateway),
                Message::None(sequence) => self.answered(sequence, None),
                Message::Done(_) => {}
                Message::Lost => self.is_doubtful = true,
            }
        }
        self.buffer = buffer;
    }

    /// Takes an answer to the question for a way.
    fn answered(&mut self, sequence: u32, gateway: Option<(u32, IpAddr)>) {
        if let Some(way) = self.ways.iter_mut().find(|way| way.sequence == sequence) {
            way.gateway = gateway;
            self.claims.set_gateways(self.ways.iter().filter_map(|way| way.gateway));
        }
    }
}
