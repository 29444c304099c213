//! Sends frames as fast as one thread can, below all protocols.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

/// A raw socket on one device.
pub(crate) struct Flood(File);

impl Flood {
    /// Opens it on a device of the thread's own network namespace.
    pub(crate) fn on(ifindex: u32) -> io::Result<Self> {
        // SAFETY: the call has no preconditions.
        let socket =
            unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just made this descriptor, and nobody else has it.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET.unsigned_abs().try_into().unwrap_or_default(),
            sll_protocol: 0,
            sll_ifindex: ifindex.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let len = u32::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
        // SAFETY: the address is valid for the length that is passed, and the
        // kernel only reads it.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
        if bound < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(socket.into()))
    }

    /// Sends an IPv4 frame so many times, each time from another source address.
    pub(crate) fn send(&mut self, frame: &[u8], times: u32) -> io::Result<()> {
        /// Where the source address stands behind an Ethernet header.
        const SOURCE: usize = 26;
        let mut frame = frame.to_vec();
        // A full period of 32 bits: Knuth, The Art of Computer Programming 2,
        // section 3.2.1.2.
        let mut random = 1_u32;
        for _ in 0..times {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            frame[SOURCE..SOURCE + 4].copy_from_slice(&random.to_be_bytes());
            self.0.write_all(&frame)?;
        }
        Ok(())
    }
}
