//! Detectors: pure judgements over rates, one file each.

mod confirm;
mod habit;
mod robust;
mod share;
#[cfg(test)]
mod trial;
mod ways;

use std::time::Duration;

use netmon_common::abi::labels::Protocol;
use serde::{Deserialize, Serialize};

use self::share::share;
use crate::{
    config::{
        Exemption,
        section::{Place, Section},
    },
    party::Party,
    rates::{HostRates, VantageRates},
    signal::Signal,
};

/// How bad a red flag is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// Label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a detector says of one site at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The figure that is judged.
    pub statistic: f64,
    /// The figures from which a warning and a critical flag are due; infinite where
    /// this one never calls for it.
    pub thresholds: [f64; 2],
    /// Statistic over warning threshold, other conditions included: a warning
    /// is due from 1.0 on.
    pub warning: f64,
    /// The same for critical.
    pub critical: f64,
    /// Whom it is about, where that is more than the site.
    pub subject: Option<Party>,
    /// The other side, where it is known.
    pub peer: Option<Party>,
    /// The port of the service that it is about, where it is about one.
    pub service_port: Option<u16>,
    /// The transport of that port.
    pub protocol: Protocol,
    /// The counts that speak for it, by name: lower case, words joined by `_`, the unit
    /// last where there is one.
    pub evidence: Vec<(&'static str, u64)>,
    /// The evidence in words, for people. Numbers and names that the kernel or the
    /// configuration gave; of what a packet could have written only domains, as far as
    /// they may be shown, and escaped.
    pub detail: String,
}

impl Verdict {
    /// What is said of something that cannot be seen: no figure. The board takes it
    /// for blindness.
    pub const fn blind() -> Self {
        Self {
            statistic: f64::NAN,
            thresholds: [f64::NAN; 2],
            warning: f64::NAN,
            critical: f64::NAN,
            subject: None,
            peer: None,
            service_port: None,
            protocol: Protocol::Tcp,
            evidence: Vec::new(),
            detail: String::new(),
        }
    }

    /// What is said where there is nobody of whom anything could be said.
    pub fn quiet(thresholds: [f64; 2]) -> Self {
        Self { statistic: 0.0, thresholds, warning: 0.0, critical: 0.0, ..Self::blind() }
    }

    /// What a count says where nothing else is asked, and the evidence in words.
    pub fn of_count(count: u64, thresholds: [f64; 2], detail: String) -> Self {
        let statistic = count as f64;
        let [warning, critical] = thresholds.map(|threshold| statistic / threshold);
        Self { statistic, thresholds, warning, critical, detail, ..Self::blind() }
    }

    /// The same about somebody.
    #[must_use]
    pub fn about(self, subject: impl Into<Party>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// The same with the other side.
    #[must_use]
    pub fn with_peer(self, peer: impl Into<Party>) -> Self {
        Self { peer: Some(peer.into()), ..self }
    }

    /// The same about a service, over TCP unless it is said to be [over](Verdict::over)
    /// something else.
    #[must_use]
    pub fn at_port(self, port: u16) -> Self {
        Self { service_port: Some(port), ..self }
    }

    /// The same over another transport than TCP.
    #[must_use]
    pub fn over(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// The same about the service that metrics call so, such as `tcp/443`; about none
    /// where the name is that of none.
    #[must_use]
    pub fn at_service(self, name: &str) -> Self {
        let named = name.split_once('/').and_then(|(protocol, port)| {
            let known = Protocol::ALL.iter().find(|it| it.label() == protocol)?;
            Some((*known, port.parse().ok()?))
        });
        match named {
            Some((protocol, port)) => self.at_port(port).over(protocol),
            None => self,
        }
    }

    /// The service that it is about as metrics call it, such as `tcp/443`.
    pub fn service(&self) -> Option<String> {
        self.service_port.map(|port| format!("{}/{port}", self.protocol.label()))
    }

    /// The same with the counts that speak for it.
    #[must_use]
    pub fn because(self, evidence: impl Into<Vec<(&'static str, u64)>>) -> Self {
        Self { evidence: evidence.into(), ..self }
    }

    /// The same with scores that are no higher than that of a condition.
    #[must_use]
    pub fn only_if(self, condition: f64) -> Self {
        let (warning, critical) = (self.warning.min(condition), self.critical.min(condition));
        Self { warning, critical, ..self }
    }

    /// Of two verdicts on one site the evidence of the worse one.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        let badness = |it: &Self| (it.critical >= 1.0, it.warning);
        let (warning, critical) =
            (self.warning.max(other.warning), self.critical.max(other.critical));
        let worse = if badness(&other) > badness(&self) { other } else { self };
        Self { warning, critical, ..worse }
    }
}

/// What the file of a detector says: its configuration knows how to judge.
pub trait Watch: Send + 'static {
    /// What it must be able to see to judge the host as a whole, best first: the
    /// first set of signals that can all be relied on is judged by. Where there is
    /// none, the packets of each vantage stand in.
    const HOST: &'static [&'static [Signal]] = &[];

    /// How much of the past the statistic covers; also the pace at which a
    /// raised flag is cleared.
    const SPAN: Duration;

    /// For how long after the start of the daemon nothing is raised, because it takes so
    /// long to know what is normal. No such time passes in a replay.
    const WARM_UP: Duration = Duration::ZERO;

    /// The statistics from which a warning and a critical flag are due.
    fn thresholds(&self) -> [f64; 2];

    /// Judges the packets of one vantage. Without it a detector is blind where the
    /// kernel tells nothing.
    fn judge(&self, _rates: &VantageRates<'_>) -> Verdict {
        Verdict::blind()
    }

