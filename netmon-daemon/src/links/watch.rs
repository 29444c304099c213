//! The rtnetlink socket behind the table.
//!
//! Must not wait but in [`Watch::next`], nor take a message of another process
//! for the kernel's. Invariant: messages are applied in the order in which the
//! kernel queued them. The answer to a request for all devices comes through the
//! same queue as the announcements, so that the two never contradict each other.

use std::{io, mem, path::PathBuf, time::Duration};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Change, Link, Table,
    message::{Message, Messages, dump_request},
    speed,
};

/// The devices of the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Watch {
    socket: AsyncFd<Socket>,
    reader: Reader,
}

/// The multicast group of device announcements (`RTNLGRP_LINK`).
const LINK_GROUP: u32 = 1;
/// The largest datagram that the kernel builds for an answer.
const DATAGRAM_LEN: usize = 32 * 1024;
/// Room for announcements that were not read yet, in bytes; the kernel's limit
/// (`net.core.rmem_max`) may make it less. One announcement takes about 2 KiB.
const QUEUE_LEN: i32 = 1024 * 1024;
/// Datagrams that are read before other tasks have their turn.
const BATCH: usize = 1024;
/// Requests for all devices that are sent before other tasks have their turn.
const REQUESTS: usize = 4;
/// How long to wait before the devices are requested once more.
const RETRY: Duration = Duration::from_millis(100);

impl Watch {
    /// Subscribes to announcements and reads all devices; the first
    /// [`next`](Self::next) or [`refresh`](Self::refresh) yields them. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When there is no socket to be had, or it fails.
    pub fn open() -> io::Result<Self> {
        Self::with_queue(QUEUE_LEN)
    }

    /// [`open`](Self::open) with room for `len` bytes of announcements that were
    /// not read yet, as far as the kernel's limits allow.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_queue(len: i32) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // With less room there is only more to read again.
        let _ = socket.set_rx_buf_sz(len);
        socket.set_non_blocking(true)?;
        socket.add_membership(LINK_GROUP)?;
        #[expect(
            deprecated,
            reason = "its replacement is unsafe because a type might close its descriptor early; \
                      this one owns it until dropped"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE | Interest::ERROR)?;
        let mut reader = Reader::new();
        reader.read(socket.get_ref())?;
        Ok(Self { socket, reader })
    }

    /// The next changes, in order, at least one. Cancel-safe: what was read and
    /// not yielded is yielded next time.
    ///
    /// # Errors
    ///
    /// When the socket fails for good; lost messages are no error.
    pub async fn next(&mut self) -> io::Result<Vec<Change>> {
        while self.reader.changes.is_empty() {
            let interest = Interest::READABLE | Interest::ERROR;
            let ready = self.socket.ready(interest);
            let guard = if self.reader.request_due {
                tokio::time::timeout(RETRY, ready).await.ok().transpose()?
            } else {
                Some(ready.await?)
            };
            let drained = self.reader.read(self.socket.get_ref())?;
            if drained && let Some(mut guard) = guard {
                guard.clear_ready();
            }
            if !drained {
                tokio::task::yield_now().await;
            }
        }
        Ok(mem::take(&mut self.reader.changes))
    }

    /// Reads all devices again, for their counters, and gives the changes up to
    /// now. Does not wait: a list that the kernel cannot finish at once is
    /// finished by the next call of any kind.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn refresh(&mut self) -> io::Result<Vec<Change>> {
        self.reader.request_due = true;
        self.reader.read(self.socket.get_ref())?;
        self.reader.reread_a_speed();
        Ok(mem::take(&mut self.reader.changes))
    }

    /// Whether the last list of all devices is whole, so that their counters are as
    /// new as it.
    pub const fn is_listed(&self) -> bool {
        self.reader.request.is_none() && !self.reader.request_due
    }

    /// The devices, by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.reader.table.links()
    }

    /// The devices, for [`vantage`](super::vantage()) and look-ups.
    pub const fn table(&self) -> &Table {
        &self.reader.table
    }

    /// How often messages were lost, so that all devices had to be read again.
    pub const fn losses(&self) -> u64 {
        self.reader.losses
    }
}

/// All state but the socket.
#[derive(Debug)]
struct Reader {
    table: Table,
    /// Changes that were not yielded yet.
    changes: Vec<Change>,
    /// Whether all devices are to be requested once the queue is empty. Not
    /// before: after a loss the kernel goes on dropping until it is.
    request_due: bool,
    /// The request that is being answered.
    request: Option<Request>,
    sequence: u32,
    losses: u64,
    buffer: Vec<u8>,
    sysfs: PathBuf,
    /// Index of the device whose speed was read again last.
    speed_read: u32,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    sequence: u32,
    /// Whether devices came or went meanwhile.
    interrupted: bool,
}

impl Reader {
    fn new() -> Self {
        let mut table = Table::default();
        table.doubt();
        Self {
            table,
            changes: Vec::new(),
            request_due: true,
            request: None,
            sequence: 0,
            losses: 0,
            buffer: Vec::with_capacity(DATAGRAM_LEN),
            sysfs: PathBuf::from(speed::SYSFS),
            speed_read: 0,
        }
    }

