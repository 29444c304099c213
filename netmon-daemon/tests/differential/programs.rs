//! The TC programs of the embedded object, run by the kernel on frames of ours,
//! and what user space makes of the same frames.

use std::{fmt::Write as _, io, net::IpAddr};

use aya::{
    Ebpf, EbpfLoader, TestRunOptions,
    maps::{Array, MapData, PerCpuArray},
    programs::{ProgramError, SchedClassifier, TcAttachType, TestRun, tc},
};
use netmon_common::{
    abi::{
        labels::Direction,
        networks::{Address, MAX_NETWORKS, Networks},
        slot::{BOUNDARY, SHARED_SLOTS, SLOT_TABLE_LEN, SlotEntry, tally_key},
        tally::Tally,
    },
    account::{Volume, account, account_merged},
    packet::{Link, Packet, Remote, parse, within},
    scope::Scope,
};

use crate::{
    attempts::{self, Attempts},
    ledger,
    lookups::{self, Lookups},
};

/// Loads the programs, or returns from the test where that is not possible; the
/// test fails instead where `NETMON_REQUIRE_KERNEL=1` is set.
macro_rules! programs {
    () => {{
        $crate::netns::require_kernel!();
        match $crate::programs::Programs::load() {
            Ok(programs) => programs,
            Err(why) => {
                let required = std::env::var_os("NETMON_REQUIRE_KERNEL");
                assert!(required.is_none_or(|value| value != "1"), "{why}");
                println!("SKIPPED: {why}");
                return;
            }
        }
    }};
}
pub(crate) use programs;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));

/// What every TC program returns: `TC_ACT_UNSPEC`, so that others go on.
const UNSPEC: u32 = u32::MAX;

/// The device on which the kernel runs a program on trial: `lo`.
pub(crate) const LOOPBACK: u32 = 1;

/// Offsets of `gso_segs` and `gso_size` in `struct __sk_buff`, and its length.
const GSO_SEGS: usize = 164;
const GSO_SIZE: usize = 176;
const CONTEXT_LEN: usize = 192;

/// The kernel's notes on a merged buffer; zero for one that is not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Merged {
    /// Payload of a segment.
    pub(crate) size: u16,
    /// How many there are, 0 if not known.
    pub(crate) segments: u16,
}

/// The programs and the counters that they write.
pub(crate) struct Programs {
    ebpf: Ebpf,
    table: Array<MapData, u64>,
    networks: Array<MapData, [u64; Networks::WORDS]>,
    /// What is in the table of networks.
    pub(crate) named: Networks,
    tallies: PerCpuArray<MapData, [u64; Tally::WORDS]>,
    /// What is counted of DNS beyond the packets.
    pub(crate) lookups: Lookups,
    /// Who asks for connections.
    pub(crate) attempts: Attempts,
}

impl Programs {
    /// Loads the programs.
    ///
    /// # Errors
    ///
    /// Where that is not permitted.
    pub(crate) fn load() -> Result<Self, String> {
        let words = |error: &dyn std::error::Error| format!("cannot load programs: {error}");
        let mut loader = EbpfLoader::new();
        let attempt_keys = ledger::keys(attempts::SEED);
        loader.btf(None).override_global("LOOKUP_KEYS", &lookups::KEYS, true).override_global(
            "ATTEMPT_KEYS",
            &attempt_keys,
            true,
        );
        let mut ebpf = loader.load(OBJECT).map_err(|error| words(&error))?;
        for direction in Direction::ALL {
            program(&mut ebpf, *direction).load().map_err(|error| words(&error))?;
        }
        let table = Array::try_from(ebpf.take_map("SLOTS").unwrap()).unwrap();
        let networks = Array::try_from(ebpf.take_map("NETWORKS").unwrap()).unwrap();
        let tallies = PerCpuArray::try_from(ebpf.take_map("TALLIES_BY_SLOT").unwrap()).unwrap();
        let lookups = Lookups::load(&mut ebpf).map_err(|error| words(&error))?;
        let attempts = Attempts::open(&mut ebpf);
        Ok(Self { ebpf, table, networks, named: Networks::NONE, tallies, lookups, attempts })
    }

    /// Gives networks another scope, at devices that are entered from now on.
    pub(crate) fn name(&mut self, networks: &Networks) {
        self.named = *networks;
        self.networks.set(0, networks.words(), 0).unwrap();
    }

    /// Says how the frames of a device begin, and where it counts; without a
    /// framing the device is unknown.
    pub(crate) fn enter(&mut self, ifindex: u32, slot: u32, link: Option<Link>) {
        assert!((SHARED_SLOTS..SLOT_TABLE_LEN).contains(&slot));
        let word = link.map_or(0, |link| {
            let slot = u16::try_from(slot).unwrap();
            SlotEntry {
                ifindex,
                slot,
                link,
                tables: !self.named.is_empty(),
                own: false,
                vantage: BOUNDARY,
            }
            .to_word()
        });
        self.table.set(SlotEntry::position(ifindex), word, 0).unwrap();
    }

    /// Attaches a program to a device of the namespace that this thread is in.
    pub(crate) fn attach(&mut self, direction: Direction, device: &str) {
        let side = match direction {
            Direction::Ingress => TcAttachType::Ingress,
            Direction::Egress => TcAttachType::Egress,
        };
        // Needed where there is no TCX, and in nobody's way elsewhere.
        tc::qdisc_add_clsact(device).unwrap();
        program(&mut self.ebpf, direction).attach(device, side).unwrap();
    }

