//! Attempts to connect: the programs to which SYN and SYN-ACK are handed on, and their maps.

use aya::{
    Ebpf,
    maps::{Array, MapData, MapError, PerCpuArray},
};
use netmon_common::{
    abi::attempts::AttemptEvents,
    attempts::{Askers, Crowd, POPULAR, Popularity, Suspect, TAGS, is_of, place_of},
};

use super::{
    error::{self, KernelError},
    tables::{missing, sum},
};

/// The name of the hook in metrics and `netmon doctor`.
pub(super) const HOOK: &str = "attempts";

/// The maps of attempts.
pub(super) struct Attempts {
    window: Array<MapData, u64>,
    tags: Array<MapData, [u64; TAGS]>,
    suspects: Array<MapData, [u64; Suspect::WORDS]>,
    events: PerCpuArray<MapData, [u64; AttemptEvents::WORDS]>,
    crowd: PerCpuArray<MapData, [u64; Crowd::WORDS]>,
    targets: PerCpuArray<MapData, [u32; size_of::<Popularity>() / 4]>,
    /// The window in force.
    number: u32,
    /// Why attempts are not looked at, if so.
    refused: Option<KernelError>,
}

impl Attempts {
    /// Takes the maps out of the object, of programs that may have been refused.
    ///
    /// # Errors
    ///
    /// When the object lacks a map, which only a broken build can bring about, or the first
    /// window cannot be begun.
    pub(super) fn open(ebpf: &mut Ebpf, refused: Option<KernelError>) -> Result<Self, KernelError> {
        let wrong = |error: MapError| KernelError::of("opening eBPF maps", &error);
        let mut map = |name: &str| ebpf.take_map(name).ok_or_else(|| missing(name));
        let mut attempts = Self {
            window: map("ATTEMPT_WINDOW")?.try_into().map_err(wrong)?,
            tags: map("ATTEMPT_TAGS")?.try_into().map_err(wrong)?,
            suspects: map("SUSPECTS")?.try_into().map_err(wrong)?,
            events: map("ATTEMPT_EVENTS")?.try_into().map_err(wrong)?,
            crowd: map("ATTEMPT_CROWD")?.try_into().map_err(wrong)?,
            targets: map("ATTEMPT_TARGETS")?.try_into().map_err(wrong)?,
            number: 0,
            refused,
        };
        attempts.turn()?;
        Ok(attempts)
    }

    /// Why attempts are not looked at, if so.
    pub(super) const fn refused(&self) -> Option<&KernelError> {
        self.refused.as_ref()
    }

    /// Begins the next window. What was asked for in the one before can be read until the
    /// next turn.
    ///
    /// # Errors
    ///
    /// When the number cannot be written.
    pub(super) fn turn(&mut self) -> Result<(), KernelError> {
        let next = self.number.wrapping_add(1);
        self.window
            .set(0, u64::from(next), 0)
            .map_err(|error| KernelError::of("writing the window of attempts", &error))?;
        self.number = next;
        Ok(())
    }

    /// Who asked in the window before this one.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub(super) fn read(&self, mut take: impl FnMut(&Suspect)) -> Result<(), KernelError> {
        let window = self.number.wrapping_sub(1);
        let bank = window & 1;
        let unreadable = |error: MapError| KernelError::Unreadable {
            what: "attempts".to_owned(),
            why: error::reason(&error),
        };
        let tags = self.tags.get(&bank, 0).map_err(unreadable)?;
        for (at, _) in tags.iter().enumerate().filter(|(_, tag)| is_of(**tag, window)) {
            let words = self.suspects.get(&place_of(bank, at), 0).map_err(unreadable)?;
            take(&Suspect::from_words(&words));
        }
        Ok(())
    }

    /// What was counted.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read.
    pub(super) fn events(&self) -> Result<AttemptEvents, KernelError> {
        Ok(AttemptEvents::from_words(&sum(&self.events, 0)?))
    }

    /// Who asked in the window before this one, however many those are.
    ///
    /// # Errors
    ///
    /// When the sketches cannot be read.
    pub(super) fn askers(&self) -> Result<Askers, KernelError> {
        let crowds = self.crowd.get(&0, 0).map_err(|error| KernelError::Unreadable {
            what: "the crowd of attempts".to_owned(),
            why: error::reason(&error),
        })?;
        let window = self.number.wrapping_sub(1);
        let mut all = Askers::EMPTY;
        for words in crowds.iter() {
            all.merge(&Crowd::from_words(words).of(window));
        }
        Ok(all)
    }

    /// The chance of a target that hardly anybody asks for to be taken for a popular one, at
    /// its highest of all processors: 0 to 1.
    ///
    /// # Errors
    ///
    /// When the targets cannot be read.
    pub(super) fn crowding(&self) -> Result<f64, KernelError> {
        let targets = self.targets.get(&0, 0).map_err(|error| KernelError::Unreadable {
            what: "targets of attempts".to_owned(),
            why: error::reason(&error),
        })?;
        let window = self.number.wrapping_sub(1);
        let chance = |words: &[u32; size_of::<Popularity>() / 4]| -> f64 {
            let rows = Popularity::from_words(words).crowded(POPULAR, window);
            let all = (words.len() / rows.len()) as f64;
            rows.into_iter().map(|counters| counters as f64 / all).product()
        };
        Ok(targets.iter().map(chance).fold(0.0, f64::max))
    }
}
