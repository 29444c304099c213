//! The messages of the programs, in the feature `debug-log` only.
//!
//! Losing them harms nothing: they are for people who work on the programs.

use aya::Ebpf;
use aya_log::EbpfLogger;

/// The channel through which the programs speak. It must live as long as they
/// do: dropping it closes its map.
pub(super) struct DebugLog(EbpfLogger<Forward>);

/// Hands a message on to the log of the daemon.
struct Forward;

impl DebugLog {
    /// Opens the channel; none if the object has none.
    pub(super) fn open(ebpf: &mut Ebpf) -> Option<Self> {
        EbpfLogger::init_with_logger(ebpf, Forward).map(Self).ok()
    }

    /// Logs what was said since the last time.
    pub(super) fn drain(&mut self) {
        self.0.flush();
    }
}

impl log::Log for Forward {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        tracing::debug!(target: "netmon_ebpf", "{}", record.args());
    }

    fn flush(&self) {}
}
