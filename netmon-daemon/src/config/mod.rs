//! Configuration: typed and checked once, at load; nobody checks again.
//!
//! This module knows files, environment variables and limits. It must not act
//! on any of it. A [`Config`] that came from [`Config::load`] holds only values
//! that the daemon can run with.

mod address;
mod choice;
mod deadline;
mod directory;
mod domain;
mod environment;
mod error;
mod exemption;
mod expired;
mod file;
mod interval;
mod load;
mod nearest;
mod network;
mod pattern;
mod port;
mod reason;
mod resolver;
pub mod section;
pub mod setting;
mod silence;
mod spans;
mod speed;

use serde::{Deserialize, Serialize};

pub use self::{
    address::Address,
    deadline::Deadline,
    directory::Directory,
    domain::Domain,
    error::{ConfigError, Origin},
    exemption::{Exemption, Matcher},
    interval::Interval,
    load::{DEFAULT_FILE, Loaded, Overrides},
    nearest::nearest,
    network::Network,
    pattern::Pattern,
    port::Port,
    reason::Reason,
    resolver::Resolver,
    silence::Silence,
    speed::Speed,
};
use crate::detect;
use choice::choice;
use section::{Place, Section, section};

/// The port netmon serves on: the only place where it stands.
pub const DEFAULT_PORT: u16 = 10_199;

section! {
    /// Which devices are watched.
    pub struct Interfaces {
        /// Names to watch, as shell patterns (`*`, `?`). A name without a wildcard always has metrics of its own.
        include: Vec<Pattern> = vec![Pattern::any()], in 1..=64;
        /// Names to leave alone, as shell patterns; they win over `include`.
        exclude: Vec<Pattern> = Vec::new(), in 0..=64;
        /// Speeds in each direction, such as "wan0=200mbit", where the driver reports none or the line is slower than it says; the first that matches decides.
        speeds: Vec<Speed> = Vec::new(), in 0..=64;
    }
}

section! {
    /// The kernel side.
    pub struct Kernel {
        /// How often the kernel's counters are read.
        tick: Interval = Interval::from_millis(1000), in Interval::from_millis(100)..=Interval::from_millis(60_000);
        /// How packets are hooked: "auto" tries tcx and falls back on clsact, "tcx" and "clsact" force one.
        tc: TcMechanism = TcMechanism::Auto;
    }
}

section! {
    /// Connections.
    pub struct Tcp {
        /// Ports of destinations that have metrics of their own, beside those of local listeners; there is room for 64 in all, and histograms for the first 16.
        service_ports: Vec<Port> = Port::well_known(), in 0..=48;
    }
}

section! {
    /// Lookups of names.
    pub struct Dns {
        /// Ports on which DNS is spoken, beside 53.
        ports: Vec<Port> = Vec::new(), in 0..=8;
        /// Resolvers that have metrics of their own whatever others are asked, such as "192.0.2.53"; they keep these places in this order.
        resolvers: Vec<Resolver> = Vec::new(), in 0..=8;
        /// What is remembered and shown of the names that are asked for: "hashed" shows domains as short hashes, "plain" shows them in red flags and in the log (never in metrics), "off" looks at no name, which blinds the detectors that judge them.
        names: NamePrivacy = NamePrivacy::Hashed;
    }
}

section! {
    /// Networks whose addresses have another scope than the built-in one (`private` for 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 and fc00::/7); 32 in all, of which the longest prefix decides.
    pub struct Scopes {
        /// Networks of containers, such as "10.244.0.0/16"; none are built in.
        container: Vec<Network> = Vec::new(), in 0..=32;
        /// Networks that are this site's own, although their addresses are public.
        private: Vec<Network> = Vec::new(), in 0..=32;
        /// Networks that are not, although their addresses are private.
        public: Vec<Network> = Vec::new(), in 0..=32;
    }
}

section! {
    /// Packets that the kernel drops.
    pub struct Drops {
        /// Reasons that are to be expected, beside those that netmon expects anyway (docs/drops.md); in lower case, as `netmon_drops_total` shows them.
        expected: Vec<Reason> = Vec::new(), in 0..=64;
        /// Reasons that are not to be expected, whatever else says so.
        unexpected: Vec<Reason> = Vec::new(), in 0..=64;
    }
}

