//! Files that follow from tables in the code: each is a pure function from the
//! tables to text, printed by `netmon print` and committed; a test compares.

mod alerts;
mod config;
mod dashboard;
mod detectors;
mod drops;
mod rule_tests;
mod rules;

pub use self::{
    alerts::{Alert, alerts},
    config::config,
    dashboard::dashboard,
    detectors::detectors,
    drops::drops,
    rule_tests::rule_tests,
    rules::rules,
};
