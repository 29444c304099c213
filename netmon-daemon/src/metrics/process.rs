//! The `process_*` families that every exporter has, from /proc/self.
//!
//! What cannot be read is absent.

use std::{fs, path::Path};

use super::{
    Context,
    family::{
        Family,
        Kind::{Counter, Gauge},
    },
    model::Model,
};

/// Clock ticks per second in /proc, the same on every Linux of today.
const USER_HZ: f64 = 100.0;

const CPU: Family = Family::standard(
    Counter,
    "process_cpu_seconds",
    "User and system CPU time that the process spent.",
);
const RESIDENT: Family =
    Family::standard(Gauge, "process_resident_memory_bytes", "Resident memory of the process.");
const VIRTUAL: Family =
    Family::standard(Gauge, "process_virtual_memory_bytes", "Virtual memory of the process.");
const START: Family = Family::standard(
    Gauge,
    "process_start_time_seconds",
    "When the process started, in seconds since 1970.",
);
const OPEN_FDS: Family =
    Family::standard(Gauge, "process_open_fds", "File descriptors that are open.");
const MAX_FDS: Family =
    Family::standard(Gauge, "process_max_fds", "File descriptors that may be open.");

/// What /proc/self says of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// CPU time, in seconds.
    pub cpu: Option<f64>,
    /// Resident memory, in bytes.
    pub resident: Option<u64>,
    /// Virtual memory, in bytes.
    pub virtual_memory: Option<u64>,
    /// Start, in seconds since 1970.
    pub start: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// Limit of open file descriptors.
    pub max_fds: Option<u64>,
}

impl Process {
    /// Reads it from `proc`, which is /proc. `boot` is what [`boot_time`] said.
    pub fn read(proc: &Path, boot: Option<f64>) -> Self {
        let text = |file: &str| fs::read_to_string(proc.join(file)).unwrap_or_default();
        let stat = text("self/stat");
        // The command name in parentheses may hold anything, blanks too.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, fields)| fields.split_ascii_whitespace().collect())
            .unwrap_or_default();
        // Fields are numbered from 1 in proc(5); the first one here is field 3.
        let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
        let status = text("self/status");
        let kilobytes = |key: &str| {
            let value = after(&status, key)?.strip_suffix("kB")?.trim();
            value.parse::<u64>().ok()?.checked_mul(1024)
        };
        Self {
            cpu: field(14).zip(field(15)).map(|(user, system)| (user + system) / USER_HZ),
            resident: kilobytes("VmRSS:"),
            virtual_memory: kilobytes("VmSize:"),
            start: field(22).zip(boot).map(|(ticks, boot)| boot + ticks / USER_HZ),
            open_fds: fs::read_dir(proc.join("self/fd")).ok().map(|fds| fds.count() as u64),
            max_fds: after(&text("self/limits"), "Max open files").and_then(|limits| {
                limits.split_ascii_whitespace().next()?.parse().ok()
            }),
        }
    }
}

/// What follows `key` at the beginning of a line.
fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim)
}

/// When the kernel booted, in seconds since 1970. It never changes, and its
/// file is long: read it once.
pub fn boot_time(proc: &Path) -> Option<f64> {
    after(&fs::read_to_string(proc.join("stat")).ok()?, "btime ")?.parse().ok()
}

/// The families of this group.
pub fn families() -> Vec<Family> {
    vec![CPU, RESIDENT, VIRTUAL, START, OPEN_FDS, MAX_FDS]
}

/// Adds their rows.
pub fn collect(context: &Context<'_>, model: &mut Model) {
    let Process { cpu, resident, virtual_memory, start, open_fds, max_fds } = *context.process;
    for (family, value) in [(&CPU, cpu), (&START, start)] {
        if let Some(value) = value {
            model.family(family).float(&[], value);
        }
    }
    for (family, value) in [
        (&RESIDENT, resident),
        (&VIRTUAL, virtual_memory),
        (&OPEN_FDS, open_fds),
        (&MAX_FDS, max_fds),
    ] {
        if let Some(value) = value {
            model.family(family).integer(&[], value);
        }
    }
}
