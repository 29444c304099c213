//! From where a device sees the traffic of the host.
//!
//! Must not count a packet twice within one vantage and direction: of devices
//! that hand the same packet to each other, only one is a boundary.

use super::{Link, Table, framing::LOOPBACK};
use crate::snapshot::Vantage;

/// The vantage of `link` among the devices of its namespace; none for stacked
/// devices, which count for themselves only. The first rule that fits decides:
///
/// 1. The loopback device is the loopback.
/// 2. A port of a container or a guest is internal: a tap; a veth whose peer is
///    in this namespace or that is a member of a bridge or the like; and a veth
///    whose peer lives elsewhere, when this namespace has hardware of its own.
///    Without hardware, such a veth is how a container reaches the world: boundary.
/// 3. What only gathers, copies or splits the packets of other devices is stacked:
///    bonds, bridges and their like, whatever is below them; and anything with a
///    device of this namespace below it (VLAN, macvlan, a tunnel bound to a
///    device). With the lower device elsewhere it is the only one here to see its
///    packets: boundary.
/// 4. Hardware that is a member of a device without a kind is stacked: in this
///    pair (a virtual function below a Hyper-V or failover device) the master
///    carries all packets, also those that never reach the member.
/// 5. Anything else is a boundary: hardware (as a member of a bond or bridge too),
///    tun, WireGuard, dummy, tunnels that are bound to no device.
pub fn vantage(link: &Link, all: &Table) -> Option<Vantage> {
    if link.hardware == LOOPBACK {
        return Some(Vantage::Loopback);
    }
    match link.kind.as_deref() {
        Some("tun") if link.is_ethernet() => Some(Vantage::Internal),
        Some("veth" | "netkit") => {
            let port = peer_is_here(link, all)
                || link.master.is_some()
                || all.links().any(Link::is_hardware);
            Some(if port { Vantage::Internal } else { Vantage::Boundary })
        }
        Some(kind) if STACKED.contains(&kind) => None,
        _ if lower_is_here(link, all) => None,
        _ if link.is_hardware() && master_has_no_kind(link, all) => None,
        _ => Some(Vantage::Boundary),
    }
}

/// Whether what crosses a device leaves within IP packets that cross another one. PPP is
/// none: over Ethernet its frames are no IP there.
pub fn is_tunnel(link: &Link) -> bool {
    link.kind.as_deref().is_some_and(|kind| TUNNELS.contains(&kind))
}

const TUNNELS: [&str; 21] = [
    "amt",
    "bareudp",
    "erspan",
    "geneve",
    "gre",
    "gretap",
    "gtp",
    "ip6erspan",
    "ip6gre",
    "ip6gretap",
    "ip6tnl",
    "ipip",
    "ovpn",
    "ovpn-dco",
    "sit",
    "tun",
    "vti",
    "vti6",
    "vxlan",
    "wireguard",
    "xfrm",
];

/// Kinds that are stacked whether or not rtnetlink names a device below them.
const STACKED: [&str; 10] =
    ["bond", "team", "bridge", "openvswitch", "batadv", "hsr", "vrf", "ifb", "nlmon", "vsockmon"];

impl Link {
    /// Whether its frames are Ethernet.
    const fn is_ethernet(&self) -> bool {
        self.hardware == 1
    }

    /// Whether it is a physical device, or a guest's or container's idea of one.
    fn is_hardware(&self) -> bool {
        (self.kind.is_none() || self.on_bus) && self.hardware != LOOPBACK && self.lower.is_none()
    }
}

/// Whether a device of this namespace is below `link`.
fn lower_is_here(link: &Link, all: &Table) -> bool {
    link.lower_netns.is_none()
        && link.lower.is_some_and(|lower| lower != link.ifindex && all.get(lower).is_some())
}

/// Whether the other end of a veth is in this namespace. What an end says of its
/// peer can be outdated: the first end of a pair is announced before it has a
/// peer, and when an end moves, only that end is announced. So the peer is gone
/// when the table lacks it, and has come when it points back.
fn peer_is_here(link: &Link, all: &Table) -> bool {
    let points_back = |peer: &Link| {
        peer.kind == link.kind && peer.lower == Some(link.ifindex) && peer.lower_netns.is_none()
    };
    lower_is_here(link, all)
        || match link.lower {
            Some(lower) => all.get(lower).is_some_and(points_back),
            None => all.links().any(points_back),
        }
}