    /// Judges the host as a whole.
    fn judge_host(&self, _rates: &HostRates<'_>) -> Verdict {
        Verdict::blind()
    }

    /// Judges everybody of whom something is to be said, each with a subject of its own:
    /// for detectors that tell several apart, in place of [`Watch::judge_host`]. Nothing of
    /// anybody is [quiet](Verdict::quiet). Of several about one subject the worst that is
    /// not exempt counts, so that a detector of services judges each of them.
    fn judge_each(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        vec![self.judge_host(rates)]
    }

    /// One line for a shell by which a person sees the same: what to look at, as packets
    /// of `tcpdump` or sockets of `ss`. Names that somebody else chose must not stand in
    /// it; `detect/confirm.rs` has what is safe.
    fn confirm(&self, verdict: &Verdict) -> String {
        confirm::packets("", verdict)
    }
}

/// A detector at work: what a [`Watch`] says, under its name.
pub trait Detector: Send {
    /// Its name in configuration, metrics, JSON, rules and runbooks.
    fn name(&self) -> &'static str;

    /// See [`Watch::HOST`].
    fn host(&self) -> &'static [&'static [Signal]];

    /// See [`Watch::SPAN`].
    fn span(&self) -> Duration;

    /// See [`Watch::WARM_UP`].
    fn warm_up(&self) -> Duration;

    /// What raises nothing.
    fn exempt(&self) -> &[Exemption];

    /// The statistic from which a severity is due.
    fn threshold(&self, severity: Severity) -> f64;

    /// Judges one vantage.
    fn judge(&self, rates: &VantageRates<'_>) -> Verdict;

    /// Judges the host as a whole: at least one verdict; see [`Watch::judge_each`].
    fn judge_host(&self, rates: &HostRates<'_>) -> Vec<Verdict>;

    /// See [`Watch::confirm`].
    fn confirm(&self, verdict: &Verdict) -> String;
}

/// A watch, the name that the table gave it, and what it is to leave alone.
struct Named<W> {
    name: &'static str,
    watch: W,
    exempt: Vec<Exemption>,
}

impl<W: Watch> Detector for Named<W> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn host(&self) -> &'static [&'static [Signal]] {
        W::HOST
    }

    fn span(&self) -> Duration {
        W::SPAN
    }

    fn warm_up(&self) -> Duration {
        W::WARM_UP
    }

    fn exempt(&self) -> &[Exemption] {
        &self.exempt
    }

    fn threshold(&self, severity: Severity) -> f64 {
        self.watch.thresholds()[severity as usize]
    }

    fn judge(&self, rates: &VantageRates<'_>) -> Verdict {
        self.watch.judge(rates)
    }

    fn judge_host(&self, rates: &HostRates<'_>) -> Vec<Verdict> {
        let verdicts = self.watch.judge_each(rates);
        if verdicts.is_empty() {
            return vec![Verdict::quiet(self.watch.thresholds())];
        }
        verdicts
    }

    fn confirm(&self, verdict: &Verdict) -> String {
        self.watch.confirm(verdict)
    }
}

/// A watch at work that leaves nothing alone.
pub fn named<W: Watch>(name: &'static str, watch: W) -> Box<dyn Detector> {
    exempting(name, watch, Vec::new())
}

/// A watch at work.
pub fn exempting<W: Watch>(
    name: &'static str,
    watch: W,
    exempt: Vec<Exemption>,
) -> Box<dyn Detector> {
    Box::new(Named { name, watch, exempt })
}

/// Declares the detectors: one word here is all that a new file needs.
macro_rules! detectors {
    ($($name:ident),+ $(,)?) => {
        $(pub mod $name;)+

        /// One section per detector, `[detectors.<name>]`.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $(#[doc = concat!("Configuration of `", stringify!($name), "`.")] pub $name: $name::Config,)+
        }

        /// The names of all detectors, enabled or not.
        pub const NAMES: &[&str] = &[$(stringify!($name)),+];

        /// The section of every detector, in the order of [`NAMES`].
        pub const SECTIONS: &[Place] = &[$(Place {
            path: concat!("detectors.", stringify!($name)),
            doc: <$name::Config as Section>::DOC,
            keys: <$name::Config as Section>::KEYS,
        }),+];

        /// The detectors that `config` enables.
        pub fn enabled(config: &Config) -> Vec<Box<dyn Detector>> {
            let mut detectors: Vec<Box<dyn Detector>> = Vec::new();
            $(if config.$name.enabled {
                let exempt = config.$name.exempt.clone();
                detectors.push(exempting(stringify!($name), config.$name.clone(), exempt));
            })+
            detectors
        }

        impl Config {
            /// What each detector is to leave alone, in the order of [`NAMES`].
            pub fn exemptions(&self) -> impl Iterator<Item = (&'static str, &[Exemption])> {
                [$((stringify!($name), self.$name.exempt.as_slice())),+].into_iter()
            }
        }
    };
}

detectors! {
    beacon,
    brute_force,
    chatty_application,
    connect_failures,
    connection_churn,
    dns_flood,
    dns_large_messages,
    dns_nxdomain,
    dns_repeats,
    dns_tunnel,
    exfiltration,
    fragment_flood,
    gateway_change,
    large_transfer,
    link_saturation,
    outbound_scan,
    packet_drops,
    port_scan,
    reflection,
    retransmissions,
    rst_storm,
    slow_handshakes,
    stealth_scan,
    syn_flood,
    traffic_storm,
    udp_scan,
    unusual_port,
}
