//! Sends frames with a chosen part of them linear: what lies behind it is in
//! pages that the kernel maps, as with sendfile or receive offloads.
//!
//! By a packet socket with a transmit ring (Documentation/networking/
//! packet_mmap.rst of the kernel). Here is the only `unsafe` of these tests,
//! because no crate of the workspace has a safe function for any of this.
//!
//! Invariant: the mapping is as long as the ring and lives as long as the
//! socket; frames are written only while the kernel does not own them.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
};

/// Length of the ring, which is one block with one frame.
const RING: usize = 1 << 16;
/// Where the frame begins in it: `TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)`.
const DATA: usize = libc::TPACKET2_HDRLEN - size_of::<libc::sockaddr_ll>();

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM` and `VIRTIO_NET_HDR_GSO_TCPV4`.
const NEEDS_CHECKSUM: u8 = 1;
const GSO_TCP_IPV4: u8 = 1;

/// `struct virtio_net_hdr`, in front of the frame.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Offload {
    flags: u8,
    gso_type: u8,
    /// How much of the frame is to be linear.
    linear: u16,
    gso_size: u16,
    checksum_start: u16,
    checksum_offset: u16,
}

/// Merged IPv4 TCP segments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments {
    /// Payload of each but the last.
    pub(crate) size: u16,
    /// Where the TCP header begins.
    pub(crate) tcp_at: u16,
}

/// A transmit ring at one device.
pub(crate) struct Ring {
    socket: OwnedFd,
    memory: *mut libc::tpacket2_hdr,
}

impl Ring {
    /// Opens a ring at a device of the namespace that this thread is in.
    pub(crate) fn open(ifindex: u32) -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
        checked(socket)?;
        // SAFETY: the descriptor was just made, and nobody else has it.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        set(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as libc::c_int))?;
        set(&socket, libc::PACKET_VNET_HDR, &1_i32)?;
        let len = libc::c_uint::try_from(RING).map_err(io::Error::other)?;
        let ring = libc::tpacket_req {
            tp_block_size: len,
            tp_block_nr: 1,
            tp_frame_size: len,
            tp_frame_nr: 1,
        };
        set(&socket, libc::PACKET_TX_RING, &ring)?;
        // SAFETY: all bits zero are a valid address.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as libc::c_ushort;
        address.sll_ifindex = ifindex.cast_signed();
        let address_len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address is valid for the length that is passed.
        checked(unsafe {
            libc::bind(socket.as_raw_fd(), (&raw const address).cast(), address_len)
        })?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place of the kernel's choice.
        let memory = unsafe {
            let socket = socket.as_raw_fd();
            libc::mmap(ptr::null_mut(), RING, access, libc::MAP_SHARED, socket, 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { socket, memory: memory.cast() })
    }

    /// Sends a frame of which `linear` bytes are linear, at least a link header.
    ///
    /// # Errors
    ///
    /// When the kernel refuses it.
    pub(crate) fn send(
        &mut self,
        frame: &[u8],
        linear: usize,
        segments: Option<Segments>,
    ) -> io::Result<()> {
        let linear = u16::try_from(linear).map_err(io::Error::other)?;
        let mut offload = Offload { linear, ..Offload::default() };
        if let Some(segments) = segments {
            offload.flags = NEEDS_CHECKSUM;
            offload.gso_type = GSO_TCP_IPV4;
            offload.gso_size = segments.size;
            offload.checksum_start = segments.tcp_at;
            offload.checksum_offset = 16;
        }
        let len = size_of::<Offload>() + frame.len();
        assert!(DATA + len <= RING, "the ring is too short");
        // SAFETY: the mapping is RING bytes long and aligned to a page, header
        // and frame fit into it, and the kernel has given it back.
        unsafe {
            let place = self.memory.byte_add(DATA).cast::<Offload>();
            place.write_unaligned(offload);
            let place = place.byte_add(size_of::<Offload>()).cast::<u8>();
            ptr::copy_nonoverlapping(frame.as_ptr(), place, frame.len());
            (*self.memory).tp_len = libc::c_uint::try_from(len).map_err(io::Error::other)?;
            (&raw mut (*self.memory).tp_status).write_volatile(libc::TP_STATUS_SEND_REQUEST);
        }
        // SAFETY: nothing but the ring is read. The call ends when the kernel no
        // longer needs the frame.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), ptr::null(), 0, 0) };
        if sent < 0 {
            // The frame is ours again.
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length and is used no more.
        unsafe { libc::munmap(self.memory.cast(), RING) };
    }
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value is valid for the length that is passed.
    checked(unsafe {
        let socket = socket.as_raw_fd();
        libc::setsockopt(socket, libc::SOL_PACKET, option, ptr::from_ref(value).cast(), len)
    })
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