section! {
    /// What netmon has learned of this host and wants to find again after a restart.
    pub struct State {
        /// An existing directory to keep it in, such as "/var/lib/netmon"; each netmon needs its own. systemd names one by itself (StateDirectory), which wins. Without any, what was learned is lost at the end.
        directory: Directory = Directory::default();
    }
}

section! {
    /// Red flags of all detectors; what one detector is to leave alone is `exempt` in its section.
    pub struct RedFlags {
        /// Flags that are shown and not announced for a time: the name of a detector or `*`, whom or what they are about (as in `exempt`) or nothing, and an end, such as "stealth_scan 192.0.2.7 until 2027-01-31".
        silences: Vec<Silence> = Vec::new(), in 0..=64;
    }
}

section! {
    /// The HTTP server.
    pub struct Web {
        /// Addresses to serve on. Red flags name addresses of peers, so think before you open this to a network.
        listen: Vec<Address> = vec![Address::loopback()], in 1..=16;
        /// Whether `POST /-/reload` reloads the configuration.
        enable_lifecycle: bool = false;
        /// Connections served at the same time; more are answered with 503.
        max_connections: usize = 64, in 1..=10_000;
    }
}

section! {
    /// Bounds of what Prometheus is given.
    pub struct Metrics {
        /// Series in all; beyond it, rows go to `other` and `netmon_series_overflow_total` counts them.
        max_series: usize = 8000, in 1000..=8000;
    }
}

section! {
    /// The log, on standard error.
    pub struct Log {
        /// Least severe level that is written: "error", "warn", "info", "debug" or "trace".
        level: LogLevel = LogLevel::Info;
        /// "auto" is "journald" under systemd and else "text"; or "text", "json", "journald".
        format: LogFormat = LogFormat::Auto;
    }
}

choice! {
    /// How packets are hooked.
    pub enum TcMechanism {
        /// The best that works.
        Auto = "auto",
        /// TCX links only.
        Tcx = "tcx",
        /// clsact filters only.
        Clsact = "clsact",
    }
}

choice! {
    /// What is remembered and shown of names.
    pub enum NamePrivacy {
        /// Nothing.
        Off = "off",
        /// Short hashes.
        Hashed = "hashed",
        /// The registered domain.
        Plain = "plain",
    }
}

choice! {
    /// Least severe level that is logged.
    pub enum LogLevel {
        /// What stops netmon or blinds it.
        Error = "error",
        /// What an administrator should look at.
        Warn = "warn",
        /// What happens in the ordinary course.
        Info = "info",
        /// What a developer asks for.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

choice! {
    /// How log lines look.
    pub enum LogFormat {
        /// Journald under systemd, else text.
        Auto = "auto",
        /// One line of text.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
        /// The journal's own protocol.
        Journald = "journald",
    }
}

/// Declares the sections that are not a detector's.
macro_rules! sections {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        /// Everything that can be configured.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)+
            /// One section per detector.
            pub detectors: detect::Config,
        }

        const SECTIONS: &[Place] = &[$(Place {
            path: stringify!($name),
            doc: <$type as Section>::DOC,
            keys: <$type as Section>::KEYS,
        },)+];
    };
}

sections! {
    /// Which devices are watched.
    interfaces: Interfaces,
    /// The kernel side.
    kernel: Kernel,
    /// Connections.
    tcp: Tcp,
    /// Lookups of names.
    dns: Dns,
    /// Networks whose addresses have another scope than the built-in one.
    scopes: Scopes,
    /// Packets that the kernel drops.
    drops: Drops,
    /// What netmon has learned of this host.
    state: State,
    /// Red flags of all detectors.
    red_flags: RedFlags,
    /// The HTTP server.
    web: Web,
    /// Bounds of what Prometheus is given.
    metrics: Metrics,
    /// The log.
    log: Log,
}

/// Every section that a configuration can have, in the order of the shipped
/// file.
pub fn sections() -> impl Iterator<Item = &'static Place> + Clone {
    SECTIONS.iter().chain(detect::SECTIONS)
}
