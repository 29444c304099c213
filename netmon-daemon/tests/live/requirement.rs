//! What a live test cannot do without: privileges, a kernel that counts for us,
//! and tools.

use std::{env, process::Command, sync::OnceLock};

/// Returns from the test when something that it needs is not here, saying what;
/// the test fails instead where `NETMON_REQUIRE_KERNEL=1` is set.
macro_rules! require {
    ($($tool:literal),*) => {
        $crate::netns::require_kernel!();
        if let Some(why) = $crate::requirement::missing(&[$($tool),*]) {
            assert!(
                std::env::var_os("NETMON_REQUIRE_KERNEL").is_none_or(|value| value != "1"),
                "{why}"
            );
            println!("SKIPPED: {why}");
            return;
        }
    };
}
pub(crate) use require;

/// Says why a part of a test is skipped; fails instead where
/// `NETMON_REQUIRE_KERNEL=1` is set.
#[expect(clippy::print_stdout, reason = "a test says what it skips")]
pub(crate) fn unmet(why: &str) {
    assert!(env::var_os("NETMON_REQUIRE_KERNEL").is_none_or(|value| value != "1"), "{why}");
    println!("SKIPPED: {why}");
}

/// What is missing to run a test that calls these tools.
pub(crate) fn missing(tools: &[&str]) -> Option<String> {
    static KERNEL: OnceLock<Option<String>> = OnceLock::new();
    let path = env::var_os("PATH").unwrap_or_default();
    let here = |tool: &&&str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if let Some(tool) = tools.iter().find(|tool| !here(tool)) {
        return Some(format!("no {tool}: run `make setup`"));
    }
    KERNEL.get_or_init(no_programs).clone()
}

/// Why the kernel does not take our programs, if so.
fn no_programs() -> Option<String> {
    let doctor = Command::new(env!("CARGO_BIN_EXE_netmon")).arg("doctor").output().unwrap();
    (!doctor.status.success()).then(|| String::from_utf8_lossy(&doctor.stderr).trim().to_owned())
}
