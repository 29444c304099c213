//! How many names below a registered domain were asked for in a day, and which share
//! of an hour's were of types that carry data.
//!
//! Estimates, in as many bytes for each domain however many names there are: distinct
//! names of a day by HyperLogLog (Flajolet et al. 2007, 64 registers, off by 13 %), those
//! of an hour by linear counting (Whang et al. 1990, 128 bits). Invariant: what is older
//! than a day counts for nothing.

use std::net::IpAddr;

use super::below::Below;
use crate::{
    estimate::{marked, whole},
    key::Dice,
    octets::{Octets, address, octets},
    table::{Found, Row, Table},
};

/// Domains that are followed.
const DOMAINS: usize = 4096;

/// A day is the half that goes on and the one before it.
const HALF_DAY: u32 = 43_200;
const HOUR: u32 = 3600;
const MINUTE: u32 = 60;

/// Registers, two in a byte.
const REGISTERS: usize = 64;
type Registers = [u8; REGISTERS / 2];

/// TXT, NULL, KEY, ANY, and what is set aside for private use: answers of these types
/// hold whatever the server likes.
const TXT: u16 = 16;
const NULL: u16 = 10;
const KEY: u16 = 25;
const ANY: u16 = 255;
const PRIVATE_USE: u16 = 0xff00;

/// A registered domain.
#[derive(Clone, Debug, Default)]
struct Domain {
    tag: u32,
    last: u32,
    /// Who asked last.
    client: Octets,
    /// The number of the half day, and of the hour.
    half: u16,
    hour: u16,
    /// Of this half day, then of the one before.
    registers: [Registers; 2],
    queries: [u32; 2],
    bytes: [u32; 2],
    /// Minutes in which somebody asked.
    minutes: [u16; 2],
    /// Distinct names of the day, kept up to date.
    names: u32,
    /// Of this hour: queries, those of types that carry data, their names.
    asked: u16,
    carriers: u16,
    bits: [u8; 16],
}

const _: () = assert!(size_of::<Domain>() == 136);

/// A domain below which many names were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Hash of the domain.
    pub(super) domain: u32,
    /// Who asked last.
    pub(super) client: IpAddr,
    /// Distinct names of the last day, roughly.
    pub(super) names: u32,
    /// Queries of the last day, and the bytes of their names below the domain.
    pub(super) queries: u32,
    pub(super) bytes: u32,
    /// Minutes of the last day in which somebody asked.
    pub(super) minutes: u32,
    /// Of this hour: queries, those of types that carry data, and their distinct names.
    pub(super) asked: u32,
    pub(super) carriers: u32,
    pub(super) carrier_names: u32,
}

/// All domains.
#[derive(Debug)]
pub(super) struct Domains(Table<Domain>);

impl Row for Domain {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn is_over(&self, now: u32) -> bool {
        now.saturating_sub(self.last) > 2 * HALF_DAY
    }

    fn worth(&self) -> u64 {
        u64::from(self.names)
    }

    fn last(&self) -> u32 {
        self.last
    }
}

/// Whether answers of this type hold whatever the server likes.
pub(super) const fn carries(kind: u16) -> bool {
    matches!(kind, TXT | NULL | KEY | ANY) || kind >= PRIVATE_USE
}

impl Domains {
    pub(super) fn new() -> Self {
        Self(Table::new(DOMAINS))
    }

    /// Takes note of a query. `policy` says that it asks for a rule of mail, such as
    /// DKIM and DMARC publish in TXT. Tells whether the domain is worth a name.
    pub(super) fn observe(
        &mut self,
        domain: u32,
        second: u32,
        client: IpAddr,
        query: (Below, u16, bool),
        dice: &mut Dice,
    ) -> bool {
        let (below, kind, is_policy) = query;
        let at = match self.0.place(domain, second, dice) {
            None => return false,
            Some(Found::Known(at)) => at,
            Some(Found::New(at, _)) => {
                if let Some(row) = self.0.get_mut(at) {
                    *row = Domain { tag: domain, ..Domain::default() };
                    row.turn(second);
                }
                at
            }
        };
        let Some(row) = self.0.get_mut(at) else { return false };
        row.turn(second);
        let is_new_minute = row.last / MINUTE != second / MINUTE;
        let [minutes, _] = &mut row.minutes;
        *minutes += u16::from(is_new_minute);
        row.last = second;
        row.client = octets(client);
        row.count(below, carries(kind) && !is_policy);
        row.is_notable()
    }

    /// Domains that were asked about lately and have more names than most.
    pub(super) fn candidates(&self, now: u32) -> impl Iterator<Item = Candidate> {
        let recent = move |row: &&Domain| now.saturating_sub(row.last) < HOUR;
        self.0.iter().filter(|row| row.is_notable()).filter(recent).map(move |row| {
            let this_hour = row.hour == part(now, HOUR);
            let of_hour = |count: u32| if this_hour { count } else { 0 };
            Candidate {
                domain: row.tag,
                client: address(row.client),
                names: row.names,
                queries: row.queries.iter().fold(0, |sum, count| sum.saturating_add(*count)),
                bytes: row.bytes.iter().fold(0, |sum, count| sum.saturating_add(*count)),
                minutes: row.minutes.iter().map(|count| u32::from(*count)).sum(),
                asked: of_hour(u32::from(row.asked)),
                carriers: of_hour(u32::from(row.carriers)),
                carrier_names: of_hour(distinct(row.bits)),
            }
        })
    }

