//! The eBPF object: embedded in the daemon, adapted to the running kernel,
//! loaded.

use std::{fs, os::unix::fs::MetadataExt as _};

use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    programs::{ProgramError, SchedClassifier},
};
use netmon_common::{
    abi::{
        labels::Direction,
        tcp::{DROP_REASONS, RESET_REASONS},
    },
    attempts,
    dns::Keys,
    handshake,
};

use super::{btf, error::KernelError, keys, members::Members, reasons::Reasons, sys};

/// The programs, compiled by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));

/// The loaded object and what was learned about the kernel on the way.
pub(super) struct Object {
    /// Maps and programs.
    pub ebpf: Ebpf,
    /// The kernel's types as aya wants them, for BTF tracepoints.
    pub btf: Option<Btf>,
    /// Where the members lie that the programs read.
    pub members: Members,
    /// Why TCP sends resets.
    pub reset_reasons: Reasons,
    /// Why packets are dropped.
    pub drop_reasons: Reasons,
    /// By what the programs hash lookups.
    pub lookup_keys: Keys,
}

/// Tracepoints that tell more since some kernel: the kernel's type of functions that
/// hang on them, and how many parameters these then have, the user's data among them.
const RETRANSMIT_TELLS_ERROR: (&str, u32) = ("btf_trace_tcp_retransmit_skb", 4);
const RESET_TELLS_REASON: (&str, u32) = ("btf_trace_tcp_send_reset", 4);
const DROP_TELLS_REASON: (&str, u32) = ("btf_trace_kfree_skb", 4);

/// The reason of a last step of a handshake that meets a full accept queue.
const LISTEN_OVERFLOW: &str = "tcp_listen_overflow";

/// The reason of a packet for which nobody listens.
pub(super) const NO_SOCKET: &str = "no_socket";

impl Object {
    /// Creates the maps and prepares the programs, which are not loaded yet.
    ///
    /// # Errors
    ///
    /// When maps cannot be created.
    pub(super) fn open() -> Result<Self, KernelError> {
        // Where this fails, creating a map says so as well.
        let _ = sys::lift_memory_lock_limit();
        let blob = fs::read(btf::PATH).unwrap_or_default();
        let types = btf::Btf::parse(&blob);
        let members = types.as_ref().map_or(Members::UNKNOWN, Members::find);
        let tells = |(handler, parameters): (&str, u32)| {
            let found = types.as_ref().and_then(|types| types.parameters(handler));
            u32::from(found.is_some_and(|found| found >= parameters))
        };
        let reasons = |enumeration, prefix, count| {
            let find = |types| Reasons::find(types, enumeration, prefix, count);
            types.as_ref().map(find).unwrap_or_default()
        };
        let reset_reasons = reasons("sk_rst_reason", "SK_RST_REASON_", RESET_REASONS);
        let drop_reasons = reasons("skb_drop_reason", "SKB_DROP_REASON_", DROP_REASONS);
        let lookup_keys = keys::random();
        let handshake_keys: handshake::Keys = keys::random();
        let attempt_keys: attempts::Keys = keys::random();
        let ebpf = EbpfLoader::new()
            // The programs have no relocations: rustc emits none.
            .btf(None)
            .verifier_log_level(VerifierLogLevel::STATS)
            .override_global("OFFSETS", members.offsets().as_slice(), true)
            .override_global("RETRANSMIT_TELLS_ERROR", &tells(RETRANSMIT_TELLS_ERROR), true)
            .override_global("RESET_TELLS_REASON", &tells(RESET_TELLS_REASON), true)
            .override_global("DROP_TELLS_REASON", &tells(DROP_TELLS_REASON), true)
            .override_global("LISTEN_OVERFLOW", &drop_reasons.value(LISTEN_OVERFLOW), true)
            .override_global("NO_SOCKET", &drop_reasons.value(NO_SOCKET), true)
            .override_global("HOME_NET", &own_network_namespace().unwrap_or(0), true)
            .override_global("HANDSHAKE_KEYS", &handshake_keys, true)
            .override_global("ATTEMPT_KEYS", &attempt_keys, true)
            .override_global("LOOKUP_KEYS", &lookup_keys, true)
            .load(OBJECT)
            .map_err(|error| KernelError::of("creating eBPF maps", &error))?;
        Ok(Self {
            ebpf,
            btf: Btf::from_sys_fs().ok(),
            members,
            reset_reasons,
            drop_reasons,
            lookup_keys,
        })
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

/// The names of the hooks of TC, by direction.
pub(super) const TC_HOOKS: [&str; 2] = ["tc_ingress", "tc_egress"];

/// The name of the hook of TC of a direction.
pub(super) const fn tc_hook(direction: Direction) -> &'static str {
    let [ingress, egress] = TC_HOOKS;
    match direction {
        Direction::Ingress => ingress,
        Direction::Egress => egress,
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

/// The number of netmon's own network namespace.
fn own_network_namespace() -> Option<u32> {
    // The thread's own: every file of the process may show another thread's.
    let inode = fs::metadata("/proc/thread-self/ns/net").ok()?.ino();
    u32::try_from(inode).ok()
}
