//! The eBPF object: embedded in the daemon, adapted to the running kernel,
//! loaded.

use std::fs;

use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    programs::{ProgramError, SchedClassifier},
};
use netmon_common::abi::labels::Direction;

use super::{btf, error::KernelError, sys};

/// The programs, compiled by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));

/// The loaded object and what was learned about the kernel on the way.
pub(super) struct Object {
    /// Maps and programs.
    pub ebpf: Ebpf,
    /// The kernel's types as aya wants them, for BTF tracepoints.
    pub btf: Option<Btf>,
    /// Whether the programs know where the members of `struct sk_buff` are.
    pub knows_skb: bool,
}

/// What the programs of the retransmit hook must know of the kernel.
#[derive(Default)]
struct Retransmission {
    gso_segs: u32,
    flags: u32,
    /// Whether the tracepoint tells of failed attempts, 1 if so.
    tells_error: u32,
}

/// The kernel's type of functions that hang on the tracepoint, and how many
/// parameters they have when it tells of failed attempts: the user's data, the
/// socket, the buffer and the error (since 6.16).
const RETRANSMIT_HANDLER: &str = "btf_trace_tcp_retransmit_skb";
const PARAMETERS_WITH_ERROR: u32 = 4;

impl Object {
    /// Creates the maps and prepares the programs, which are not loaded yet.
    ///
    /// # Errors
    ///
    /// When maps cannot be created.
    pub(super) fn open() -> Result<Self, KernelError> {
        // Where this fails, creating a map says so as well.
        let _ = sys::lift_memory_lock_limit();
        let learned = retransmission();
        let knows_skb = learned.is_some();
        let known = learned.unwrap_or_default();
        let ebpf = EbpfLoader::new()
            // The programs have no relocations: rustc emits none.
            .btf(None)
            .verifier_log_level(VerifierLogLevel::STATS)
            .override_global("SKB_TCP_GSO_SEGS", &known.gso_segs, true)
            .override_global("SKB_TCP_FLAGS", &known.flags, true)
            .override_global("RETRANSMIT_TELLS_ERROR", &known.tells_error, true)
            .load(OBJECT)
            .map_err(|error| KernelError::of("creating eBPF maps", &error))?;
        Ok(Self { ebpf, btf: Btf::from_sys_fs().ok(), knows_skb })
    }

    /// A TC program, loaded.
    ///
    /// # Errors
    ///
    /// When the kernel refuses it.
    pub(super) fn load_tc(&mut self, direction: Direction) -> Result<(), KernelError> {
        let name = tc_program(direction);
        tc(&mut self.ebpf, direction)
            .and_then(SchedClassifier::load)
            .map_err(|error| KernelError::of(&format!("loading the TC program {name}"), &error))
    }
}

/// The name of the TC program of a direction: also the name of its filter where
/// clsact is used, by which leftovers are known as ours.
pub(super) const fn tc_program(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "netmon_ingress",
        Direction::Egress => "netmon_egress",
    }
}

/// The TC program of a direction.
///
/// # Errors
///
/// When the object has none, which only a broken build can bring about.
pub(super) fn tc(
    ebpf: &mut Ebpf,
    direction: Direction,
) -> Result<&mut SchedClassifier, ProgramError> {
    ebpf.program_mut(tc_program(direction)).ok_or(ProgramError::NotLoaded)?.try_into()
}

/// Where TCP keeps its notes in a buffer, and what the tracepoint says, by the
/// kernel's own description.
fn retransmission() -> Option<Retransmission> {
    let blob = fs::read(btf::PATH).ok()?;
    let btf = btf::Btf::parse(&blob)?;
    let control_block = btf.member_offset("sk_buff", "cb")?;
    let note = |member| Some(control_block + btf.member_offset("tcp_skb_cb", member)?);
    let parameters = btf.parameters(RETRANSMIT_HANDLER);
    Some(Retransmission {
        gso_segs: note("tcp_gso_segs")?,
        flags: note("tcp_flags")?,
        tells_error: u32::from(parameters.is_some_and(|count| count >= PARAMETERS_WITH_ERROR)),
    })
}
