//! Has the verifier check a program, and keeps what it says.
//!
//! Invariant: nothing that was loaded here outlives the call.

use std::{
    ffi::CStr,
    io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
};

use aya_obj::generated::bpf_insn;

/// `BPF_PROG_LOAD` of `enum bpf_cmd`.
const BPF_PROG_LOAD: libc::c_int = 5;
/// `BPF_LOG_STATS` of the log level.
const BPF_LOG_STATS: u32 = 4;
/// Bytes of statistics; there are a few lines of them.
const LOG: usize = 64 << 10;

/// A program that is ready for the kernel: its maps are there, its calls linked.
pub(crate) struct Program<'a> {
    /// Its type, of `enum bpf_prog_type`.
    pub(crate) kind: u32,
    pub(crate) instructions: &'a [bpf_insn],
    pub(crate) license: &'a CStr,
    pub(crate) expected_attach_type: u32,
    /// The type in the kernel that a BTF tracepoint is named by, else 0.
    pub(crate) attach_btf_id: u32,
}

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` reads, up to what is used.
#[repr(C)]
#[derive(Default)]
struct Attribute {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    expected_attach_type: u32,
    btf: u32,
    func_info_size: u32,
    func_info: u64,
    func_info_count: u32,
    line_info_size: u32,
    line_info: u64,
    line_info_count: u32,
    attach_btf_id: u32,
    attach_program: u32,
    padding: u32,
}

impl Program<'_> {
    /// Loads the program, lets go of it, and returns the verifier's statistics.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub(crate) fn verify(&self) -> io::Result<String> {
        let mut log = vec![0_u8; LOG];
        let attribute = Attribute {
            kind: self.kind,
            instruction_count: len(self.instructions.len())?,
            instructions: self.instructions.as_ptr() as u64,
            license: self.license.as_ptr() as u64,
            log_level: BPF_LOG_STATS,
            log_size: len(log.len())?,
            log: log.as_mut_ptr() as u64,
            expected_attach_type: self.expected_attach_type,
            attach_btf_id: self.attach_btf_id,
            ..Attribute::default()
        };
        let size = size_of::<Attribute>();
        // SAFETY: what the attribute points to outlives the call, which reads it
        // to the last byte of the sizes that are passed and writes to the log
        // only.
        let descriptor =
            unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attribute, size) };
        match RawFd::try_from(descriptor) {
            // SAFETY: the kernel just made this descriptor, and nobody else has it.
            Ok(descriptor) if descriptor >= 0 => drop(unsafe { OwnedFd::from_raw_fd(descriptor) }),
            _ => return Err(io::Error::last_os_error()),
        }
        let text = CStr::from_bytes_until_nul(&log).map_err(io::Error::other)?;
        Ok(text.to_string_lossy().into_owned())
    }
}

fn len(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(io::Error::other)
}
