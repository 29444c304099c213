//! Handshakes of connections between others: a client, a router with netmon on it,
//! and a server that answers as late as it is told. The truth is a capture at the
//! router's device towards the server.
//!
//! Requests and answers are written by scripts: sockets of this kernel would be
//! counted by the hooks of the TCP stack as well, in whatever namespace they are.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    process::Stdio,
};

use crate::{
    capture::{Capture, Capturing},
    daemon::{FAST, Netmon},
    deadline::until_ok,
    exposition::Exposition,
    frames::Sender,
    histogram::Histogram,
    netns::{NetNs, Running, veth},
    requirement::require,
    stage::among_others,
    statistics::Device,
};

/// The first port of the server: each one answers so many milliseconds later as it
/// is above.
const FIRST_PORT: u16 = 7000;

/// Handshakes of each kind.
const TIMES: u16 = 60;
/// Handshakes amid the flood.
const AMID: u16 = 1000;
/// Requests of the flood before handshakes are made, and after.
const FLOOD: u64 = 100_000;

/// A port of a real server.
const PORT: u16 = 6999;
/// The programs that time handshakes of the host's own sockets.
const HOOKS: &str = "connection,sock_ops";
/// The variable with the ports that are services.
const PORTS: &str = "NETMON_TCP__SERVICE_PORTS";

/// How a router hands packets on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Routed,
    Bridged,
}

/// Client, router and server. netmon's devices are `net0`, towards the client, and
/// `net1`, towards the server.
struct Path {
    way: Way,
    client: NetNs,
    router: NetNs,
    server: NetNs,
    responder: Option<Running>,
}

impl Path {
    fn new(way: Way) -> Self {
        let (client, router, server) = (NetNs::new(), NetNs::new(), NetNs::new());
        veth(&router, "net0", &client, "net1");
        veth(&router, "net1", &server, "net0");
        for family in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            router.sysctl(&format!("net/{family}"), "1");
        }
        match way {
            Way::Routed => {
                router.ip_batch(
                    "address add 10.1.0.1/24 dev net0\naddress add 10.2.0.1/24 dev net1\n\
                     address add fd01::1/64 dev net0\naddress add fd02::1/64 dev net1\n",
                );
                let neighbours = [("net0", "net1", &client, 1), ("net1", "net0", &server, 2)];
                for (device, theirs, peer, network) in neighbours {
                    let address = mac(peer, theirs);
                    router.ip_batch(&format!(
                        "neighbour add 10.{network}.0.2 lladdr {address} dev {device}\n\
                         neighbour add fd0{network}::2 lladdr {address} dev {device}\n"
                    ));
                }
                // hping3 wants an address.
                client
                    .ip_batch("address add 10.1.0.2/24 dev net1\nroute add default via 10.1.0.1\n");
            }
            Way::Bridged => router.ip_batch(
                "link add br0 type bridge\nlink set br0 up\n\
                 link set net0 master br0\nlink set net1 master br0\n",
            ),
        }
        let mut path = Self { way, client, router, server, responder: None };
        let mut command = path.server.command("python3");
        command.args(["-c", include_str!("responder.py"), "net0"]);
        // It ends when its device does, and says so.
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut responder = Running::spawn(&mut command);
        let mut line = String::new();
        let output = responder.0.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        path.responder = Some(responder);
        path
    }

    /// netmon on the router, with a service for each of these ports. The ports of a
    /// bridge look like those of containers, whose connections would be left to the
    /// hooks of the TCP stack, were there any.
    fn netmon(&self, delays: &[u16]) -> Netmon<'_> {
        let forbidden = if self.way == Way::Bridged { HOOKS } else { "" };
        let ports: Vec<String> =
            delays.iter().map(|delay| (FIRST_PORT + delay).to_string()).collect();
        let ports = ports.join(",");
        let environment = [FAST, (PORTS, &*ports), ("NETMON_FORBID", forbidden)];
        Netmon::start(&self.router, &environment)
    }

    /// Requests from ports of their own, so many with each of these delays in turn.
    fn ask(&self, sender: &mut Sender, version: u8, delays: &[u16], times: u16) {
        let to = match self.way {
            Way::Routed => mac(&self.router, "net0"),
            Way::Bridged => mac(&self.server, "net0"),
        };
        for connection in 0..times {
            for delay in delays {
                let ports = [20_000 + connection, FIRST_PORT + delay];
                sender.send(&request(&to, version, ports), 1);
            }
        }
    }
}