fn master_has_no_kind(link: &Link, all: &Table) -> bool {
    link.master.and_then(|master| all.get(master)).is_some_and(|master| master.kind.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Name;

    const ETHER: u16 = 1;
    const NONE: u16 = 0xfffe;

    fn link(ifindex: u32, kind: &str) -> Link {
        Link {
            name: Name::new(format!("{kind}{ifindex}").as_bytes()),
            hardware: ETHER,
            kind: (!kind.is_empty()).then(|| kind.to_owned()),
            ..Link::nameless(ifindex)
        }
    }

    fn lo() -> Link {
        Link { hardware: LOOPBACK, ..link(1, "") }
    }

    /// Hardware `eth0` with index 2.
    fn nic() -> Link {
        link(2, "")
    }

    fn over(lower: u32, upper: Link) -> Link {
        Link { lower: Some(lower), ..upper }
    }

    fn in_netns(upper: Link) -> Link {
        Link { lower_netns: Some(0), ..upper }
    }

    fn under(master: u32, member: Link) -> Link {
        Link { master: Some(master), ..member }
    }

    fn raw(device: Link) -> Link {
        Link { hardware: NONE, ..device }
    }

    /// The vantage of the first of these devices.
    fn vantage_of(links: &[Link]) -> Option<Vantage> {
        let mut table = Table::default();
        for link in links {
            table.apply(link.clone(), |_| None, &mut Vec::new());
        }
        vantage(&links[0], &table)
    }

    #[test]
    fn hosts() {
        use Vantage::{Boundary, Internal, Loopback};
        let cases: [(&str, Vec<Link>, Option<Vantage>); 27] = [
            ("loopback", vec![lo(), nic()], Some(Loopback)),
            ("hardware", vec![nic(), lo()], Some(Boundary)),
            ("hardware in a bond", vec![under(3, nic()), link(3, "bond")], Some(Boundary)),
            ("hardware in a bridge", vec![under(3, nic()), link(3, "bridge")], Some(Boundary)),
            ("bond", vec![link(3, "bond"), under(3, nic())], None),
            ("team", vec![link(3, "team"), nic()], None),
            ("empty bridge", vec![link(3, "bridge"), nic()], None),
            ("VRF", vec![link(3, "vrf"), nic()], None),
            ("ifb", vec![link(3, "ifb"), nic()], None),
            ("Open vSwitch port", vec![link(3, "openvswitch"), nic()], None),
            ("VLAN", vec![over(2, link(3, "vlan")), nic()], None),
            ("macvlan", vec![over(2, link(3, "macvlan")), nic()], None),
            ("macvtap", vec![over(2, link(3, "macvtap")), nic()], None),
            ("ipvlan", vec![over(2, link(3, "ipvlan")), nic()], None),
            ("VXLAN over a device", vec![over(2, link(3, "vxlan")), nic()], None),
            ("VXLAN by route", vec![link(3, "vxlan"), nic()], Some(Boundary)),
            ("GRE over a device", vec![over(2, link(3, "gre")), nic()], None),
            ("tun", vec![raw(link(3, "tun")), nic()], Some(Boundary)),
            ("tap", vec![link(3, "tun"), nic()], Some(Internal)),
            ("tap in a bridge", vec![under(4, link(3, "tun")), link(4, "bridge")], Some(Internal)),
            ("WireGuard", vec![raw(link(3, "wireguard")), nic()], Some(Boundary)),
            ("dummy", vec![link(3, "dummy"), nic()], Some(Boundary)),
            ("container's veth", vec![in_netns(over(2, link(9, "veth"))), nic()], Some(Internal)),
            (
                "container's netkit",
                vec![raw(in_netns(over(2, link(9, "netkit")))), nic()],
                Some(Internal),
            ),
            (
                "hardware with a kind",
                vec![Link { on_bus: true, ..link(3, "wwan") }],
                Some(Boundary),
            ),
            ("Hyper-V device", vec![link(3, ""), under(3, nic())], Some(Boundary)),
            ("virtual function of it", vec![under(3, nic()), link(3, "")], None),
        ];
        for (name, links, expected) in cases {
            assert_eq!(vantage_of(&links), expected, "{name}");
        }
    }

    #[test]
    fn tunnels() {
        for (kind, expected) in [
            ("wireguard", true),
            ("tun", true),
            ("vxlan", true),
            ("ppp", false),
            ("dummy", false),
            ("", false),
        ] {
            assert_eq!(is_tunnel(&link(3, kind)), expected, "{kind}");
        }
    }

    #[test]
    fn namespaces_without_hardware() {
        use Vantage::{Boundary, Internal};
        let far = |ifindex| in_netns(over(7, link(ifindex, "veth")));
        let near = |ifindex, peer| over(peer, link(ifindex, "veth"));
        let cases: [(&str, Vec<Link>, Option<Vantage>); 12] = [
            ("a container's way out", vec![far(3), lo()], Some(Boundary)),
            ("the same index here means nothing", vec![far(3), link(7, "dummy")], Some(Boundary)),
            ("its own index elsewhere", vec![in_netns(over(3, link(3, "veth")))], Some(Boundary)),
            ("port of a bridge", vec![under(4, far(3)), link(4, "bridge")], Some(Internal)),
            ("beside a tun", vec![far(3), raw(link(4, "tun"))], Some(Boundary)),
            ("a pair", vec![near(3, 4), near(4, 3)], Some(Internal)),
            ("the first of a pair", vec![link(3, "veth"), near(4, 3)], Some(Internal)),
            ("the peer left, not yet announced", vec![near(3, 4), lo()], Some(Boundary)),
            ("the peer came, not yet announced", vec![far(3), near(7, 3)], Some(Internal)),
            ("the index was given to another", vec![far(3), near(7, 8)], Some(Boundary)),
            (
                "macvlan on the host's device",
                vec![in_netns(over(2, link(3, "macvlan")))],
                Some(Boundary),
            ),
            ("bridge in a container", vec![link(4, "bridge"), far(3)], None),
        ];
        for (name, links, expected) in cases {
            assert_eq!(vantage_of(&links), expected, "{name}");
        }
    }
}
