//! The few system calls for which no crate here has a safe function that fits. The only file of the daemon with `unsafe` in it.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Duration,
};

use netmon_common::abi::labels::Direction;

/// `BPF_OBJ_GET_INFO_BY_FD` and `BPF_LINK_CREATE` of `enum bpf_cmd`.
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_LINK_CREATE: libc::c_int = 28;
/// `BPF_TCX_INGRESS` and `BPF_TCX_EGRESS` of `enum bpf_attach_type`.
const BPF_TCX_INGRESS: u32 = 46;
const BPF_TCX_EGRESS: u32 = 47;
/// `BPF_CGROUP_SOCK_OPS` of the same.
const BPF_CGROUP_SOCK_OPS: u32 = 3;

/// The part of `union bpf_attr` that `BPF_LINK_CREATE` reads for TCX, or for control
/// groups, where it may end early.
#[repr(C)]
struct LinkCreate {
    program: u32,
    /// Index of a device, or descriptor of a control group.
    target: u32,
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
    let attach_type = match direction {
        Direction::Ingress => BPF_TCX_INGRESS,
        Direction::Egress => BPF_TCX_EGRESS,
    };
    create_link(program, ifindex, attach_type)
}

/// Attaches a program to the events of the sockets of a control group and of all below
/// it, beside those that are there. The link lasts as long as the descriptor.
///
/// # Errors
///
/// What the kernel says.
pub(super) fn attach_sock_ops(
    program: BorrowedFd<'_>,
    group: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    create_link(program, group.as_raw_fd().cast_unsigned(), BPF_CGROUP_SOCK_OPS)
}

fn create_link(program: BorrowedFd<'_>, target: u32, attach_type: u32) -> io::Result<OwnedFd> {
    let attribute = LinkCreate {
        program: program.as_raw_fd().cast_unsigned(),
        target,
        attach_type,
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

/// What the kernel says of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number, which no other link has while it is there.
    pub(super) id: u32,
    /// Where a link of TCX or of a control group is attached: index of the device, or
    /// number of the group. 0 when it was detached. Of other links it means nothing.
    pub(super) target: u64,
}

/// Looks a link up.
///
/// # Errors
///
/// What the kernel says: `EBADF` where the descriptor was closed, `EINVAL` where it
/// is of something else by now.
pub(super) fn link(link: BorrowedFd<'_>) -> io::Result<Link> {
    // `struct bpf_link_info`: type and number, program, then what depends on the type.
    let ([first, _, target], _) = object_info::<3>(link)?;
    let [kind, id] = halves(first);
    // The index of a device has 32 bits; behind it stands how it is attached.
    let [ifindex, _] = halves(target);
    Ok(Link { id, target: if kind == BPF_LINK_TYPE_TCX { ifindex.into() } else { target } })
}

/// How often a program was not run because it would have interrupted another, or
/// itself; none before Linux 5.12, which does not count that.
///
/// # Errors
///
/// What the kernel says.
pub(super) fn missed(program: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    // `recursion_misses` is the 27th word of `struct bpf_prog_info`.
    let (info, len) = object_info::<27>(program)?;
    Ok(info.last().copied().filter(|_| len >= size_of_val(&info)))
}

/// `BPF_LINK_TYPE_TCX` of `enum bpf_link_type`.
const BPF_LINK_TYPE_TCX: u32 = 11;

/// The part of `union bpf_attr` that `BPF_OBJ_GET_INFO_BY_FD` reads.
#[repr(C)]
struct ObjectInfo {
    object: u32,
    len: u32,
    info: *mut u64,
}

/// The first words of what the kernel says of an object, and how many bytes of them
/// it knows.
fn object_info<const WORDS: usize>(object: BorrowedFd<'_>) -> io::Result<([u64; WORDS], usize)> {
    let mut info = [0; WORDS];
    let mut attribute = ObjectInfo {
        object: object.as_raw_fd().cast_unsigned(),
        len: u32::try_from(size_of_val(&info)).map_err(io::Error::other)?,
        info: info.as_mut_ptr(),
    };
    // SAFETY: the attribute is initialised to the last byte of the size that is
    // passed, the words it points to have the length that it says, and both outlive
    // the call. Zeroed words ask for no lists, which the kernel would write elsewhere.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_OBJ_GET_INFO_BY_FD,
            &raw mut attribute,
            size_of::<ObjectInfo>(),
        )
    };
    match outcome {
        0 => Ok((info, attribute.len as usize)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The halves of a word that is two numbers to the kernel, in this machine's order.
const fn halves(word: u64) -> [u32; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "that is what a half is")]
    let [low, high] = [word as u32, (word >> u32::BITS) as u32];
    if cfg!(target_endian = "little") { [low, high] } else { [high, low] }
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

/// The clock of the programs: time since the machine started, without the time in which it
/// slept.
pub fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is valid, and the kernel fills it.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
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
