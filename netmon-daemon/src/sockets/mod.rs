//! The TCP sockets of this network namespace, counted by asking the kernel for
//! a list of them (NETLINK_SOCK_DIAG, which needs no privilege).
//!
//! [`census`](census()) takes one, [`Taker`] takes one after another beside the tick, and
//! everything else here is pure. Nothing here judges or logs.
//!
//! Invariant: the memory that a census takes does not depend on how many
//! sockets there are, and its time is bounded.

mod census;
mod listener;
mod message;
mod outgoing;
mod overflow;
mod pace;
mod state;
mod taker;
mod talker;
mod walk;

pub use census::{Census, MAX_HEAVIEST, MAX_LISTENERS, MAX_PORTS, MAX_TALKERS};
pub use listener::{AddressClass, Listener};
pub use outgoing::Outgoing;
pub use overflow::Overflows;
pub use pace::next_census;
pub use state::State;
pub use taker::{Report, Taker};
pub use talker::{Talker, Talkers};
pub use walk::{CensusError, census};
