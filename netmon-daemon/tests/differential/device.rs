//! Frames over real devices: those that a trial run refuses, tags that the
//! kernel moves out of a frame, and buffers whose headers are not linear.

use std::net::UdpSocket;

use netmon_common::{
    abi::{
        histogram::PACKET_SIZE_BOUNDS,
        labels::Direction,
        networks::Networks,
        slot::{BOUNDARY, SHARED_SLOTS},
        tally::Tally,
    },
    packet::{Link, Remote, parse},
    wire::vlan,
};
use proptest::test_runner::{Config, TestRunner};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{
    conversation::{PUSH, stream},
    generate, message,
    netns::NetNs,
    programs::{
        Merged, Programs, as_a_device, counted, counted_beside_a_tag, difference, networks,
        programs, without_a_tag,
    },
    ring::{Ring, Segments},
    said::{PORTS, Way},
    seed::{
        self,
        frame::{Ipv4, link, tcp},
    },
    truncations,
};

/// An Ethernet header: no shorter frame leaves a device that has one.
const SHORTEST: usize = 14;

/// The program of one direction at one device, and the ring whose frames pass
/// it. Each has a pair of its own: a program that made headers linear would
/// hide from the next one that they were not.
struct Side {
    direction: Direction,
    ifindex: u32,
    slot: u32,
    ring: Ring,
}

/// Both directions.
struct Devices {
    programs: Programs,
    sides: Vec<Side>,
    barrier: UdpSocket,
    /// Whether the frame before was counted with networks.
    networks: bool,
    compared: u32,
    /// Frames that the kernel dropped before anybody could count them.
    dropped: u32,
}

impl Devices {
    /// Must be called in the namespace, which must have the pairs `a`-`b`, for
    /// egress, and `c`-`d`, for ingress.
    fn open(mut programs: Programs) -> Self {
        // What is received is processed by the CPU that sent it, in order.
        let mut one = CpuSet::new();
        one.set(0);
        sched_setaffinity(None, &one).unwrap();
        let mut sides = Vec::new();
        for (direction, sender, ifindex, counter) in
            [(Direction::Egress, 100, 100, "a"), (Direction::Ingress, 200, 201, "d")]
        {
            programs.attach(direction, counter);
            let slot = SHARED_SLOTS + direction as u32;
            let ring = Ring::open(sender).unwrap();
            sides.push(Side { direction, ifindex, slot, ring });
        }
        let barrier = UdpSocket::bind("127.0.0.1:0").unwrap();
        barrier.connect(barrier.local_addr().unwrap()).unwrap();
        Self { programs, sides, barrier, networks: false, compared: 0, dropped: 0 }
    }

    /// Sends a frame of which `linear` bytes are linear past both programs, and
    /// fails where kernel and user space differ.
    fn compare(
        &mut self,
        name: &str,
        frame: &[u8],
        link: Link,
        linear: usize,
        segments: Option<Segments>,
    ) {
        // With networks it goes another way through the programs: every second does.
        self.networks = !self.networks;
        let named = if self.networks { networks() } else { Networks::NONE };
        self.programs.name(&named);
        for side in &mut self.sides {
            self.programs.lookups.forget();
            self.programs.enter(side.ifindex, side.slot, Some(as_a_device(link)));
            let before = self.programs.tally(side.slot, side.direction);
            side.ring.send(frame, linear, segments).unwrap();
            // What goes through the loopback device on this CPU comes behind it.
            self.barrier.send(&[0]).unwrap();
            self.barrier.recv(&mut [0]).unwrap();
            let kernel = self.programs.tally(side.slot, side.direction).since(&before);
            if kernel == Tally::ZERO && is_cut_in_first_tag(frame) {
                self.dropped += 1;
                continue;
            }
            let size = segments.map_or(0, |segments| segments.size);
            let merged = Merged { size, segments: 0 };
            let is_too_deep = side.direction == Direction::Ingress && is_too_deep(frame);
            let user = if is_too_deep {
                counted_beside_a_tag(frame, side.direction, &self.programs.named)
            } else {
                counted(frame, link, side.direction, merged, &self.programs.named)
            };
            let mut lines = difference(&kernel, &user);
            let seen = if is_too_deep { without_a_tag(frame) } else { frame.to_vec() };
            let lookups = &mut self.programs.lookups;
            lines += &lookups.compare(&seen, as_a_device(link), side.direction, BOUNDARY, 1);
            assert!(
                lines.is_empty(),
                "{name}, {linear} bytes linear, {:?}, {link:?}, {frame:02x?}:{lines}",
                side.direction
            );
            self.compared += 1;
        }
    }
}

/// A frame that the kernel drops on arrival (`skb_vlan_untag`): it must have its
/// first tag and two more bytes.
fn is_cut_in_first_tag(frame: &[u8]) -> bool {
    frame.len() < SHORTEST + 6 && is_taken_out(frame)
}