    /// Domains that had to go.
    pub(super) const fn evicted(&self) -> u64 {
        self.0.evicted
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// The number of a span of time, the lower bits.
const fn part(second: u32, span: u32) -> u16 {
    ((second / span) & 0xffff) as u16
}

impl Domain {
    /// Begins a new hour and a new half day where it is time.
    fn turn(&mut self, now: u32) {
        let hour = part(now, HOUR);
        if self.hour != hour {
            self.hour = hour;
            (self.asked, self.carriers, self.bits) = (0, 0, [0; 16]);
        }
        let half = part(now, HALF_DAY);
        let passed = half.wrapping_sub(self.half);
        if passed == 0 {
            return;
        }
        self.half = half;
        let is_next = passed == 1;
        let [this, before] = &mut self.registers;
        *before = if is_next { *this } else { [0; REGISTERS / 2] };
        *this = [0; REGISTERS / 2];
        for counts in [&mut self.queries, &mut self.bytes] {
            let [this, before] = counts;
            *before = if is_next { *this } else { 0 };
            *this = 0;
        }
        let [this, before] = &mut self.minutes;
        *before = if is_next { *this } else { 0 };
        *this = 0;
        self.names = self.estimate();
    }

    fn count(&mut self, below: Below, carries: bool) {
        let [queries, _] = &mut self.queries;
        *queries = queries.saturating_add(1);
        let [bytes, _] = &mut self.bytes;
        *bytes = bytes.saturating_add(u32::from(below.len));
        self.asked = self.asked.saturating_add(1);
        if carries {
            self.carriers = self.carriers.saturating_add(1);
            // The registers use the lower bits.
            let bit = (below.hash >> 56) as usize % 128;
            if let Some(byte) = self.bits.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
        let register = (below.hash & 63) as usize;
        let rank = ((below.hash >> 6 | 1 << 40).trailing_zeros() + 1).min(15) as u8;
        let [this, _] = &mut self.registers;
        if let Some(byte) = this.get_mut(register / 2)
            && raise(byte, register % 2 == 1, rank)
        {
            self.names = self.estimate();
        }
    }

    /// Worth a place in the report: far below what raises anything.
    fn is_notable(&self) -> bool {
        self.names >= 100 || self.carriers >= 25
    }

    /// Distinct names of both halves.
    fn estimate(&self) -> u32 {
        let [this, before] = &self.registers;
        let (mut sum, mut zeros) = (0.0_f64, 0.0_f64);
        for (a, b) in this.iter().zip(before) {
            for rank in [(a & 15).max(b & 15), (a >> 4).max(b >> 4)] {
                sum += 1.0 / f64::from(1_u32 << rank);
                zeros += f64::from(u8::from(rank == 0));
            }
        }
        let registers = 64.0_f64;
        let raw = 0.709 * registers * registers / sum;
        let names = if raw <= 2.5 * registers && zeros > 0.0 {
            registers * (registers / zeros).ln()
        } else {
            raw
        };
        narrow(names)
    }
}

/// Raises half a byte; tells whether it did.
const fn raise(byte: &mut u8, upper: bool, rank: u8) -> bool {
    let shift = if upper { 4 } else { 0 };
    if *byte >> shift & 15 >= rank {
        return false;
    }
    *byte = *byte & !(15 << shift) | rank << shift;
    true
}

/// How many names set these bits, roughly.
pub(super) fn distinct(bits: [u8; 16]) -> u32 {
    narrow(marked(u128::BITS, u128::from_ne_bytes(bits).count_ones()))
}

/// The nearest whole number of 32 bits.
fn narrow(number: f64) -> u32 {
    u32::try_from(whole(number)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    fn domain(names: u64, times: u32) -> Domain {
        let mut domain = Domain::default();
        for number in (0..times).flat_map(|_| 0..names) {
            let hash = Key::FIXED.hash(&[&number.to_be_bytes()]);
            domain.count(Below { hash, len: 10, is_about: false }, true);
        }
        domain
    }

    #[test]
    fn estimates_are_near() {
        for (names, off) in
            [(0, 0.0), (10, 0.2), (100, 0.2), (500, 0.25), (1000, 0.25), (50_000, 0.3)]
        {
            let found = f64::from(domain(names, 2).names);
            let names = names as f64;
            assert!((found - names).abs() <= names * off, "{names}: {found}");
        }
        for names in [15, 50, 100] {
            let found = f64::from(distinct(domain(names, 3).bits));
            assert!((found / names as f64 - 1.0).abs() < 0.2, "{names}: {found}");
        }
    }

    #[test]
    fn a_day_is_two_halves() {
        let mut domain = domain(300, 1);
        let names = domain.names;
        domain.turn(HALF_DAY);
        assert_eq!((domain.names, domain.queries, domain.asked), (names, [0, 300], 0));
        domain.turn(2 * HALF_DAY);
        assert_eq!((domain.names, domain.queries), (0, [0, 0]));
        let mut domain = self::domain(300, 1);
        domain.turn(5 * HALF_DAY);
        assert_eq!((domain.names, domain.bytes), (0, [0, 0]));
    }
}
