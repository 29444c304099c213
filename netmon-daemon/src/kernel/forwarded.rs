//! Handshakes of forwarded connections: what the TC programs timed of them, and
//! which of them they are to count.
//!
//! Invariant: [`Sampler`] alone decides on that, by the rate of requests.

use std::time::Duration;

use aya::{
    Ebpf,
    maps::{Array, MapData, MapError, PerCpuArray},
};
use netmon_common::{
    abi::{
        connection::Handshake,
        forwarded::{Forwarded, forwarded_times},
        labels::Role,
    },
    handshake::Sampler,
};

use super::{
    error::KernelError,
    tables::{missing, sum},
};
use crate::snapshot::Tcp;

/// The maps of forwarded handshakes.
pub(super) struct Handshakes {
    counters: PerCpuArray<MapData, [u64; Forwarded::WORDS]>,
    times: PerCpuArray<MapData, [u64; Handshake::WORDS]>,
    sampling: Array<MapData, u64>,
    sampler: Sampler,
}

impl Handshakes {
    /// Takes the maps out of the object.
    ///
    /// # Errors
    ///
    /// When it lacks one, which only a broken build can bring about.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let mut map = |name: &str| ebpf.take_map(name).ok_or_else(|| missing(name));
        let wrong = |error: MapError| KernelError::of("opening eBPF maps", &error);
        Ok(Self {
            counters: map("FORWARDED")?.try_into().map_err(wrong)?,
            times: map("FORWARDED_TIMES")?.try_into().map_err(wrong)?,
            sampling: map("HANDSHAKE_SAMPLING")?.try_into().map_err(wrong)?,
            sampler: Sampler::default(),
        })
    }

    /// Adds what was timed up to `at` to what the host's own connections took, and
    /// chooses what is counted from now on.
    ///
    /// # Errors
    ///
    /// When the maps cannot be read or written.
    pub(super) fn read(&mut self, at: Duration, tcp: &mut Tcp) -> Result<(), KernelError> {
        tcp.forwarded = Forwarded::from_words(&sum(&self.counters, 0)?);
        tcp.sampling = self.sampler.sampling();
        for (slot, service) in (0..).zip(&mut tcp.services) {
            if let Some(handshakes) = service.handshakes_mut(Role::Active) {
                let words = sum(&self.times, forwarded_times(slot))?;
                handshakes.add(&Handshake::from_words(&words));
            }
        }
        let wanted = self.sampler.choose(at, tcp.forwarded.forwarded_requests);
        if wanted != tcp.sampling {
            self.sampling
                .set(0, wanted.to_word(), 0)
                .map_err(|error| KernelError::of("writing the sampling of handshakes", &error))?;
        }
        Ok(())
    }
}