/// A frame with more tags than the parser opens, the first of which the kernel
/// moves out of it: the program then sees one tag more than user space.
fn is_too_deep(frame: &[u8]) -> bool {
    let tags = frame[12..].chunks(4).take_while(
        |tag| matches!(tag, [high, low, ..] if vlan::is_tag(u16::from_be_bytes([*high, *low]))),
    );
    is_taken_out(frame) && tags.count() > vlan::MAX_TAGS
}

/// Whether the first tag of a frame is of a kind that the kernel takes out.
fn is_taken_out(frame: &[u8]) -> bool {
    matches!(frame.get(12..14), Some([0x81, 0] | [0x88, 0xa8]))
}

/// Whether the headers of a frame lie in the part that a program makes linear at
/// most (`PULL` in its source); what lies further is truncated to it.
fn ends_within_pull(frame: &[u8]) -> bool {
    let parsed = |bytes: &[u8]| parse(bytes, Link::Ethernet, Remote::Source);
    parsed(&frame[..frame.len().min(192)]) == parsed(frame)
}

/// Calls `work` with devices in a namespace of their own.
fn over_devices(programs: Programs, work: impl FnOnce(&mut Devices) + Send) {
    let namespace = NetNs::new();
    namespace.ip_batch(
        "link add name a index 100 type veth peer name b index 101\n\
         link add name c index 200 type veth peer name d index 201\n",
    );
    namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
    namespace
        .ip_batch("link set dev a up\nlink set dev b up\nlink set dev c up\nlink set dev d up\n");
    namespace.enter(|| {
        let mut devices = Devices::open(programs);
        work(&mut devices);
        println!("{} compared, {} dropped by the kernel", devices.compared, devices.dropped);
        assert!(devices.compared > 0);
    });
}

#[test]
fn truncated_frames() {
    over_devices(programs!(), |devices| {
        for (name, link, frame) in truncations().filter(|(.., frame)| frame.len() >= SHORTEST) {
            devices.compare(&name, &frame, link, frame.len(), None);
            devices.compare(&name, &frame, link, SHORTEST, None);
        }
    });
}

#[test]
fn damaged_stacks() {
    over_devices(programs!(), |devices| {
        let config = Config { cases: 3000, failure_persistence: None, ..Config::default() };
        let cell = std::cell::RefCell::new(devices);
        let outcome = TestRunner::new(config).run(&generate::frame(), |(frame, link, _)| {
            if link == Link::Ethernet && frame.len() >= SHORTEST {
                let mut devices = cell.borrow_mut();
                devices.compare("damaged stack", &frame, link, frame.len(), None);
                if ends_within_pull(&frame) && !is_too_deep(&frame) {
                    devices.compare("damaged stack", &frame, link, SHORTEST, None);
                }
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    });
}

#[test]
fn headers_that_are_not_linear() {
    over_devices(programs!(), |devices| {
        for seed in seed::all() {
            for linear in SHORTEST..=seed.bytes.len().min(200) {
                devices.compare(&seed.name, &seed.bytes, seed.link, linear, None);
            }
        }
    });
}

#[test]
fn messages_that_are_not_linear() {
    over_devices(programs!(), |devices| {
        for (name, message) in message::all() {
            for way in Way::ALL.into_iter().filter(|way| way.link() == Link::Ethernet) {
                let datagram = way.datagram([200, 1], PORTS, &message);
                let bytes = stream(&[message.clone(), message.clone()]);
                let segment = way.segment([200, 1], PORTS, 1, PUSH, &bytes);
                for frame in [datagram, segment] {
                    // Within headers and question, and behind them.
                    let most = frame.len().min(150);
                    for linear in (SHORTEST..most).step_by(3).chain([frame.len()]) {
                        devices.compare(name, &frame, Link::Ethernet, linear, None);
                    }
                }
            }
        }
    });
}

#[test]
fn merged_segments() {
    over_devices(programs!(), |devices| {
        for tags in [&[][..], &[0x8100], &[0x88a8], &[0x88a8, 0x8100]] {
            let headers = frame(tags, &[]).len();
            // Segments just below and above a bound of the histogram, and
            // payloads just below and above a whole number of them.
            for segment in PACKET_SIZE_BOUNDS[..8].iter().flat_map(|bound| [*bound, bound + 1]) {
                let Some(size) = usize::try_from(segment).unwrap().checked_sub(headers) else {
                    continue;
                };
                for payload in [size + 1, size * 3 - 3, size * 3, size * 3 + 1] {
                    let bytes = frame(tags, &vec![0x61; payload]);
                    let name = format!("{payload} in {size} behind {} tags", tags.len());
                    let (tcp_at, size) = (headers - 32, u16::try_from(size).unwrap());
                    let tcp_at = u16::try_from(tcp_at).unwrap();
                    let segments = Some(Segments { size, tcp_at });
                    devices.compare(&name, &bytes, Link::Ethernet, headers, segments);
                }
            }
        }
    });
}

/// A frame of TCP over IPv4.
fn frame(tags: &[u16], payload: &[u8]) -> Vec<u8> {
    let segment = [tcp(8, 0x18).as_slice(), payload].concat();
    link(Link::Ethernet, tags, 0x0800, &Ipv4::of(6).packet(&segment))
}
