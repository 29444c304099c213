//! What the verifier says of each program: instructions walked and stack used.
//!
//! The library that the daemon loads programs with drops what the verifier says
//! of a program that it accepts, so this loads them once more by itself.

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd, AsRawFd, RawFd},
};

use aya::{Btf, Ebpf, EbpfLoader, maps::Map};
use aya_obj::{Object, ProgramSection, btf::BtfKind, generated::bpf_insn};

#[path = "../../src/kernel/btf.rs"]
mod btf;
#[path = "chain.rs"]
mod chain;
#[path = "load.rs"]
mod load;
#[expect(dead_code, reason = "only the offsets are needed here")]
#[path = "../../src/kernel/members.rs"]
mod members;

use load::Program;
use members::Members;

/// What the verifier says of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Name of the program.
    pub(crate) program: String,
    /// Instructions that it walked.
    pub(crate) instructions: u64,
    /// Bytes of stack, of the deepest chain of functions.
    pub(crate) stack: u64,
}

/// `BPF_TRACE_RAW_TP` of `enum bpf_attach_type`.
const BPF_TRACE_RAW_TP: u32 = 23;
/// `BPF_CGROUP_SOCK_OPS` of the same.
const BPF_CGROUP_SOCK_OPS: u32 = 3;

/// What programs are told of tracepoints that have another argument since some kernel,
/// and the types of the functions that hang on these.
const TELLS: [(&str, &str); 3] = [
    ("RETRANSMIT_TELLS_ERROR", "btf_trace_tcp_retransmit_skb"),
    ("RESET_TELLS_REASON", "btf_trace_tcp_send_reset"),
    ("DROP_TELLS_REASON", "btf_trace_kfree_skb"),
];
/// What else they are told; any number does, so that nothing of them is left out.
const KNOWN: [(&str, u32); 3] = [("HOME_NET", 1), ("LISTEN_OVERFLOW", 40), ("NO_SOCKET", 3)];

/// The maps, and the programs as the daemon adapts them to this kernel.
///
/// # Errors
///
/// Why there are no maps.
pub(crate) fn load(object: &[u8]) -> Result<Ebpf, String> {
    let blob = fs::read(btf::PATH).unwrap_or_default();
    let types = btf::Btf::parse(&blob);
    let members = types.as_ref().map_or(Members::UNKNOWN, Members::find);
    let tells = TELLS.map(|(global, handler)| {
        let parameters = types.as_ref().and_then(|types| types.parameters(handler));
        (global, u32::from(parameters.is_some_and(|found| found >= 4)))
    });
    let mut loader = EbpfLoader::new();
    loader.btf(None).override_global("OFFSETS", members.offsets().as_slice(), true);
    for (global, value) in tells.iter().chain(&KNOWN) {
        loader.override_global(global, value, true);
    }
    loader.load(object).map_err(|error| format!("creating eBPF maps: {error}"))
}

/// The verdicts on all programs that this kernel can load, by name.
///
/// # Errors
///
/// Why nothing can be loaded at all.
pub(crate) fn all(object: &[u8]) -> Result<Vec<Verdict>, String> {
    let ebpf = load(object)?;
    let descriptors: BTreeMap<String, RawFd> =
        ebpf.maps().map(|(name, map)| (name.to_owned(), descriptor(map))).collect();
    let btf = Btf::from_sys_fs().ok();

    let mut object = Object::parse(object).unwrap();
    let text = object.functions.keys().map(|(section, _)| *section).collect();
    let maps = object.maps.clone();
    let maps = maps.iter().map(|(name, map)| (name.as_str(), descriptors[name], map));
    object.relocate_maps(maps, &text).unwrap();
    object.relocate_calls(&text).unwrap();

    let mut verdicts = Vec::new();
    for (name, program) in &object.programs {
        let (kind, expected_attach_type, attach_btf_id) = match program.section {
            ProgramSection::SchedClassifier => (3, 0, 0),
            ProgramSection::RawTracePoint => (17, 0, 0),
            ProgramSection::KProbe => (2, 0, 0),
            ProgramSection::SockOps => (13, BPF_CGROUP_SOCK_OPS, 0),
            ProgramSection::BtfTracePoint => {
                let Some(id) = btf.as_ref().and_then(|btf| tracepoint_id(btf, name)) else {
                    continue;
                };
                (26, BPF_TRACE_RAW_TP, id)
            }
            ref other => panic!("{name}: say how to load {other:?}"),
        };
        let program = Program {
            kind,
            instructions: &object.functions[&program.function_key()].instructions,
            license: &program.license,
            expected_attach_type,
            attach_btf_id,
        };
        let log = match program.verify() {
            Ok(log) => log,
            Err(error) => {
                println!("{name}: not on this kernel: {error}");
                continue;
            }
        };
        verdicts.push(read(name, &log, program.instructions));
    }
    verdicts.sort_by(|a, b| a.program.cmp(&b.program));
    Ok(verdicts)
}

/// Reads the statistics: "stack depth 8+176" and "processed 123 insns (...".
fn read(program: &str, log: &str, instructions: &[bpf_insn]) -> Verdict {
    let after = |words: &str| {
        let (_, rest) = log.split_once(words).unwrap_or_else(|| panic!("{program}: {log}"));
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let depths: Vec<u64> =
        after("stack depth ").split('+').map(|depth| depth.parse().unwrap()).collect();
    let calls = chain::calls(instructions);
    assert_eq!(calls.len(), depths.len(), "{program}: functions");
    Verdict {
        program: program.to_owned(),
        instructions: after("processed ").parse().unwrap(),
        stack: chain::deepest(&calls, &depths, 0),
    }
}

fn descriptor(map: &Map) -> RawFd {
    match map {
        Map::Array(data)
        | Map::PerCpuArray(data)
        | Map::HashMap(data)
        | Map::ProgramArray(data)
        | Map::RingBuf(data) => data.fd().as_fd().as_raw_fd(),
        other => panic!("say how to find the descriptor of {other:?}"),
    }
}

/// The type by which a BTF tracepoint is named when a program is loaded.
fn tracepoint_id(btf: &Btf, program: &str) -> Option<u32> {
    let tracepoint = match program.strip_suffix("_tp_btf")? {
        "congestion" => "tcp_cong_state_set",
        "connection" | "connection_again" => "inet_sock_set_state",
        "drop" => "kfree_skb",
        "reset_received" => "tcp_receive_reset",
        "reset_sent" => "tcp_send_reset",
        "retransmit" => "tcp_retransmit_skb",
        "retransmit_synack" => "tcp_retransmit_synack",
        other => panic!("{other}: say at which tracepoint it is"),
    };
    btf.id_by_type_name_kind(&format!("btf_trace_{tracepoint}"), BtfKind::Typedef).ok()
}
