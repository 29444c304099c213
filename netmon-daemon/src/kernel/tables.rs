//! Reading what the hooks of the TCP stack count.
//!
//! Only slots that are in use are read: each read is a system call.

use std::ops::RangeInclusive;

use aya::{
    Ebpf,
    maps::{Array, MapData, MapError, PerCpuArray},
};
use netmon_common::{
    abi::{
        connection::{Carried, Ending, Handshake, Lifetime, Path},
        labels::{Direction, Role},
        service::{
            PORT_SET_ENTRIES, PORT_WORDS, PORTS_PER_ENTRY, ServiceEvents, TIMED_SERVICES,
            port_place, timed,
        },
        tcp::{DROP_REASONS, Dropped, RESET_REASONS, TcpEvents},
    },
    scope::Scope,
};

use super::{
    error::{KernelError, reason},
    services::{Services, ephemeral_ports},
};
use crate::snapshot::{OTHER, Service, Tcp, Times};

/// Words of the connection whose end is open.
const ENDING_WORDS: usize = size_of::<Ending>() / size_of::<u64>();

/// The maps of the hooks of the TCP stack.
pub(super) struct Tables {
    events: PerCpuArray<MapData, [u64; TcpEvents::WORDS]>,
    services: PerCpuArray<MapData, [u64; ServiceEvents::WORDS]>,
    handshakes: PerCpuArray<MapData, [u64; Handshake::WORDS]>,
    lifetimes: PerCpuArray<MapData, [u64; Lifetime::WORDS]>,
    carried: PerCpuArray<MapData, [u64; Carried::WORDS]>,
    paths: PerCpuArray<MapData, [u64; Path::WORDS]>,
    ending: PerCpuArray<MapData, [u64; ENDING_WORDS]>,
    resets: PerCpuArray<MapData, [u64; RESET_REASONS]>,
    drops: PerCpuArray<MapData, [u64; DROP_REASONS * Dropped::WORDS]>,
    ports: Array<MapData, [u8; PORTS_PER_ENTRY]>,
    listening: Array<MapData, [u64; PORT_WORDS]>,
    known: Services,
    /// The ports that the kernel picks from.
    ephemeral: RangeInclusive<u16>,
}

