//! The gateway goes to another hardware address, and things that only look like it.

use crate::{
    daemon::{FAST, Netmon},
    deadline::until_true,
    netns::NetNs,
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, among_others},
};

const HOST: &str = "10.0.0.3";
const CARDS: [&str; 2] = ["02:00:00:00:00:03", "02:00:00:00:00:04"];

#[test]
fn another_host_takes_the_gateway_over() {
    require!("ping");
    let _among = among_others();
    let stage = Stage::new();
    stage.host.ip_batch(&format!("route add default via {PEER_ADDRESS}\n"));
    // Another host on the same link, behind the same end of the pair.
    let other = NetNs::new();
    stage.peer.ip_batch(&format!(
        "link add other link {PEER_DEVICE} netns {} address {} type macvlan mode bridge\n",
        other.name(),
        CARDS[0]
    ));
    other.ip_batch(&format!("link set other up\naddress add {HOST}/24 dev other\n"));
    let netmon = Netmon::start(&stage.host, &[FAST]);
    ping(&stage.host, PEER_ADDRESS, DEVICE);

    // A neighbour appears, and gets another card.
    ping(&other, ADDRESS, "other");
    await_card(&stage.host, HOST, CARDS[0]);
    other.ip_batch(&format!("link set other address {}\n", CARDS[1]));
    // The kernel believes a newcomer after a second.
    until_true("the neighbour has another card", || {
        ping(&other, ADDRESS, "other");
        has_card(&stage.host, HOST, CARDS[1])
    });
    // The kernel forgets the gateway, and finds it where it was.
    stage.host.ip_batch(&format!("neigh flush dev {DEVICE}\n"));
    ping(&stage.host, PEER_ADDRESS, DEVICE);
    quiet(&netmon);

    stage.peer.ip_batch(&format!("address del {PEER_ADDRESS}/24 dev {PEER_DEVICE}\n"));
    other.ip_batch(&format!("address add {PEER_ADDRESS}/24 dev other\n"));
    until_true("the gateway is taken over", || {
        // Who asks by ARP says where it is.
        other.ip_batch("neigh flush dev other\n");
        let mut command = other.command("ping");
        command.args(["-q", "-c", "1", "-W", "1", "-I", PEER_ADDRESS, ADDRESS]).output().unwrap();
        has_card(&stage.host, PEER_ADDRESS, CARDS[1])
    });
    let row = netmon.raised("gateway_change", "critical");
    assert_eq!(row["subject"], PEER_ADDRESS, "{row}");
    let detail = row["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!(" and is {}, which claims 2 addresses", CARDS[1])),
        "{detail}"
    );
    netmon.stop();

    // A new start knows nobody, and nothing has changed since.
    let netmon = Netmon::start(&stage.host, &[FAST]);
    ping(&other, ADDRESS, PEER_ADDRESS);
    quiet(&netmon);
    netmon.stop();
}

/// Behind a link that was down is another network, with a gateway of its own.
#[test]
fn another_network_has_another_gateway() {
    require!("ping");
    let _among = among_others();
    let stage = Stage::new();
    let route = format!("route add default via {PEER_ADDRESS}\n");
    stage.host.ip_batch(&route);
    let netmon = Netmon::start(&stage.host, &[FAST]);
    ping(&stage.host, PEER_ADDRESS, DEVICE);
    netmon.fresh();
    stage.host.ip_batch(&format!("link set {DEVICE} down\n"));
    stage.peer.ip_batch(&format!("link set {PEER_DEVICE} address {}\n", CARDS[0]));
    stage.host.ip_batch(&format!("link set {DEVICE} up\n{route}"));
    until_true("the gateway answers", || {
        let mut command = stage.host.command("ping");
        command.args(["-q", "-c", "1", "-W", "1", PEER_ADDRESS]).output().unwrap().status.success()
    });
    await_card(&stage.host, PEER_ADDRESS, CARDS[0]);
    quiet(&netmon);
    netmon.stop();
}

/// Pings from a device or an address.
fn ping(from: &NetNs, address: &str, source: &str) {
    from.run(["ping", "-q", "-c", "1", "-W", "5", "-I", source, address]);
}

fn has_card(host: &NetNs, address: &str, card: &str) -> bool {
    let shown = host.run(["ip", "neigh", "show", address]);
    String::from_utf8(shown).unwrap().contains(card)
}

fn await_card(host: &NetNs, address: &str, card: &str) {
    until_true(&format!("{address} is at {card}"), || has_card(host, address, card));
}

/// Asserts that the detector sees, and has raised nothing.
fn quiet(netmon: &Netmon<'_>) {
    let scrape = netmon.fresh();
    let labels = [("detector", "gateway_change")];
    assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1, "blind");
    assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());
}