/// The address of a device.
fn mac(namespace: &NetNs, device: &str) -> String {
    let text = namespace.run(["cat", &format!("/sys/class/net/{device}/address")]);
    String::from_utf8(text).unwrap().trim().to_owned()
}

/// A connection request from the client to the server, to this link address.
fn request(to: &str, version: u8, ports: [u16; 2]) -> Vec<u8> {
    let mut frame: Vec<u8> =
        to.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    frame.extend([2, 0, 0, 0, 0, 9]);
    if version == 4 {
        // The checksum is that of the header, whose words do not depend on ports.
        frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0x26, 0xca]);
        frame.extend([10, 1, 0, 2, 10, 2, 0, 2]);
    } else {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
        for network in [1, 2] {
            frame.extend([0xfd, network, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        }
    }
    frame.extend(ports.into_iter().flat_map(u16::to_be_bytes));
    frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x10, 0, 0, 0, 0, 0]);
    frame
}

/// Handshakes of the service with this delay between two scrapes.
fn times(before: &Exposition, after: &Exposition, delay: u16) -> Histogram {
    let service = format!("tcp/{}", FIRST_PORT.wrapping_add(delay));
    let labels = [("role", "active"), ("service_port", &*service)];
    Histogram::between(before, after, "netmon_tcp_handshake_seconds", &labels)
}

/// Seconds from request to answer, by delay, for each handshake of a capture that was
/// both asked for and answered.
fn captured(capture: &Capture) -> BTreeMap<u16, Vec<f64>> {
    let fields = ["tcp.flags", "tcp.srcport", "tcp.dstport", "frame.time_epoch"];
    let mut asked = BTreeMap::new();
    let mut seconds: BTreeMap<u16, Vec<f64>> = BTreeMap::new();
    for row in capture.rows("tcp.flags.syn == 1", &fields) {
        let [flags, from, to, time] = <[String; 4]>::try_from(row).unwrap();
        let time: f64 = time.parse().unwrap();
        if flags == "0x0002" {
            asked.entry((from, to)).or_insert(time);
        } else if let Some(began) = asked.remove(&(to, from.clone())) {
            let port: u16 = from.parse().unwrap();
            seconds.entry(port - FIRST_PORT).or_default().push(time - began);
        }
    }
    seconds
}

/// Awaits that so many handshakes of each delay were counted, and tells them.
fn counted(
    netmon: &Netmon<'_>,
    before: &Exposition,
    delays: &[u16],
    wanted: u64,
) -> Vec<Histogram> {
    until_ok("handshakes are counted", || {
        let now = netmon.fresh();
        let times: Vec<Histogram> =
            delays.iter().map(|delay| times(before, &now, *delay)).collect();
        if times.iter().all(|times| times.count >= wanted) {
            Ok(times)
        } else {
            Err(format!("{times:?}"))
        }
    })
}

#[test]
fn forwarded_handshakes_take_what_a_capture_says() {
    require!("ethtool", "python3", "tcpdump", "tshark");
    let _among = among_others();
    let delays = [0, 10, 100];
    for (way, merging) in [(Way::Routed, "off"), (Way::Routed, "on"), (Way::Bridged, "on")] {
        let path = Path::new(way);
        for device in ["net0", "net1"] {
            path.router.run(["ethtool", "-K", device, "gro", merging]);
        }
        let mut sender = Sender::packet(&path.client, "net1");
        let netmon = path.netmon(&delays);
        let versions: &[u8] = if way == Way::Routed { &[4, 6] } else { &[4] };
        for version in versions {
            let before = netmon.fresh();
            let capturing = Capturing::start(&path.router, "net1");
            path.ask(&mut sender, *version, &delays, TIMES);
            let found = counted(&netmon, &before, &delays, TIMES.into());
            let captured = captured(&capturing.stop());
            for (delay, found) in delays.into_iter().zip(found) {
                let name = format!("{way:?}, GRO {merging}, IPv{version}, {delay} ms");
                // Once, although each of them crosses two devices.
                assert_eq!(found.count, u64::from(TIMES), "{name}");
                assert_eq!(captured[&delay].len(), usize::from(TIMES), "{name}");
                found.agrees(&captured[&delay], &name);
            }
        }
        let scrape = netmon.fresh();
        assert_eq!(scrape.sum("netmon_handshake_sampling_ratio", &[]), 1);
        assert_eq!(scrape.sum("netmon_tcp_handshakes_untimed_total", &[]), 0);
        netmon.stop();
    }
}

