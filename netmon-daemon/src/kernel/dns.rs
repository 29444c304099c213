//! DNS: the programs to which packets with DNS in them are handed on, and their maps.
//!
//! Where the kernel refuses these programs, packets are counted all the same and DNS is
//! not looked at.

use std::time::Duration;

use aya::{
    Ebpf,
    maps::{Array, MapData, MapError, PerCpuArray, RingBuf},
};
use netmon_common::{
    abi::{
        dns::{DnsSettings, DnsTally, LOOKUP_TIMES, LookupTimes, Lookups, NameEvent, dns_tally},
        labels::Direction,
        slot::{BOUNDARY, INTERNAL, LOOPBACK},
    },
    dns::{Keys, Timeouts},
    wire::dns::Ports,
};

use super::{
    error::KernelError,
    tables::{missing, sum},
};
use crate::{
    config::{Config, NamePrivacy},
    names::Sighting,
    octets,
    resolvers::{Resolvers, configured},
    snapshot::{Dns as Counted, Vantage},
};

/// The name of the hook in metrics and `netmon doctor`.
pub(super) const HOOK: &str = "dns";

/// Where the resolvers of this host are named.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The maps of DNS.
pub(super) struct Dns {
    settings: Array<MapData, [u64; DnsSettings::WORDS]>,
    tallies: PerCpuArray<MapData, [u64; DnsTally::WORDS]>,
    lookups: PerCpuArray<MapData, [u64; Lookups::WORDS]>,
    times: PerCpuArray<MapData, [u64; LookupTimes::WORDS]>,
    names: RingBuf<MapData>,
    keys: Keys,
    resolvers: Resolvers,
    in_force: DnsSettings,
    timeouts: Timeouts,
    /// Why DNS is not looked at, if so.
    refused: Option<KernelError>,
}

impl Dns {
    /// Takes the maps out of the object, of programs that may have been refused.
    ///
    /// # Errors
    ///
    /// When the object lacks a map, which only a broken build can bring about.
    pub(super) fn open(
        ebpf: &mut Ebpf,
        keys: Keys,
        refused: Option<KernelError>,
    ) -> Result<Self, KernelError> {
        let wrong = |error: MapError| KernelError::of("opening eBPF maps", &error);
        let mut map = |name: &str| ebpf.take_map(name).ok_or_else(|| missing(name));
        Ok(Self {
            settings: map("DNS_SETTINGS")?.try_into().map_err(wrong)?,
            tallies: map("DNS_TALLIES_BY_VANTAGE")?.try_into().map_err(wrong)?,
            lookups: map("DNS_LOOKUPS")?.try_into().map_err(wrong)?,
            times: map("DNS_TIMES")?.try_into().map_err(wrong)?,
            names: map("DNS_NAMES")?.try_into().map_err(wrong)?,
            keys,
            resolvers: Resolvers::default(),
            in_force: DnsSettings::QUIET,
            timeouts: Timeouts::default(),
            refused,
        })
    }

    /// Why DNS is not looked at, if so.
    pub(super) const fn refused(&self) -> Option<&KernelError> {
        self.refused.as_ref()
    }

    /// Takes over a configuration.
    ///
    /// # Errors
    ///
    /// When the settings cannot be written.
    pub(super) fn configure(&mut self, config: &Config) -> Result<(), KernelError> {
        self.resolvers.add(config.dns.resolvers.iter().map(|resolver| resolver.0));
        let own = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        self.resolvers.add(configured(&own));
        let ports = Ports::with(config.dns.ports.iter().map(|port| port.0));
        let names = u64::from(config.dns.names != NamePrivacy::Off);
        self.apply(names, ports)
    }

    fn apply(&mut self, names: u64, ports: Ports) -> Result<(), KernelError> {
        let resolvers = self.resolvers.hashes(&self.keys);
        let settings = DnsSettings { resolvers, names, ports };
        if settings != self.in_force {
            self.settings
                .set(0, settings.words(), 0)
                .map_err(|error| KernelError::of("writing the settings of DNS", &error))?;
            self.in_force = settings;
        }
        Ok(())
    }

    /// Whether there are ports beside the usual one.
    pub(super) fn has_further_ports(&self) -> bool {
        self.in_force.ports != Ports::STANDARD
    }

    /// What was counted up to `at`, which is the monotonic clock of the programs.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub(super) fn read(&mut self, at: Duration) -> Result<Counted, KernelError> {
        let mut counted = Counted::empty();
        counted.looked_at = self.refused.is_none();
        for (vantage, number) in [
            (Vantage::Boundary, BOUNDARY),
            (Vantage::Internal, INTERNAL),
            (Vantage::Loopback, LOOPBACK),
        ] {
            for direction in Direction::ALL {
                let words = sum(&self.tallies, dns_tally(number, *direction))?;
                *counted.of_mut(vantage, *direction) = DnsTally::from_words(&words);
            }
        }
        counted.lookups = Lookups::from_words(&sum(&self.lookups, 0)?);
        let now = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.timeouts.take(&counted.lookups.pending, now);
        counted.timeouts = *self.timeouts.counts();
        for (position, times) in (0..LOOKUP_TIMES).zip(&mut counted.times) {
            *times = LookupTimes::from_words(&sum(&self.times, position)?);
        }
        counted.resolvers = self.resolvers.places().to_vec();
        Ok(counted)
    }

    /// Takes every message that waits in the ring, oldest first.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&Sighting<'_>)) {
        let mut learned = false;
        while let Some(item) = self.names.next() {
            let Some(sighting) = sighting(&item) else { continue };
            if is_response(sighting.message) {
                learned |= self.resolvers.answered(sighting.server);
            }
            take(&sighting);
        }
        if learned {
            // Where this fails, the server stays among the others.
            let DnsSettings { names, ports, .. } = self.in_force;
            let _ = self.apply(names, ports);
        }
    }
}

/// The message of an event, if it is one.
fn sighting(event: &[u8]) -> Option<Sighting<'_>> {
    let (head, message) = event.split_at_checked(NameEvent::LEN)?;
    let word = |index: usize| {
        let bytes = head.get(index * 8..)?.first_chunk::<8>()?;
        Some(u64::from_ne_bytes(*bytes))
    };
    let address = |index: usize| {
        let bytes = head.get(index * 8..)?.first_chunk::<16>()?;
        Some(octets::address(*bytes))
    };
    Some(Sighting {
        at: Duration::from_nanos(word(0)?),
        workload: word(1)?,
        client: address(2)?,
        server: address(4)?,
        message,
        len: usize::try_from(word(6)?).ok()?,
    })
}

/// Whether the flags of a message say that it is a response.
fn is_response(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x80 != 0)
}
