//! What the engine keeps on disk, and when.

use std::{path::PathBuf, time::SystemTime};

use super::Engine;
use crate::{
    config::Config,
    store::{Kept, Store, save},
    systemd,
};

impl Engine {
    /// What outlives the daemon: a line for each part of it.
    fn kept(&mut self) -> Vec<Kept<'_>> {
        let mut kept = self.live.kept();
        kept.push(("hours", &mut self.rates));
        kept
    }

    /// Finds again what was learned before.
    pub(super) fn remember(&mut self) {
        let began = SystemTime::now().checked_sub(self.live.now());
        let began = began.unwrap_or(SystemTime::UNIX_EPOCH);
        self.store = Store::open(directory(&self.config), began, self.kept());
        self.pulse.state = self.store.health();
    }

    /// Keeps what was learned, if it is time.
    pub(super) fn keep(&mut self) {
        let at = self.live.now();
        if self.store.is_due(at) {
            let saved = save(self.kept());
            self.store.write(at, SystemTime::now(), saved);
        }
        self.pulse.state = self.store.health();
    }

    /// Keeps what was learned up to the end.
    pub(super) fn close(&mut self) {
        let saved = save(self.kept());
        self.store.close(self.live.now(), SystemTime::now(), saved);
    }
}

/// Where what is learned is kept: where systemd says, else where the configuration does.
pub(super) fn directory(config: &Config) -> Option<PathBuf> {
    systemd::state_directory().or_else(|| config.state.directory.path())
}
