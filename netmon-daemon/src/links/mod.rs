//! The network devices of this network namespace: which there are, what they
//! are, and how they change.
//!
//! [`Watch`] asks the kernel by rtnetlink and keeps a [`Table`]; everything else
//! here is pure. Nothing here attaches a program, chooses a counter or logs.
//!
//! Invariant: whenever a [`Watch`] is at rest, its table equals what the kernel
//! has, even after it lost messages.

mod filter;
mod framing;
mod link;
mod message;
mod qdisc;
mod selection;
mod speed;
mod table;
mod vantage;
mod watch;

pub use filter::Filter;
pub use framing::framing;
pub use link::{Link, Name, Stats};
pub use message::{Message, Messages};
pub use qdisc::entrance_qdisc;
pub use selection::{Selection, matches};
pub use speed::limit;
pub use table::{Change, Table};
pub use vantage::{is_tunnel, vantage};
pub use watch::Watch;
