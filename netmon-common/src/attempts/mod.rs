//! Who asks whom for connections, and is not answered: what scans look like.
//!
//! Whoever asks gets a suspect of his own in a table of fixed size, for one window: the bits
//! of the ports or hosts that he asked for, and of those that answered. What many ask for
//! (a popular server, the target of a flood) is left out before it gets there, by a
//! count-min sketch of targets: so a flood of a million made-up sources takes no room from
//! a scan that asks once in a while. Nobody is listed by name, nothing is ever inserted,
//! and all of it costs the same whatever is sent.
//!
//! Two tables take turns: one is filled while the last answers come in for the other and
//! the daemon reads it. The same code runs in the kernel and over capture files.

mod attempt;
mod crowd;
mod ledger;
mod suspect;

pub use attempt::{Attempt, Keys, Probe, octets};
pub use crowd::{Askers, Crowd};
pub use ledger::{FLOODED, Ledger, POPULAR, Popularity, To, answer, ask, refuse};
pub use suspect::{BANKS, Kind, PLACES, SETS, SUSPECTS, Suspect, TAGS, WAYS, is_of, place_of};