    /// Reads what the kernel has queued, and requests what is due. Returns
    /// whether the queue is empty.
    fn read(&mut self, socket: &Socket) -> io::Result<bool> {
        let mut requests = 0;
        for _ in 0..BATCH {
            self.buffer.clear();
            match socket.recv_from(&mut self.buffer, libc::MSG_TRUNC) {
                Ok((_, sender)) if sender.port_number() != 0 => {}
                Ok((len, _)) if len > self.buffer.len() => self.lost(),
                Ok(_) => self.take_datagram(),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => {
                        // An answer never outlasts the queue, unless it failed.
                        self.request_due |= self.request.take().is_some();
                        if !self.request_due || requests == REQUESTS {
                            return Ok(true);
                        }
                        requests += 1;
                        self.send_request(socket)?;
                    }
                    Some(libc::ENOBUFS) => self.lost(),
                    Some(libc::EINTR) => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(false)
    }

    fn send_request(&mut self, socket: &Socket) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        match socket.send_to(&dump_request(self.sequence), &SocketAddr::new(0, 0), 0) {
            Ok(_) => {
                self.table.begin_list();
                self.request_due = false;
                self.request = Some(Request { sequence: self.sequence, interrupted: false });
                Ok(())
            }
            Err(error) => match error.raw_os_error() {
                // Short of memory, or interrupted: it stays due.
                Some(libc::ENOBUFS | libc::ENOMEM | libc::EAGAIN | libc::EINTR) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// The kernel knows more than the table.
    fn lost(&mut self) {
        self.losses = self.losses.saturating_add(1);
        self.table.doubt();
        self.request = None;
        self.request_due = true;
    }

    fn take_datagram(&mut self) {
        let buffer = mem::take(&mut self.buffer);
        let mut messages = Messages::parse(&buffer);
        while let Some(message) = messages.next() {
            if let Some(request) = &mut self.request {
                request.interrupted |= messages.interrupted();
            }
            self.take_message(message);
        }
        self.buffer = buffer;
    }

    fn take_message(&mut self, message: Message) {
        match message {
            Message::New(link) => {
                let speed = |link: &Link| speed::read(&self.sysfs, link);
                self.table.apply(*link, speed, &mut self.changes);
            }
            Message::Gone(ifindex) => self.table.remove(ifindex, &mut self.changes),
            Message::Done(sequence) => self.end_request(sequence),
            Message::Failed { sequence, .. } => {
                if self.request.take_if(|request| request.sequence == sequence).is_some() {
                    self.request_due = true;
                }
            }
            Message::Damaged => self.lost(),
        }
    }

    fn end_request(&mut self, sequence: u32) {
        let Some(request) = self.request.take_if(|request| request.sequence == sequence) else {
            return;
        };
        if !request.interrupted {
            self.table.end_list(&mut self.changes);
        } else if self.table.is_doubtful() {
            self.request_due = true;
        }
    }

    /// Reads the speed of the next device again: it can change without an
    /// announcement, and reading all at once would take the kernel's network lock
    /// for each.
    fn reread_a_speed(&mut self) {
        let after = self.table.links().find(|link| link.ifindex > self.speed_read);
        let Some(link) = after.or_else(|| self.table.links().next()) else { return };
        let (ifindex, speed) = (link.ifindex, speed::read(&self.sysfs, link));
        self.speed_read = ifindex;
        self.table.set_speed(ifindex, speed, &mut self.changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Name;

    const NLM_F_MULTI: u16 = 2;
    const NLM_F_DUMP_INTR: u16 = 0x10;

    fn done(flags: u16, sequence: u32, errno: i32) -> Vec<u8> {
        let mut bytes = 20_u32.to_ne_bytes().to_vec();
        bytes.extend(3_u16.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(errno.to_ne_bytes());
        bytes
    }

    /// A list that does not name the one device of the table ends like this: is
    /// the device still there, and are all devices requested once more?
    #[test]
    fn only_a_whole_list_ends_a_device() {
        let interrupted = NLM_F_MULTI | NLM_F_DUMP_INTR;
        let cases = [
            ("whole, after a loss", true, done(NLM_F_MULTI, 5, 0), (false, false)),
            ("whole, nothing lost", false, done(NLM_F_MULTI, 5, 0), (false, false)),
            ("interrupted, after a loss", true, done(interrupted, 5, 0), (true, true)),
            ("interrupted, nothing lost", false, done(interrupted, 5, 0), (true, false)),
            ("the answer to an older request", true, done(NLM_F_MULTI, 4, 0), (true, false)),
            ("failed", true, done(NLM_F_MULTI, 5, -12), (true, true)),
            ("cut off", true, vec![20, 0, 0, 0, 3], (true, true)),
        ];
        for (name, lost, datagram, expected) in cases {
            let mut reader = Reader::new();
            reader.table.begin_list();
            reader.table.end_list(&mut Vec::new());
            let link = Link { name: Name::new(b"a"), ..Link::nameless(3) };
            reader.take_message(Message::New(link.into()));
            if lost {
                reader.lost();
            }
            reader.request_due = false;
            reader.table.begin_list();
            reader.request = Some(Request { sequence: 5, interrupted: false });
            reader.buffer = datagram;
            reader.take_datagram();
            let there = reader.table.get(3).is_some();
            assert_eq!((there, reader.request_due), expected, "{name}");
        }
    }
}
