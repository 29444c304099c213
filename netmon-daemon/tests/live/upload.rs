//! Uploads to addresses of public and of private scope.

use std::{
    io::{Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    netns::NetNs,
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, among_others},
    throughput,
};

/// Addresses of documentation (RFC 5737), whose scope is public.
const PUBLIC: &str = "198.51.100.1";
const PUBLIC_PEER: &str = "198.51.100.2";
const PORT: u16 = 4000;
const MEBIBYTE: usize = 1024 * 1024;
/// How soon it is to be raised once it began.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn an_upload_to_public_addresses_is_raised() {
    require!("iperf3");
    let _among = among_others();
    let stage = Stage::new();
    stage.host.ip_batch(&format!("address add {PUBLIC}/24 dev {DEVICE}\n"));
    stage.peer.ip_batch(&format!("address add {PUBLIC_PEER}/24 dev {PEER_DEVICE}\n"));
    let netmon = stage.netmon();
    // A backup to a private address, a package download, and an upload of 50 MiB.
    send((&stage.host, ADDRESS), (&stage.peer, PEER_ADDRESS), 300);
    send((&stage.peer, PUBLIC_PEER), (&stage.host, PUBLIC), 60);
    send((&stage.host, PUBLIC), (&stage.peer, PUBLIC_PEER), 50);
    let labels = [("detector", "exfiltration")];
    let scrape = netmon.fresh();
    assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());
    assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1);

    let begun = Instant::now();
    throughput::upload(&stage, PUBLIC_PEER, 400 * MEBIBYTE as u64);
    let row = netmon.raised("exfiltration", "warning");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(row["subject"], "host", "{row}");
    assert!(row["detail"].as_str().unwrap().contains(" bytes sent to public addresses "), "{row}");
    throughput::upload(&stage, PUBLIC_PEER, 600 * MEBIBYTE as u64);
    netmon.raised("exfiltration", "critical");
    netmon.stop();
}

/// Sends so many mebibytes from one address to another.
fn send(from: (&NetNs, &str), to: (&NetNs, &str), mebibytes: usize) {
    let (source, destination): (IpAddr, IpAddr) = (from.1.parse().unwrap(), to.1.parse().unwrap());
    let listener = to.0.enter(|| TcpListener::bind((destination, PORT)).unwrap());
    let mut stream = from.0.enter(|| TcpStream::connect((destination, PORT)).unwrap());
    assert_eq!(stream.local_addr().unwrap().ip(), source);
    let (mut receiver, _) = listener.accept().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut buffer = vec![0; MEBIBYTE];
            while receiver.read(&mut buffer).unwrap() > 0 {}
        });
        let block = vec![7; MEBIBYTE];
        (0..mebibytes).for_each(|_| stream.write_all(&block).unwrap());
        drop(stream);
    });
}
