//! Metrics: what Prometheus is given.
//!
//! One way: groups turn the last [`View`] into a neutral [`model::Model`], its
//! bounds are enforced once, and an encoder writes it. No group knows a format
//! and no encoder knows a family. Nothing here asks the kernel's maps.

pub mod budget;
pub mod client;
pub mod devices;
pub mod exporter;
pub mod facts;
pub mod family;
mod last_rung;
pub mod model;
pub mod reference;
pub mod series;
mod sparse;
pub mod text;

use netmon_common::abi::{labels::Direction, tally::Tally};

use crate::{
    snapshot::{Device, Vantage},
    view::View,
};
use devices::Ledger;
use facts::Facts;
use family::Family;
use model::Model;
use own::SCRAPE_BOUNDS;
use process::Process;

/// All that a group may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The state after the last tick; none before the first.
    pub view: Option<&'a View>,
    /// Which device counts under which label.
    pub devices: &'a Ledger,
    /// What does not change while the process lives.
    pub facts: &'a Facts,
    /// The process, as of the last tick.
    pub process: &'a Process,
    /// How long the scrapes before this one took.
    pub scrapes: &'a Scrapes,
}

/// How long scrapes took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scrapes {
    /// Scrapes per bucket of [`SCRAPE_BOUNDS`], not cumulated, the last one
    /// without a bound.
    pub buckets: [u64; SCRAPE_BOUNDS.len() + 1],
    /// Seconds in all.
    pub sum: f64,
}

impl<'a> Context<'a> {
    /// The counters of every vantage that has a device that is counted, or had
    /// traffic, by direction. What nobody counts is absent, not 0.
    pub fn tallies(&self) -> impl Iterator<Item = (Vantage, Direction, &'a Tally)> + use<'a> {
        let view = self.view;
        Vantage::ALL
            .into_iter()
            .filter_map(move |vantage| {
                let snapshot = &*view?.snapshot;
                let counts = |it: &Device| it.vantage == Some(vantage) && it.counting.is_ok();
                let counted = snapshot.devices.iter().any(counts);
                Some((vantage, counted, snapshot.vantages.of(vantage)))
            })
            .flat_map(|(vantage, counted, traffic)| {
                Direction::ALL
                    .iter()
                    .map(move |way| (vantage, *way, traffic.of(*way)))
                    .filter(move |(.., tally)| counted || tally.packets() > 0)
            })
    }
}

/// Declares the family groups: one word here is all that a new file needs.
macro_rules! groups {
    ($($name:ident),+ $(,)?) => {
        $(pub mod $name;)+

        /// Every family, in the order in which they are served.
        pub fn families() -> Vec<Family> {
            let mut families = Vec::new();
            $(families.extend($name::families());)+
            families.extend(series::families());
            families
        }

        /// Adds the rows of every group.
        pub fn collect(context: &Context<'_>, model: &mut Model) {
            $($name::collect(context, model);)+
        }
    };
}

groups! {
    antipatterns,
    connections,
    counters,
    dns,
    dns_lookups,
    dns_names,
    drops,
    forwarded,
    hooks,
    host,
    interfaces,
    kernel_counters,
    own,
    process,
    red_flags,
    sockets,
    tcp,
}
