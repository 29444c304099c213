//! Files that follow from tables in the code: each is a pure function from the
//! tables to text, printed by `netmon print` and committed; a test compares.

mod config;
mod detectors;

pub use self::{config::config, detectors::detectors};

/// The alert of a detector: `Netmon` and its name in camel case.
fn alert_name(detector: &str) -> String {
    let words = detector.split('_').flat_map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
    });
    "Netmon".chars().chain(words).collect()
}
