//! The compiled programs: netmon's and the references.

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, ProgramArray},
    programs::{Program, SchedClassifier},
};
use netmon::kernel::HANDED_ON;
use netmon_common::{
    abi::{
        dns::DnsSettings,
        networks::{Address, Networks},
        slot::{BOUNDARY, SlotEntry},
    },
    attempts, dns,
    handshake::Keys,
    packet::Link,
    scope::Scope,
};

/// netmon's own programs.
pub(crate) static NETMON: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));
/// What they are compared with.
static REFERENCE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/reference"));

/// The slot of the device that is measured.
pub(crate) const SLOT: u16 = 5;

/// netmon's programs, knowing the device `ifindex` and so many networks, of which
/// none is the one that a frame is from; and its TC programs loaded.
pub(crate) fn netmon(ifindex: u32, networks: u8) -> Ebpf {
    let mut key = 1_u64;
    let mut random = || {
        key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        key
    };
    let keys: Keys = std::array::from_fn(|_| random());
    let lookup_keys: dns::Keys = std::array::from_fn(|_| random());
    let attempt_keys: attempts::Keys = std::array::from_fn(|_| random());
    let mut loader = EbpfLoader::new();
    let loader = loader
        .btf(None)
        .override_global("HANDSHAKE_KEYS", &keys, true)
        .override_global("LOOKUP_KEYS", &lookup_keys, true)
        .override_global("ATTEMPT_KEYS", &attempt_keys, true);
    let mut ebpf = loader.load(NETMON).unwrap();
    let entry = SlotEntry {
        ifindex,
        slot: SLOT,
        link: Link::Ethernet,
        tables: networks > 0,
        own: false,
        vantage: BOUNDARY,
    };
    let mut table = Networks::NONE;
    for number in 0..networks {
        table.add(Address::of_ipv4([10, number, 0, 0]), 96 + 16, Scope::Container).unwrap();
    }
    let mut map: Array<_, [u64; Networks::WORDS]> =
        Array::try_from(ebpf.map_mut("NETWORKS").unwrap()).unwrap();
    map.set(0, table.words(), 0).unwrap();
    let mut slots: Array<_, u64> = Array::try_from(ebpf.map_mut("SLOTS").unwrap()).unwrap();
    slots.set(SlotEntry::position(ifindex), entry.to_word(), 0).unwrap();
    let mut window: Array<_, u64> =
        Array::try_from(ebpf.map_mut("ATTEMPT_WINDOW").unwrap()).unwrap();
    window.set(0, 1, 0).unwrap();
    // As the daemon is configured by default.
    hand_on_names(&mut ebpf, true);
    let mut programs = ProgramArray::try_from(ebpf.take_map("PROGRAMS").unwrap()).unwrap();
    for (index, name) in (0..).zip(HANDED_ON) {
        let program = classifier(&mut ebpf, name);
        program.load().unwrap();
        let descriptor = program.fd().unwrap();
        programs.set(index, descriptor, 0).unwrap();
    }
    // The kernel empties it when nobody has it any more.
    std::mem::forget(programs);
    for program in ["netmon_ingress", "netmon_egress"] {
        classifier(&mut ebpf, program).load().unwrap();
    }
    ebpf
}

/// Lets netmon's programs hand on the names of DNS messages, or not.
pub(crate) fn hand_on_names(ebpf: &mut Ebpf, names: bool) {
    let mut settings: Array<_, [u64; DnsSettings::WORDS]> =
        Array::try_from(ebpf.map_mut("DNS_SETTINGS").unwrap()).unwrap();
    let names = u64::from(names);
    settings.set(0, DnsSettings { names, ..DnsSettings::QUIET }.words(), 0).unwrap();
}

/// The reference programs, all loaded.
pub(crate) fn reference() -> Ebpf {
    let mut ebpf = EbpfLoader::new().btf(None).load(REFERENCE).unwrap();
    for (_, program) in ebpf.programs_mut() {
        if let Program::SchedClassifier(program) = program {
            program.load().unwrap();
        }
    }
    ebpf
}

/// A TC program by name.
pub(crate) fn classifier<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut SchedClassifier {
    ebpf.program_mut(name).expect("a program of this name").try_into().unwrap()
}
