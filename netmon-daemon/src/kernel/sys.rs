//! The three system calls for which no crate here has a safe function that
//! fits. The only file of the daemon with `unsafe` in it.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use netmon_common::abi::labels::Direction;

/// `BPF_LINK_CREATE` of `enum bpf_cmd`.
const BPF_LINK_CREATE: libc::c_int = 28;
/// `BPF_TCX_INGRESS` and `BPF_TCX_EGRESS` of `enum bpf_attach_type`.
const BPF_TCX_INGRESS: u32 = 46;
const BPF_TCX_EGRESS: u32 = 47;

/// The part of `union bpf_attr` that `BPF_LINK_CREATE` reads for TCX.
#[repr(C)]
struct LinkCreate {
    program: u32,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
    relative: u32,
    reserved: u32,
    expected_revision: u64,
}

/// Attaches a program to a device by TCX, behind those that are there. The link
/// lasts as long as the descriptor.
///
/// By index and not by name, as aya does it: names change, and need not be
/// valid UTF-8.
///
/// # Errors
///
/// What the kernel says; `EINVAL` where it has no TCX (before 6.6).
pub(super) fn attach_tcx(
    program: BorrowedFd<'_>,
    ifindex: u32,
    direction: Direction,
) -> io::Result<OwnedFd> {
    let attribute = LinkCreate {
        program: program.as_raw_fd().cast_unsigned(),
        ifindex,
        attach_type: match direction {
            Direction::Ingress => BPF_TCX_INGRESS,
            Direction::Egress => BPF_TCX_EGRESS,
        },
        flags: 0,
        relative: 0,
        reserved: 0,
        expected_revision: 0,
    };
    // SAFETY: the attribute is initialised to the last byte of the size that is
    // passed, and the kernel only reads it.
    let descriptor = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_LINK_CREATE, &raw const attribute, size_of::<LinkCreate>())
    };
    match libc::c_int::try_from(descriptor) {
        // SAFETY: the kernel just made this descriptor, and nobody else has it.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets maps lock as much memory as they need, which kernels before 5.11 count
/// against `RLIMIT_MEMLOCK`.
///
/// # Errors
///
/// Where the privilege is missing; newer kernels do not need it.
pub(super) fn lift_memory_lock_limit() -> io::Result<()> {
    let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure is valid, and the kernel only reads it.
    match unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const unlimited) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives memory that was freed back to the kernel. Reading its types takes tens
/// of megabytes for a moment, which the allocator would keep.
pub(super) fn return_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
