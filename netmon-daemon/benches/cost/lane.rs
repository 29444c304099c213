//! The way that floods take: a pair of veth devices, and what the kernel says of the
//! program that meets them.

use std::{
    fs,
    os::fd::{AsRawFd, BorrowedFd},
};

use crate::{
    flood::Flood,
    netns::{NetNs, veth},
};

/// Frames per flood.
pub(crate) const FRAMES: u32 = 200_000;
/// Floods per kind of frame and program, of which the fastest counts.
pub(crate) const ROUNDS: usize = 3;

/// Two namespaces joined by a pair of devices, `flood0` and `flood1`.
pub(crate) struct Lane {
    pub(crate) sender: NetNs,
    pub(crate) receiver: NetNs,
    /// The devices at the two ends.
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Lane {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = (NetNs::new(), NetNs::new());
        veth(&sender, "flood0", &receiver, "flood1");
        let [from, to] = [(&sender, "flood0"), (&receiver, "flood1")].map(|(namespace, device)| {
            let file = format!("/sys/class/net/{device}/ifindex");
            let text = String::from_utf8(namespace.run(["cat", &file])).unwrap();
            text.trim().parse::<u32>().unwrap()
        });
        Self { sender, receiver, from, to }
    }

    /// Sends a frame [`FRAMES`] times, as fast as one thread can.
    pub(crate) fn flood(&self, frame: &[u8]) {
        self.sender.enter(|| Flood::on(self.from).unwrap().send(frame, FRAMES).unwrap());
    }
}

/// Run statistics of a program.
#[derive(Clone, Copy)]
pub(crate) struct Runs {
    pub(crate) count: u64,
    pub(crate) ns: u64,
}

impl Runs {
    /// Those of a program while `work` was done.
    pub(crate) fn during(program: BorrowedFd<'_>, work: impl Fn()) -> Self {
        let before = Self::so_far(program);
        work();
        let after = Self::so_far(program);
        Self { count: after.count - before.count, ns: after.ns - before.ns }
    }

    /// Nanoseconds of one run.
    pub(crate) fn mean(self) -> f64 {
        self.ns as f64 / self.count as f64
    }

    /// The statistics, as the kernel shows them beside the descriptor.
    fn so_far(program: BorrowedFd<'_>) -> Self {
        let file = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
        let text = fs::read_to_string(file).unwrap();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        Self { count: value("run_cnt:"), ns: value("run_time_ns:") }
    }
}
