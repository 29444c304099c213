//! Frames with VLAN tags, and damaged ones. What arrives with a tag has it moved
//! out of the frame before any hook sees it; its bytes count all the same.

use crate::{
    frames::{Sender, ethernet, ipv4, ipv6, tcp, udp},
    requirement::require,
    stage::{DEVICE, PEER_DEVICE, Stage, among_others},
};

const SERVICE: u16 = 0x88a8;
const CUSTOMER: u16 = 0x8100;
const OLD: u16 = 0x9100;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const SYN: u8 = 2;

/// A kind of frame, how many are sent, and where they must be counted.
type Case = (Vec<u8>, u64, Counted);

/// The labels `family` and `protocol` of a class, or the `reason` of a reject.
enum Counted {
    Class(&'static str, &'static str),
    Reject(&'static str),
}

fn cases() -> Vec<Case> {
    use Counted::{Class, Reject};
    let payload = [7; 100];
    let whole = ipv4(17, &udp(&payload));
    vec![
        (ethernet(&[], IPV4, &whole), 3, Class("ipv4", "udp")),
        (ethernet(&[CUSTOMER], IPV4, &whole), 5, Class("ipv4", "udp")),
        (ethernet(&[SERVICE, CUSTOMER], IPV4, &whole), 7, Class("ipv4", "udp")),
        (ethernet(&[OLD, SERVICE, CUSTOMER], IPV4, &whole), 11, Class("ipv4", "udp")),
        (ethernet(&[SERVICE, CUSTOMER], IPV6, &ipv6(17, &udp(&payload))), 13, Class("ipv6", "udp")),
        (ethernet(&[SERVICE, CUSTOMER], IPV4, &ipv4(6, &tcp(SYN))), 17, Class("ipv4", "tcp")),
        (ethernet(&[CUSTOMER], IPV6, &ipv6(6, &tcp(SYN))), 19, Class("ipv6", "tcp")),
        (ethernet(&[], IPV6, &ipv6(58, &[128, 0, 0, 0, 0, 1, 0, 1])), 23, Class("ipv6", "icmp")),
        (ethernet(&[SERVICE, CUSTOMER], 0x88b5, &payload), 29, Class("other", "other")),
        (ethernet(&[], IPV4, &whole[..19]), 31, Reject("truncated")),
        (ethernet(&[SERVICE, CUSTOMER], IPV4, &whole[..24]), 37, Reject("truncated")),
    ]
}

#[test]
fn frames_with_tags_are_counted_with_them() {
    require!("python3");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    for direction in ["ingress", "egress"] {
        let mut sender = match direction {
            "ingress" => Sender::packet(&stage.peer, PEER_DEVICE),
            _ => Sender::packet(&stage.host, DEVICE),
        };
        for (frame, times, counted) in cases() {
            let before = stage.settled(&netmon);
            sender.send(&frame, times);
            let after = stage.settled(&netmon);

            let kernel = after.same_packets(&before, DEVICE);
            let bytes = times * frame.len() as u64;
            let volume = if direction == "ingress" { kernel.ingress } else { kernel.egress };
            assert_eq!((volume.packets, volume.bytes), (times, bytes), "{direction} {frame:x?}");
            let moved = |name, labels| after.moved(&before, name, labels);
            match counted {
                Counted::Class(family, protocol) => {
                    let labels =
                        [("direction", direction), ("family", family), ("protocol", protocol)];
                    let class = &[("scope", "public"), labels[0], labels[1], labels[2]];
                    assert_eq!(moved("netmon_host_packets_total", class), times, "{frame:x?}");
                    assert_eq!(moved("netmon_host_bytes_total", class), bytes, "{frame:x?}");
                }
                Counted::Reject(reason) => {
                    let labels = [("reason", reason)];
                    let rejected = moved("netmon_rejected_packets_total", &labels);
                    assert_eq!(rejected, times, "{frame:x?}");
                    assert_eq!(moved("netmon_host_packets_total", &[]), 0, "{frame:x?}");
                }
            }
        }
    }
    netmon.stop();
}
