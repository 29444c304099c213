//! How the frames of a device begin where a TC program sees them.
//!
//! Must not guess: a type that is not known to be one or the other is
//! [`PacketLink::Unknown`], and its frames are rejected by that name.

use netmon_common::packet::Link as PacketLink;

/// How the frames of a device of this hardware type (`ARPHRD_*` of
/// linux/if_arp.h) begin.
///
/// "Raw" means that a TC program sees an IP header first. For most of these the
/// driver has no link header at all; PPP and raw HDLC add theirs below TC. A GRE
/// tunnel without a fixed remote shows its outer IP header instead, which is an
/// IP header as well.
pub const fn framing(hardware: u16) -> PacketLink {
    match hardware {
        ETHER | LOOPBACK => PacketLink::Ethernet,
        SLIP..=CSLIP6 | PPP | RAWHDLC | RAWIP | TUNNEL | TUNNEL6 | SIT | IPGRE | IP6GRE | NONE => {
            PacketLink::Raw
        }
        _ => PacketLink::Unknown,
    }
}

/// Ethernet, and all that poses as it: Wi-Fi, veth, bridges, taps, VXLAN, ...
const ETHER: u16 = 1;
/// The loopback device, whose frames have an Ethernet header of zeros.
pub(super) const LOOPBACK: u16 = 772;
/// The first of four types of serial lines (SLIP, CSLIP, SLIP6, CSLIP6).
const SLIP: u16 = 256;
const CSLIP6: u16 = 259;
const PPP: u16 = 512;
const RAWHDLC: u16 = 518;
/// Modems: rmnet, WWAN.
const RAWIP: u16 = 519;
/// IPv4 in IPv4, VTI.
const TUNNEL: u16 = 768;
/// Anything in IPv6.
const TUNNEL6: u16 = 769;
/// IPv6 in IPv4.
const SIT: u16 = 776;
const IPGRE: u16 = 778;
const IP6GRE: u16 = 823;
/// No link header: tun, WireGuard, XFRM, ...
const NONE: u16 = 0xfffe;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_types_begin_as_their_drivers_say() {
        let cases = [
            (1, PacketLink::Ethernet),
            (772, PacketLink::Ethernet),
            (256, PacketLink::Raw),
            (257, PacketLink::Raw),
            (258, PacketLink::Raw),
            (259, PacketLink::Raw),
            (512, PacketLink::Raw),
            (518, PacketLink::Raw),
            (519, PacketLink::Raw),
            (768, PacketLink::Raw),
            (769, PacketLink::Raw),
            (776, PacketLink::Raw),
            (778, PacketLink::Raw),
            (823, PacketLink::Raw),
            (65534, PacketLink::Raw),
            (0, PacketLink::Unknown),
            (24, PacketLink::Unknown), // FireWire
            (32, PacketLink::Unknown), // InfiniBand
            (255, PacketLink::Unknown),
            (260, PacketLink::Unknown),
            (280, PacketLink::Unknown), // CAN
            (513, PacketLink::Unknown), // Cisco HDLC, with a header of its own
            (801, PacketLink::Unknown), // Wi-Fi monitor
            (824, PacketLink::Unknown), // netlink monitor
            (65535, PacketLink::Unknown),
        ];
        for (hardware, expected) in cases {
            assert_eq!(framing(hardware), expected, "{hardware}");
        }
    }
}
