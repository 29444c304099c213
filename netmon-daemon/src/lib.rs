//! netmon: a daemon that counts a host's traffic in the kernel, judges it, and
//! serves it to Prometheus.
//!
//! Data flows one way: a [`source`] makes [`snapshot`]s, [`rates`] remembers
//! them, [`detect`] judges, [`redflag`] decides what is raised, and the
//! [`view`] of it all is published for [`metrics`] and HTTP to read.

pub mod attempts;
pub mod audit;
pub mod cli;
pub mod config;
pub mod detect;
pub mod drops;
pub mod engine;
pub mod estimate;
pub mod flows;
pub mod generate;
pub mod http;
pub mod kernel;
pub mod key;
pub mod links;
pub mod log;
pub mod metrics;
pub mod names;
pub mod neighbours;
mod netlink;
mod octets;
pub mod party;
mod ports;
pub mod printable;
pub mod proc;
pub mod rates;
pub mod redflag;
pub mod replay;
pub mod resolvers;
mod ring;
pub mod runbook;
pub mod scopes;
pub mod signal;
pub mod site;
pub mod snapshot;
pub mod sockets;
pub mod source;
pub mod store;
pub mod systemd;
mod table;
pub mod view;
pub mod workloads;
