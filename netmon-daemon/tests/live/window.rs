//! Receivers that do not read, until their window closes: netmon counts the
//! segments that say so as a capture shows them.

use std::{
    io::Write,
    net::{IpAddr, TcpListener, TcpStream},
    time::Duration,
};

use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};

use crate::{
    capture::Capturing,
    daemon::Netmon,
    deadline::until_true,
    netns::NetNs,
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, among_others},
};

const ADDRESS_6: &str = "fd00::1";
const PEER_ADDRESS_6: &str = "fd00::2";
const PORT: u16 = 4000;
const ZERO_WINDOWS: &str = "netmon_tcp_zero_window_total";

#[test]
fn windows_that_close_are_what_a_capture_shows() {
    require!("tcpdump", "ethtool");
    let _among = among_others();
    let stage = Stage::new();
    stage.features(&["tso", "off", "gso", "off", "gro", "off"]);
    stage.host.ip_batch(&format!("address add {ADDRESS_6}/64 dev {DEVICE} nodad\n"));
    stage.peer.ip_batch(&format!("address add {PEER_ADDRESS_6}/64 dev {PEER_DEVICE} nodad\n"));
    let netmon = stage.netmon();
    let (host, peer) = (&stage.host, &stage.peer);
    let v4 = "tcp[14:2] = 0 and tcp[13] & 0x17 = 0x10";
    let v6 = "ip6 proto 6 and ip6[54:2] = 0 and ip6[53] & 0x17 = 0x10";
    for (reader, writer, address, direction, filter) in [
        (host, peer, ADDRESS, "egress", v4),
        (peer, host, PEER_ADDRESS, "ingress", v4),
        (host, peer, ADDRESS_6, "egress", v6),
        (peer, host, PEER_ADDRESS_6, "ingress", v6),
    ] {
        let before = stage.settled(&netmon);
        let capturing = Capturing::start(host, DEVICE);
        choke(reader, writer, address, &netmon, direction);
        let after = stage.settled(&netmon);
        let capture = capturing.stop();
        for way in ["ingress", "egress"] {
            let moved = after.moved(&before, ZERO_WINDOWS, &[("direction", way)]);
            let end = if way == direction { "src" } else { "dst" };
            let seen = capture.count(&format!("{end} host {address} and {filter}"));
            assert_eq!(moved, seen, "{way}, {address} does not read");
            assert_eq!(moved > 0, way == direction, "{way}, {address} does not read");
        }
    }
    netmon.stop();
}

/// Writes to a receiver that does not read, until netmon has seen that it has no
/// more room, and ends the connection by a reset.
fn choke(reader: &NetNs, writer: &NetNs, address: &str, netmon: &Netmon<'_>, direction: &str) {
    let address: IpAddr = address.parse().unwrap();
    let listener = reader.enter(|| TcpListener::bind((address, PORT)).unwrap());
    set_socket_recv_buffer_size(&listener, 4096).unwrap();
    let mut writer = writer.enter(|| TcpStream::connect((address, PORT)).unwrap());
    let (_deaf, _) = listener.accept().unwrap();
    writer.set_nonblocking(true).unwrap();
    let labels = [("direction", direction)];
    let before = netmon.fresh().sum(ZERO_WINDOWS, &labels);
    until_true("a window closes", || {
        while writer.write(&[7; 4096]).is_ok() {}
        netmon.fresh().sum(ZERO_WINDOWS, &labels) > before
    });
    set_socket_linger(&writer, Some(Duration::ZERO)).unwrap();
}
