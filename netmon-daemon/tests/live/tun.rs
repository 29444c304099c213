//! A tun device: packets without a link header.

use std::net::UdpSocket;

use crate::{
    daemon::{FAST, Netmon},
    frames::{Sender, ipv4, ipv6, tcp, udp},
    netns::NetNs,
    requirement::require,
    stage::{among_others, settled},
    statistics::Device,
};

const DEVICE: &str = "tun0";
const SYN: u8 = 2;

#[test]
fn packets_of_a_tun_device_begin_with_ip() {
    require!("python3");
    let _among = among_others();
    let host = NetNs::new();
    let mut sender = Sender::tun(&host, DEVICE);
    host.ip_batch(&format!("address add 10.1.0.1/24 dev {DEVICE}\nlink set dev {DEVICE} up\n"));
    let netmon = Netmon::start(&host, &[FAST]);
    let at_rest = || settled(&netmon, || Device::read(&host, DEVICE));
    // What looks like an Ethernet header must not be taken for one: parsed with
    // one, these are frames of unknown types.
    let cases = [
        (ipv4(17, &udp(&[7; 100])), 3, "ipv4", "udp"),
        (ipv4(6, &tcp(SYN)), 5, "ipv4", "tcp"),
        (ipv6(17, &udp(&[7; 100])), 7, "ipv6", "udp"),
        (ipv6(6, &tcp(SYN)), 11, "ipv6", "tcp"),
    ];
    for (packet, times, family, protocol) in cases {
        let before = at_rest();
        sender.send(&packet, times);
        let after = at_rest();
        let kernel = after.same_packets(&before, DEVICE);
        assert_eq!(kernel.ingress.packets, times, "{family} {protocol}");
        assert_eq!(kernel.ingress.bytes, times * packet.len() as u64, "{family} {protocol}");
        let labels = [("direction", "ingress"), ("family", family), ("protocol", protocol)];
        let labels = [("scope", "public"), labels[0], labels[1], labels[2]];
        let counted = after.moved(&before, "netmon_host_packets_total", &labels);
        assert_eq!(counted, times, "{family} {protocol}");
    }

    let before = at_rest();
    let socket = host.enter(|| UdpSocket::bind("10.1.0.1:0").unwrap());
    for _ in 0..13 {
        socket.send_to(&[7; 100], "10.1.0.2:4000").unwrap();
    }
    let after = at_rest();
    assert_eq!(after.same_packets(&before, DEVICE).egress.packets, 13);
    let labels = [("direction", "egress"), ("family", "ipv4"), ("protocol", "udp")];
    assert_eq!(after.moved(&before, "netmon_host_packets_total", &labels), 13);
    netmon.stop();
}
