//! Where the tests play: two namespaces joined by a pair of devices, netmon in
//! one of them.

use std::{fmt::Debug, fs::File};

use crate::{
    daemon::{FAST, Netmon},
    deadline::until_ok,
    exposition::{Exposition, Labels},
    netns::{NetNs, veth},
    statistics::Device,
};

/// The device of the namespace in which netmon runs, and the other end.
pub(crate) const DEVICE: &str = "net0";
pub(crate) const PEER_DEVICE: &str = "net1";
/// Their addresses.
pub(crate) const ADDRESS: &str = "10.0.0.1";
pub(crate) const PEER_ADDRESS: &str = "10.0.0.2";

/// Two namespaces joined by a pair of devices.
pub(crate) struct Stage {
    /// Where netmon runs.
    pub(crate) host: NetNs,
    /// The other end.
    pub(crate) peer: NetNs,
}

/// What netmon and the kernel said of the same thing, mostly a device, at a moment
/// at which nothing moved.
#[derive(Debug)]
pub(crate) struct Settled<T = Device> {
    pub(crate) scrape: Exposition,
    pub(crate) kernel: T,
}

impl Stage {
    /// Two namespaces that reach each other over IPv4.
    pub(crate) fn new() -> Self {
        let (host, peer) = (NetNs::new(), NetNs::new());
        veth(&host, DEVICE, &peer, PEER_DEVICE);
        host.ip_batch(&format!("address add {ADDRESS}/24 dev {DEVICE}\n"));
        peer.ip_batch(&format!("address add {PEER_ADDRESS}/24 dev {PEER_DEVICE}\n"));
        // A scrape is longer than a segment of the loopback, of which the kernel counts each
        // one and the device a merged buffer: so they are not merged there.
        host.ip_batch("link set dev lo gso_max_segs 1\n");
        Self { host, peer }
    }

    /// netmon at work in [`host`](Self::host).
    pub(crate) fn netmon(&self) -> Netmon<'_> {
        Netmon::start(&self.host, &[FAST])
    }

    /// Awaits a moment at which no packet crosses the device of the host.
    pub(crate) fn settled(&self, netmon: &Netmon<'_>) -> Settled {
        settled(netmon, || Device::read(&self.host, DEVICE))
    }

    /// Sets features of both devices (`tso off`, ...), as ethtool names them.
    pub(crate) fn features(&self, words: &[&str]) {
        for (namespace, device) in [(&self.host, DEVICE), (&self.peer, PEER_DEVICE)] {
            let arguments = ["ethtool", "-K", device].into_iter();
            namespace.run(arguments.chain(words.iter().copied()));
        }
    }
}

/// Awaits a moment at which `read`, what the kernel says, stands still while
/// netmon reads its counters.
pub(crate) fn settled<T: PartialEq + Debug>(
    netmon: &Netmon<'_>,
    mut read: impl FnMut() -> T,
) -> Settled<T> {
    until_ok("the kernel's counters stand still", || {
        let before = read();
        let scrape = netmon.fresh();
        let kernel = read();
        if before == kernel {
            Ok(Settled { scrape, kernel })
        } else {
            Err(format!("{before:?} became {kernel:?}"))
        }
    })
}

impl<T> Settled<T> {
    /// How far a counter moved since `earlier`.
    pub(crate) fn moved(&self, earlier: &Self, name: &str, labels: Labels<'_>) -> u64 {
        self.scrape.sum(name, labels) - earlier.scrape.sum(name, labels)
    }

    /// The same for a counter that appears with the first event.
    pub(crate) fn grew(&self, earlier: &Self, name: &str, labels: Labels<'_>) -> u64 {
        self.scrape.so_far(name, labels) - earlier.scrape.so_far(name, labels)
    }
}

impl Settled {
    /// Asserts that netmon counted the bytes that the kernel counted since
    /// `earlier`, and returns what the kernel counted.
    pub(crate) fn same_bytes(&self, earlier: &Self, name: &str) -> Device {
        let kernel = self.kernel.since(earlier.kernel);
        for (direction, volume) in [("ingress", kernel.ingress), ("egress", kernel.egress)] {
            let labels = [("device", name), ("direction", direction)];
            let bytes = self.moved(earlier, "netmon_interface_bytes_total", &labels);
            assert_eq!(bytes, volume.bytes, "{direction} bytes of {name}");
        }
        kernel
    }

    /// The same, and the packets as well: where no packets were merged.
    pub(crate) fn same_packets(&self, earlier: &Self, name: &str) -> Device {
        let kernel = self.same_bytes(earlier, name);
        for (direction, volume) in [("ingress", kernel.ingress), ("egress", kernel.egress)] {
            let labels = [("device", name), ("direction", direction)];
            let packets = self.moved(earlier, "netmon_interface_packets_total", &labels);
            assert_eq!(packets, volume.packets, "{direction} packets of {name}");
        }
        kernel
    }
}

/// What the TCP stack counts, it counts for all namespaces at once: a test that
/// counts it wants nobody else to cause any. So it has this file for itself, and
/// every other test shares it; also those of another checkout, whose namespaces
/// would come and go unseen.
const TCP_STACK: &str = "/run/netmon-live-tests.lock";

/// Held by a test that lets others run beside it.
pub(crate) fn among_others() -> File {
    let file = tcp_stack();
    file.lock_shared().unwrap();
    file
}

/// Held by a test that must be alone.
pub(crate) fn alone() -> File {
    let file = tcp_stack();
    file.lock().unwrap();
    file
}

fn tcp_stack() -> File {
    File::options().create(true).append(true).open(TCP_STACK).unwrap()
}
