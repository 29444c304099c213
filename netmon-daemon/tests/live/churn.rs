//! Devices that come, change and go while netmon runs: they are counted at once,
//! and no sum ever falls.

use std::time::{Duration, Instant};

use crate::{
    daemon::Netmon,
    deadline::until_ok,
    exposition::Exposition,
    frames::{Sender, ethernet, ipv4, tcp},
    netns::veth,
    requirement::require,
    stage::{Stage, among_others},
};

/// A device that comes and goes, and its other end.
const DEVICE: &str = "new0";
const FAR: &str = "far0";
/// How soon a new device is counted and shown: attached within a second, shown
/// with the next tick a second later, and a busy machine.
const SOON: Duration = Duration::from_secs(5);
const SYN: u8 = 2;

/// netmon, and what it said last.
struct Watched<'a> {
    netmon: Netmon<'a>,
    last: Exposition,
    /// Frames that were sent while they had to be counted.
    sent: u64,
}

#[test]
fn devices_that_come_and_go_are_counted() {
    require!("python3");
    let _among = among_others();
    let stage = Stage::new();
    // As it is shipped, with its tick of a second.
    let netmon = Netmon::start(&stage.host, &[]);
    let mut watched = Watched { last: netmon.scrape(), netmon, sent: 0 };
    for _ in 0..2 {
        let came = Instant::now();
        veth(&stage.host, DEVICE, &stage.peer, FAR);
        watched.await_device(DEVICE, came);
        let mut sender = Sender::packet(&stage.peer, FAR);
        watched.send(&mut sender, 10, DEVICE, 10);

        let renamed = Instant::now();
        stage.host.ip_batch(&format!(
            "link set dev {DEVICE} down\nlink set dev {DEVICE} name renamed0\nlink set dev renamed0 up\n"
        ));
        watched.await_device("renamed0", renamed);
        watched.send(&mut sender, 7, "renamed0", 17);
        assert_eq!(watched.last.matching(PACKETS, &[("device", DEVICE)]).count(), 0);

        // What it counted last is not lost with it.
        sender.send(&frame(), 5);
        stage.host.ip_batch("link del dev renamed0\n");
        watched.sent += 5;
        watched.await_sum();
    }

    // Gone and back within one batch of messages, under the same name.
    veth(&stage.host, DEVICE, &stage.peer, FAR);
    watched.await_device(DEVICE, Instant::now());
    let mut sender = Sender::packet(&stage.peer, FAR);
    watched.send(&mut sender, 3, DEVICE, 3);
    let swapped = Instant::now();
    stage.host.ip_batch(&format!(
        "link del dev {DEVICE}\nlink add name {DEVICE} type veth peer name {FAR} netns {}\n\
         link set dev {DEVICE} up\n",
        stage.peer.name()
    ));
    stage.peer.ip_batch(&format!("link set dev {FAR} up\n"));
    watched.await_device(DEVICE, swapped);
    let mut sender = Sender::packet(&stage.peer, FAR);
    watched.send(&mut sender, 2, DEVICE, 2);

    // A port of a bridge is no boundary any more: what it counts from now on, it
    // counts elsewhere, and the sums of the boundary stay.
    let boundary = [("vantage", "boundary")];
    let before = watched.last.sum(FLAGS, &boundary);
    stage.host.ip_batch(&format!(
        "link add name bridge0 type bridge\nlink set dev {DEVICE} master bridge0\n"
    ));
    until_ok("the device is inside", || {
        let said = watched.netmon.get("/api/v1/interfaces");
        if said.contains("\"internal\"") { Ok(()) } else { Err(said) }
    });
    watched.send(&mut sender, 4, DEVICE, 4);
    assert_eq!(watched.last.sum(FLAGS, &boundary), before);
    assert_eq!(watched.last.sum(FLAGS, &[("vantage", "internal"), ("flag", "syn")]), 4);
    watched.netmon.stop();
}

const PACKETS: &str = "netmon_interface_packets_total";
const FLAGS: &str = "netmon_tcp_flags_total";

impl Watched<'_> {
    /// The next scrape, in which nothing may have fallen but what the devices
    /// count that this test takes away.
    fn scrape(&mut self) -> Exposition {
        let next = self.netmon.scrape();
        let stays = |series: &str| {
            !series.contains(&format!("device=\"{DEVICE}\"")) && !series.contains("renamed0")
        };
        assert_eq!(next.fallen(&self.last, stays), Vec::<String>::new());
        self.last = next.clone();
        next
    }

    /// Awaits that a device is counted that came or changed at `since`.
    fn await_device(&mut self, name: &str, since: Instant) {
        until_ok(&format!("{name} is counted"), || {
            let counted = self.scrape().matching(PACKETS, &[("device", name)]).count();
            if counted == 2 { Ok(()) } else { Err(format!("{counted} series")) }
        });
        assert!(since.elapsed() < SOON, "{name}: {:?}", since.elapsed());
    }

    /// Sends frames, and awaits that the device has counted `total` of them since
    /// it came, and all devices together every one.
    fn send(&mut self, sender: &mut Sender, frames: u64, device: &str, total: u64) {
        sender.send(&frame(), frames);
        self.sent += frames;
        self.await_sum();
        let labels = [("device", device), ("direction", "ingress")];
        assert_eq!(self.last.sum(PACKETS, &labels), total, "{device}");
    }

    /// Awaits that every frame is counted, and then that none is counted twice.
    fn await_sum(&mut self) {
        until_ok("all frames are counted", || match arrived(&self.scrape()) {
            counted if counted == self.sent => Ok(()),
            counted => Err(format!("{counted} of {}", self.sent)),
        });
        self.netmon.fresh();
        assert_eq!(arrived(&self.scrape()), self.sent);
    }
}

/// The frames that arrived according to a scrape; scrapes have requests of their
/// own, on the loopback.
fn arrived(scrape: &Exposition) -> u64 {
    let syns = [("direction", "ingress"), ("flag", "syn")];
    scrape.sum(FLAGS, &syns) - scrape.sum(FLAGS, &[syns[0], syns[1], ("vantage", "loopback")])
}

/// A frame that nobody answers and that nothing else looks like.
fn frame() -> Vec<u8> {
    ethernet(&[], 0x0800, &ipv4(6, &tcp(SYN)))
}
