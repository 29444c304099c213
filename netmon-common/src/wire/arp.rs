//! ARP for IPv4 over Ethernet (RFC 826, RFC 5227).

use crate::bytes::Bytes;

/// EtherType of ARP.
pub const ETHERTYPE: u16 = 0x0806;

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Where the hardware address of the sender begins; its protocol address follows.
const SENDER: usize = 8;
const SENDER_ADDRESS: usize = 14;

/// Who says that it has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its hardware address.
    pub hardware: [u8; 6],
    /// The address.
    pub address: [u8; 4],
}

/// Reads the sender of the message at `at`, a request or a reply. None for other kinds of
/// addresses, for a probe, which claims nothing yet, and for what no host can have as its
/// hardware address: that of a group.
pub fn claim<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Option<Claim> {
    let kinds: [u8; 6] = bytes.array(at)?;
    let hardware: [u8; 6] = bytes.array(at.checked_add(SENDER)?)?;
    let address: [u8; 4] = bytes.array(at.checked_add(SENDER_ADDRESS)?)?;
    let [first, ..] = hardware;
    let said = kinds == ETHERNET_IPV4 && address != [0; 4] && hardware != [0; 6] && first & 1 == 0;
    said.then_some(Claim { hardware, address })
}
