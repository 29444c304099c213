//! TCP conversations, and requests that come to nothing.

use std::net::{IpAddr, SocketAddr};

use crate::{
    frame::tcp,
    traffic::{MS, Micros, SECOND, TCP, Traffic},
};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// Payload of a full segment on Ethernet, with timestamps.
pub(crate) const FULL: usize = 1448;

/// A connection between two ends, at the time that it has come to. Who speaks is 0 for the
/// client and 1 for the server.
pub(crate) struct Talk<'a> {
    traffic: &'a mut Traffic,
    /// Client and server.
    ends: [SocketAddr; 2],
    /// What each end sends next.
    next: [u32; 2],
    /// From one end to the other.
    one_way: Micros,
    /// How far it has come.
    pub(crate) at: Micros,
}

impl Traffic {
    /// Adds a segment with so many bytes of payload from one end to the other.
    pub(crate) fn segment(
        &mut self,
        at: Micros,
        ends: [SocketAddr; 2],
        flags: u8,
        numbers: [u32; 2],
        payload: usize,
    ) {
        self.segment_of(at, ends, flags, numbers, &vec![b'x'; payload]);
    }

    fn segment_of(
        &mut self,
        at: Micros,
        [from, to]: [SocketAddr; 2],
        flags: u8,
        numbers: [u32; 2],
        payload: &[u8],
    ) {
        // With options of 12 bytes, as timestamps are.
        let mut segment = tcp(8, flags);
        segment[..2].copy_from_slice(&from.port().to_be_bytes());
        segment[2..4].copy_from_slice(&to.port().to_be_bytes());
        segment[4..8].copy_from_slice(&numbers[0].to_be_bytes());
        segment[8..12].copy_from_slice(&numbers[1].to_be_bytes());
        segment.extend(payload);
        self.packet(at, [from.ip(), to.ip()], TCP, &segment);
    }

    /// A request for a connection and nothing else.
    pub(crate) fn request(&mut self, at: Micros, ends: [SocketAddr; 2]) {
        let number = self.below(1 << 32);
        self.segment(at, ends, SYN, [u32::try_from(number).unwrap(), 0], 0);
    }

    /// A request that is answered with a reset.
    pub(crate) fn refused(&mut self, at: Micros, [client, server]: [SocketAddr; 2]) {
        self.segment(at, [client, server], SYN, [1000, 0], 0);
        self.segment(at + 300, [server, client], RST | ACK, [0, 1001], 0);
    }

    /// A request that nobody answers, as Linux repeats it.
    pub(crate) fn ignored(&mut self, at: Micros, ends: [SocketAddr; 2]) {
        for after in [0, 1, 3, 7] {
            self.segment(at + after * SECOND, ends, SYN, [1000, 0], 0);
        }
    }

    /// Opens a connection from a port of its own to this end.
    pub(crate) fn connect(
        &mut self,
        at: Micros,
        client: IpAddr,
        server: SocketAddr,
        round_trip: Micros,
    ) -> Talk<'_> {
        let client = SocketAddr::new(client, self.port());
        let first = [1, 2].map(|_| u32::try_from(self.below(1 << 32)).unwrap());
        let (ends, one_way) = ([client, server], round_trip / 2);
        let mut talk = Talk { traffic: self, ends, next: first, one_way, at };
        talk.say(0, SYN);
        talk.at += one_way;
        talk.say(1, SYN | ACK);
        talk.at += one_way;
        talk.say(0, ACK);
        talk
    }
}

impl Talk<'_> {
    /// The client sends so many bytes, which the server acknowledges.
    pub(crate) fn ask(&mut self, bytes: usize) -> &mut Self {
        self.send(0, bytes, 50)
    }

    /// The server sends so many bytes.
    pub(crate) fn answer(&mut self, bytes: usize) -> &mut Self {
        self.send(1, bytes, 50)
    }

    /// One end sends so many bytes, full segments so far apart; the other acknowledges
    /// every second segment and the last.
    pub(crate) fn send(&mut self, by: usize, bytes: usize, apart: Micros) -> &mut Self {
        self.stream(by, &vec![b'x'; bytes], apart)
    }

    /// One end sends a DNS message behind its length.
    pub(crate) fn message(&mut self, by: usize, message: &[u8]) -> &mut Self {
        let len = u16::try_from(message.len()).unwrap().to_be_bytes();
        self.stream(by, &[&len, message].concat(), 50)
    }

    fn stream(&mut self, by: usize, bytes: &[u8], apart: Micros) -> &mut Self {
        let count = bytes.len().div_ceil(FULL);
        for (number, payload) in bytes.chunks(FULL).enumerate() {
            let is_last = number + 1 == count;
            self.tell(by, if is_last { PSH | ACK } else { ACK }, payload);
            if number % 2 == 1 || is_last {
                self.at += self.one_way;
                self.say(1 - by, ACK);
                self.at -= self.one_way;
            }
            self.at += apart;
        }
        self.at += self.one_way;
        self
    }

    /// A full segment is sent again, because the first one got lost behind the capture.
    pub(crate) fn again(&mut self, by: usize) -> &mut Self {
        self.tell(by, ACK, &[b'x'; FULL]);
        self.next[by] = self.next[by].wrapping_sub(u32::try_from(FULL).unwrap());
        self.at += 200 * MS;
        self.tell(by, ACK, &[b'x'; FULL]);
        self
    }

    /// One end sends so many bytes that the capture does not show.
    pub(crate) const fn skip(&mut self, by: usize, bytes: u32) -> &mut Self {
        self.next[by] = self.next[by].wrapping_add(bytes);
        self
    }

    /// Nothing happens for so long.
    pub(crate) const fn wait(&mut self, time: Micros) -> &mut Self {
        self.at += time;
        self
    }

    /// One end says that it is done, then the other. Tells when it is over.
    pub(crate) fn close(&mut self, by: usize) -> Micros {
        self.say(by, FIN | ACK);
        self.at += self.one_way;
        self.say(1 - by, FIN | ACK);
        self.at += self.one_way;
        self.say(by, ACK);
        self.at
    }

    /// One end tears it down.
    pub(crate) fn reset(&mut self, by: usize) -> Micros {
        self.say(by, RST | ACK);
        self.at
    }

    fn say(&mut self, by: usize, flags: u8) {
        self.tell(by, flags, &[]);
    }

    fn tell(&mut self, by: usize, flags: u8, payload: &[u8]) {
        let ends = [self.ends[by], self.ends[1 - by]];
        let numbers = [self.next[by], if flags & ACK == 0 { 0 } else { self.next[1 - by] }];
        self.traffic.segment_of(self.at, ends, flags, numbers, payload);
        let taken = u32::try_from(payload.len()).unwrap() + u32::from(flags & (SYN | FIN) != 0);
        self.next[by] = self.next[by].wrapping_add(taken);
    }
}