impl Tables {
    /// Takes the maps out of the object.
    ///
    /// # Errors
    ///
    /// When it lacks one, which only a broken build can bring about.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let mut map = |name: &str| ebpf.take_map(name).ok_or_else(|| missing(name));
        let wrong = |error: MapError| KernelError::of("opening eBPF maps", &error);
        Ok(Self {
            events: map("TCP_EVENTS")?.try_into().map_err(wrong)?,
            services: map("SERVICE_EVENTS")?.try_into().map_err(wrong)?,
            handshakes: map("HANDSHAKE_TIMES")?.try_into().map_err(wrong)?,
            lifetimes: map("LIFETIMES")?.try_into().map_err(wrong)?,
            carried: map("CARRIED")?.try_into().map_err(wrong)?,
            paths: map("PATHS")?.try_into().map_err(wrong)?,
            ending: map("ENDING")?.try_into().map_err(wrong)?,
            resets: map("RESETS_SENT")?.try_into().map_err(wrong)?,
            drops: map("DROPS")?.try_into().map_err(wrong)?,
            ports: map("SERVICE_BY_PORT")?.try_into().map_err(wrong)?,
            listening: map("LISTENING_PORTS")?.try_into().map_err(wrong)?,
            known: Services::default(),
            ephemeral: ephemeral_ports(),
        })
    }

    /// The ports that have slots.
    pub(super) const fn known(&self) -> &Services {
        &self.known
    }

    /// Gives slots to ports, as long as there are any.
    ///
    /// # Errors
    ///
    /// When the table of ports cannot be written.
    pub(super) fn serve(
        &mut self,
        ports: impl IntoIterator<Item = u16>,
    ) -> Result<(), KernelError> {
        for port in ports {
            let Some((slot, true)) = self.known.take(port) else { continue };
            let (entry, position) = port_place(port);
            let table = |error: MapError| KernelError::of("writing the table of ports", &error);
            let mut slots = self.ports.get(&entry, 0).map_err(table)?;
            if let Some(place) = slots.get_mut(position) {
                *place = slot;
            }
            self.ports.set(entry, slots, 0).map_err(table)?;
        }
        Ok(())
    }

    /// Gives slots to the ports on which somebody began to listen, but for those that
    /// the kernel picked: whoever let it do so may be gone in a moment.
    ///
    /// # Errors
    ///
    /// When the tables of ports cannot be read or written.
    pub(super) fn serve_listeners(&mut self) -> Result<(), KernelError> {
        let mut found = Vec::new();
        for entry in 0..PORT_SET_ENTRIES {
            let words = self.listening.get(&entry, 0);
            let words = words.map_err(|error| unreadable("the listening ports", &error))?;
            for (position, word) in words.iter().enumerate().filter(|(_, word)| **word != 0) {
                let first = (entry as usize * PORT_WORDS + position) * u64::BITS as usize;
                let bits = (0..u64::BITS as usize).filter(|bit| word >> bit & 1 == 1);
                found.extend(bits.filter_map(|bit| u16::try_from(first + bit).ok()));
            }
        }
        found.retain(|port| !self.ephemeral.contains(port));
        self.serve(found)
    }

    /// What the TCP stack did, but for names that only the kernel's BTF knows.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub(super) fn read(&self) -> Result<Tcp, KernelError> {
        let mut tcp = Tcp::empty();
        tcp.events = TcpEvents::from_words(&sum(&self.events, 0)?);
        self.read_services(&mut tcp)?;
        for (index, path) in (0..).zip(tcp.paths.iter_mut().take(Scope::COUNT)) {
            *path = Path::from_words(&sum(&self.paths, index)?);
        }
        for (index, carried) in
            (0..).zip(tcp.carried.iter_mut().take(Role::COUNT * Direction::COUNT))
        {
            *carried = Carried::from_words(&sum(&self.carried, index)?);
        }
        Ok(tcp)
    }

    /// Resets sent, by the kernel's number of the reason.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub(super) fn resets_sent(&self) -> Result<[u64; RESET_REASONS], KernelError> {
        sum(&self.resets, 0)
    }

    /// Packets dropped, by the kernel's number of the reason.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub(super) fn drops(&self) -> Result<Vec<Dropped>, KernelError> {
        let words = sum(&self.drops, 0)?;
        Ok(words.as_chunks().0.iter().map(Dropped::from_words).collect())
    }

    /// The services, with the connections whose end is still open counted as ended.
    ///
    /// A hook moves such an end from one place to the other, so the places are read
    /// until nothing moved meanwhile; a count could fall otherwise.
    fn read_services(&self, tcp: &mut Tcp) -> Result<(), KernelError> {
        let names = self.known.names();
        let mut endings = self.endings()?;
        for _ in 0..RETRIES {
            tcp.services.clear();
            for (slot, name) in std::iter::once(OTHER.to_owned()).chain(names.clone()).enumerate() {
                let mut service = Service::new(name, slot);
                let index = u32::try_from(slot).unwrap_or_default();
                service.events = ServiceEvents::from_words(&sum(&self.services, index)?);
                tcp.services.push(service);
            }
            let after = self.endings()?;
            if after == endings {
                break;
            }
            endings = after;
        }
        for [_, service, end] in endings.into_iter().filter(|[socket, ..]| *socket != 0) {
            let service = usize::try_from(service).ok().and_then(|at| tcp.services.get_mut(at));
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            let ended = service.map(|service| &mut service.events.tcp_connections_closed);
            if let Some(count) = ended.and_then(|ended| ended.get_mut(end)) {
                *count = count.wrapping_add(1);
            }
        }
        for (slot, service) in (0..TIMED_SERVICES).zip(&mut tcp.services) {
            let Some(times) = &mut service.times else { continue };
            for (role, times) in Role::ALL.iter().zip(times) {
                let index = timed(u8::try_from(slot).unwrap_or_default(), *role);
                *times = Times {
                    handshakes: Handshake::from_words(&sum(&self.handshakes, index)?),
                    lifetimes: Lifetime::from_words(&sum(&self.lifetimes, index)?),
                };
            }
        }
        Ok(())
    }

    /// The connections whose end is open, by CPU.
    fn endings(&self) -> Result<Vec<[u64; ENDING_WORDS]>, KernelError> {
        let per_cpu = self.ending.get(&0, 0);
        Ok(per_cpu.map_err(|error| unreadable("the TCP stack", &error))?.to_vec())
    }
}

/// How often places are read again when a hook moved something between them, which
/// it does at most once per connection that was closed while data was on its way.
const RETRIES: u32 = 4;

/// The object lacks a map, which only a broken build can bring about.
pub(super) fn missing(map: &str) -> KernelError {
    KernelError::Unsupported {
        what: format!("finding the map {map}"),
        why: "the eBPF object is damaged".to_owned(),
    }
}

/// A value of a map, summed over CPUs.
///
/// # Errors
///
/// When it cannot be read.
pub(super) fn sum<const N: usize>(
    map: &PerCpuArray<MapData, [u64; N]>,
    index: u32,
) -> Result<[u64; N], KernelError> {
    let per_cpu = map.get(&index, 0).map_err(|error| unreadable("the TCP stack", &error))?;
    let mut sum = [0; N];
    for words in per_cpu.iter() {
        for (total, word) in sum.iter_mut().zip(words) {
            *total = u64::wrapping_add(*total, *word);
        }
    }
    Ok(sum)
}

fn unreadable(what: &str, error: &MapError) -> KernelError {
    KernelError::Unreadable { what: what.to_owned(), why: reason(error) }
}
