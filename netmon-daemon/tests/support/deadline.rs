//! Waiting for what another process or the kernel does: asking again until it
//! has happened, or the time is up.
//!
//! The only file of the tests that sleeps. Invariant: a wait ends as soon as the
//! event is there, so a slow machine makes a test slower and never wrong, and a
//! wait that ends without it fails and says for what it waited.
//!
//! A test program mounts this file at its root with `#[path] mod deadline;`.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// How long anything may take, on a machine that does a lot besides.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer, and returns it. Panics when there is none
/// within a minute; `what` is what was waited for.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    until_ok(what, || ask().ok_or("not yet"))
}

/// [`until`] for questions whose negative answer says why; the last one is told.
#[expect(clippy::disallowed_methods, reason = "nobody tells of what other processes do")]
pub(crate) fn until_ok<T, E: Display>(what: &str, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) => {
                let late = begun.elapsed() >= PATIENCE;
                assert!(!late, "waited {PATIENCE:?} in vain until {what}: {why}");
            }
        }
        thread::sleep(PAUSE);
    }
}

/// [`until`] something is true.
pub(crate) fn until_true(what: &str, mut ask: impl FnMut() -> bool) {
    until(what, || ask().then_some(()));
}

/// Lets time pass where time itself is what is tested.
pub(crate) fn pass(time: Duration) {
    let begun = Instant::now();
    until_true("time passes", || begun.elapsed() >= time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_the_answer() {
        let mut asked = 0;
        let answer = until("asked three times", || {
            asked += 1;
            (asked == 3).then_some("third")
        });
        assert_eq!((answer, asked), ("third", 3));
        let begun = Instant::now();
        pass(Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }
}