    /// What a slot has counted, on all CPUs.
    pub(crate) fn tally(&self, slot: u32, direction: Direction) -> Tally {
        let mut sum = Tally::ZERO;
        for words in self.tallies.get(&tally_key(slot, direction), 0).unwrap().iter() {
            sum.add(&Tally::from_words(words));
        }
        sum
    }

    /// Runs the program of a direction on a frame, and checks that it changes
    /// nothing and lets others go on.
    ///
    /// # Errors
    ///
    /// What the kernel says where it refuses the frame.
    pub(crate) fn run(
        &mut self,
        direction: Direction,
        frame: &[u8],
        merged: Merged,
    ) -> io::Result<()> {
        let mut context = [0; CONTEXT_LEN];
        context[GSO_SEGS..][..2].copy_from_slice(&merged.segments.to_ne_bytes());
        context[GSO_SIZE..][..2].copy_from_slice(&merged.size.to_ne_bytes());
        let mut after = vec![0; frame.len()];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut after),
            ctx_in: Some(&context),
            ..TestRunOptions::default()
        };
        let result = program(&mut self.ebpf, direction).test_run(options);
        let result = result.map_err(|error| match error {
            ProgramError::SyscallError(error) => error.io_error,
            other => io::Error::other(other),
        })?;
        assert_eq!(result.return_value, UNSPEC, "{frame:02x?}");
        assert_eq!(usize::try_from(result.data_size_out).unwrap(), frame.len());
        assert_eq!(after, frame, "the program changed the packet");
        Ok(())
    }
}

fn program(ebpf: &mut Ebpf, direction: Direction) -> &mut SchedClassifier {
    let name = match direction {
        Direction::Ingress => "netmon_ingress",
        Direction::Egress => "netmon_egress",
    };
    ebpf.program_mut(name).unwrap().try_into().unwrap()
}

/// What user space counts for a frame.
pub(crate) fn counted(
    frame: &[u8],
    link: Link,
    direction: Direction,
    merged: Merged,
    named: &Networks,
) -> Tally {
    count(parsed(frame, as_a_device(link), direction, named), frame.len(), merged)
}

/// What user space counts for a frame whose first tag stands beside it.
pub(crate) fn counted_beside_a_tag(frame: &[u8], direction: Direction, named: &Networks) -> Tally {
    let packet = parsed(&without_a_tag(frame), Link::Ethernet, direction, named);
    count(packet.with_outer_tags(1), frame.len(), Merged::default())
}

/// A frame without its first tag.
pub(crate) fn without_a_tag(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &frame[16..]].concat()
}

fn parsed(frame: &[u8], link: Link, direction: Direction, named: &Networks) -> Packet {
    let remote = remote(direction);
    within(parse(frame, link, remote), frame, link, remote, named)
}

/// As many networks as there is room for: some that hold addresses of the seeds,
/// and of one another, before and behind those that hold hardly any.
pub(crate) fn networks() -> Networks {
    let mut networks = Networks::NONE;
    for (network, prefix_len, scope) in [
        ("192.0.2.0", 24, Scope::Container),
        ("192.0.2.7", 32, Scope::Loopback),
        ("10.0.0.0", 8, Scope::Public),
        ("10.1.0.0", 16, Scope::Container),
        ("0.0.0.0", 0, Scope::LinkLocal),
        ("2001:db8::", 32, Scope::Container),
        ("2001:db8::1", 128, Scope::Private),
        ("2000::", 3, Scope::Multicast),
        ("fe80::", 10, Scope::Container),
    ] {
        let (address, mapped) = match network.parse().unwrap() {
            IpAddr::V4(address) => (Address::of_ipv4(address.octets()), 96),
            IpAddr::V6(address) => (Address::of_ipv6(&address.octets()), 0),
        };
        networks.add(address, mapped + prefix_len, scope).unwrap();
    }
    let full = (0..MAX_NETWORKS).find(|number| {
        let address = Address::of_ipv4([203, 0, 113, *number as u8]);
        networks.add(address, 128, Scope::Container).is_err()
    });
    assert!(full.is_some(), "there is room for more");
    networks
}

fn count(packet: Packet, len: usize, merged: Merged) -> Tally {
    let volume = match u64::from(merged.size) {
        0 => Volume::packet(len as u64),
        size => Volume::merged(len as u64, packet.headers(), size, u64::from(merged.segments)),
    };
    let mut tally = Tally::ZERO;
    account(&mut tally, packet, &volume);
    account_merged(&mut tally, &volume);
    tally
}

fn remote(direction: Direction) -> Remote {
    match direction {
        Direction::Ingress => Remote::Source,
        Direction::Egress => Remote::Destination,
    }
}

/// No device has the link types that only captures have: to the programs they
/// are unknown.
pub(crate) fn as_a_device(link: Link) -> Link {
    match link {
        Link::Ethernet | Link::Raw => link,
        _ => Link::Unknown,
    }
}

/// The counters in which two tallies differ, by name; empty if they are equal.
pub(crate) fn difference(kernel: &Tally, user: &Tally) -> String {
    let (kernel, user) = (kernel.words(), user.words());
    let mut lines = String::new();
    for counter in Tally::COUNTERS {
        let words = counter.offset..counter.offset + counter.words;
        for at in words.filter(|at| kernel[*at] != user[*at]) {
            let (name, word) = (counter.name, at - counter.offset);
            write!(lines, "\n  {name}[{word}]: kernel {}, user {}", kernel[at], user[at]).unwrap();
        }
    }
    lines
}