#[test]
fn a_flood_does_not_hide_handshakes() {
    require!("hping3", "python3", "tcpdump", "tshark", "setpriv");
    let _among = among_others();
    let path = Path::new(Way::Routed);
    let mut sender = Sender::packet(&path.client, "net1");
    let netmon = path.netmon(&[10]);
    let before = netmon.fresh();
    // Only what is to be timed: the flood goes to another port.
    let capturing = Capturing::of(&path.router, "net1", "tcp portrange 7000-7999");
    // It ends with the test, whatever becomes of that.
    let mut command = path.client.command("setpriv");
    command.args([
        "--pdeathsig",
        "KILL",
        "hping3",
        "-q",
        "-n",
        "-S",
        "-p",
        "9",
        "--flood",
        "--rand-source",
        "10.2.0.2",
    ]);
    let flood = Running::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let forwarded = || Device::read(&path.router, "net1").egress.packets;
    until_ok("the flood passes", || {
        let passed = forwarded();
        if passed >= FLOOD { Ok(()) } else { Err(format!("{passed} so far")) }
    });
    path.ask(&mut sender, 4, &[10], AMID);
    let flooded = forwarded();
    until_ok("the flood goes on", || {
        let passed = forwarded() - flooded;
        if passed >= FLOOD { Ok(()) } else { Err(format!("{passed} more")) }
    });
    drop(flood);
    let found = counted(&netmon, &before, &[10], 1).remove(0);
    let truth = Histogram::captured(&captured(&capturing.stop())[&10], &found);
    // Those that took so long are counted one by one whatever the rate.
    let (found, truth) = (found.up_to(0.025), truth.up_to(0.025));
    let kept = found as f64 / truth as f64;
    assert!(truth > 0, "none took 10 ms");
    assert!((0.98..=1.02).contains(&kept), "{found} of {truth} were kept");
    netmon.stop();
}

#[test]
fn connections_of_containers_count_once() {
    require!();
    let _among = among_others();
    let (container, host, server) = (NetNs::new(), NetNs::new(), NetNs::new());
    veth(&host, "port", &container, "eth0");
    veth(&host, "net1", &server, "net0");
    host.sysctl("net/ipv4/ip_forward", "1");
    host.ip_batch(
        "link add br0 type bridge\nlink set port master br0\nlink set br0 up\n\
         address add 10.1.0.1/24 dev br0\naddress add 10.2.0.1/24 dev net1\n",
    );
    let ways = [(&container, 1, 2, "eth0"), (&server, 2, 1, "net0")];
    for (namespace, network, other, device) in ways {
        namespace.ip_batch(&format!(
            "address add 10.{network}.0.2/24 dev {device}\n\
             route add 10.{other}.0.0/24 via 10.{network}.0.1\n"
        ));
    }
    let listener = server.enter(|| TcpListener::bind(("10.2.0.2", PORT)).unwrap());
    // By the hooks, or where there are none by the packets that are forwarded.
    for forbidden in ["", HOOKS] {
        let port = PORT.to_string();
        let environment = [FAST, (PORTS, &*port), ("NETMON_FORBID", forbidden)];
        let netmon = Netmon::start(&host, &environment);
        let before = netmon.fresh();
        for _ in 0..TIMES {
            container.enter(|| drop(TcpStream::connect(("10.2.0.2", PORT)).unwrap()));
            drop(listener.accept().unwrap());
        }
        let delay = PORT.wrapping_sub(FIRST_PORT);
        let found = counted(&netmon, &before, &[delay], TIMES.into());
        assert_eq!(found[0].count, u64::from(TIMES), "without {forbidden:?}");
        netmon.stop();
    }
}
