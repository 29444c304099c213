//! What this host does for the first time, or too much of: raised by the real thing while
//! it goes on, and by nothing that is usual. Rhythms take hours, and so have a clock of
//! their own in the tests of `beacon`.

use std::{
    io::{Read, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    daemon::{FAST, Netmon},
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, alone},
};

/// Addresses of public scope.
const PUBLIC: &str = "198.51.100.1";
const PEER_PUBLIC: &str = "198.51.100.2";

const USUAL: u16 = 9000;
const NOTORIOUS: u16 = 4444;
const MB: usize = 1_000_000;

/// What is asked of all but scans and floods.
const SOON: Duration = Duration::from_secs(10);

fn stage() -> Stage {
    let stage = Stage::new();
    stage.host.ip_batch(&format!("address add {PUBLIC}/24 dev {DEVICE}\n"));
    stage.peer.ip_batch(&format!("address add {PEER_PUBLIC}/24 dev {PEER_DEVICE}\n"));
    stage
}

/// Listens at the other end, reads all that comes, and says a byte for each MB of it.
fn serve(stage: &Stage, address: &str, port: u16) {
    let listener = stage.peer.enter(|| TcpListener::bind((address, port)).unwrap());
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                let (mut all, mut said) = (0, 0);
                while let Ok(len @ 1..) = stream.read(&mut buffer) {
                    all += len;
                    let more = vec![7; all / MB - said];
                    said += more.len();
                    // Who asked may be gone.
                    let _ = stream.write_all(&more);
                }
            });
        }
    });
}

/// Opens a connection from this host and sends so much, until all of it was read.
fn send(stage: &Stage, address: &str, port: u16, bytes: usize) -> TcpStream {
    stage.host.enter(|| {
        let mut stream = TcpStream::connect((address, port)).unwrap();
        stream.write_all(&vec![7; bytes]).unwrap();
        stream.read_exact(&mut vec![0; bytes / MB]).unwrap();
        stream
    })
}

fn quiet(netmon: &Netmon<'_>, detector: &str) {
    let scrape = netmon.fresh();
    let labels = [("detector", detector)];
    assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1, "{detector}");
    assert_eq!(scrape.sum("netmon_red_flag_active", &labels), 0, "{}", netmon.red_flags());
}

/// Awaits that one is raised soon, and asserts whom it is about.
fn raised(netmon: &Netmon<'_>, detector: &str, severity: &str) -> Value {
    let begun = Instant::now();
    let row = netmon.raised(detector, severity);
    assert!(begun.elapsed() < SOON, "{detector}: {:?}", begun.elapsed());
    assert_eq!(row["peer"], PEER_PUBLIC, "{row}");
    assert!(row["subject"].is_string() && row["subject"] != "host", "{row}");
    row
}

/// Awaits that the list of open connections was taken twice more: every 5 seconds.
fn two_lists(netmon: &Netmon<'_>) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(11) {
        netmon.fresh();
    }
}

#[test]
fn what_is_sent_to_one_address_is_raised_while_it_is_sent() {
    require!();
    let _alone = alone();
    let stage = stage();
    let limits = [
        FAST,
        ("NETMON_DETECTORS__LARGE_TRANSFER__WARNING", "2e7"),
        ("NETMON_DETECTORS__LARGE_TRANSFER__CRITICAL", "1e8"),
    ];
    serve(&stage, PEER_PUBLIC, USUAL);
    serve(&stage, PEER_ADDRESS, USUAL);
    let old = send(&stage, PEER_PUBLIC, USUAL, 30 * MB);
    let netmon = Netmon::start(&stage.host, &limits);
    // To somebody near by, too little, and what was sent before.
    let near = send(&stage, PEER_ADDRESS, USUAL, 150 * MB);
    drop(send(&stage, PEER_PUBLIC, USUAL, 5 * MB));
    two_lists(&netmon);
    drop(near);
    drop(old);
    quiet(&netmon, "large_transfer");
    // One that stays open; the list of sockets tells of it.
    let open = send(&stage, PEER_PUBLIC, USUAL, 30 * MB);
    let row = raised(&netmon, "large_transfer", "warning");
    assert_eq!(row["detail"], "35 MB sent to one public address within an hour", "{row}");
    // When it ends, nothing counts twice; many that end at once are told by their records.
    drop(open);
    for _ in 0..30 {
        drop(send(&stage, PEER_PUBLIC, USUAL, 2 * MB));
    }
    let scrape = netmon.fresh();
    let critical = [("detector", "large_transfer"), ("severity", "critical")];
    assert_eq!(scrape.sum("netmon_red_flag_active", &critical), 0, "95 MB are not 100");
    drop(send(&stage, PEER_PUBLIC, USUAL, 6 * MB));
    raised(&netmon, "large_transfer", "critical");
    netmon.stop();
}

#[test]
fn a_port_that_intruders_are_known_by_is_raised_while_it_is_open() {
    require!();
    let _alone = alone();
    let stage = stage();
    let folder = tempfile::tempdir().unwrap();
    let settings = [FAST, ("NETMON_STATE__DIRECTORY", folder.path().to_str().unwrap())];
    for port in [USUAL, NOTORIOUS, 5555, 60_123] {
        serve(&stage, PEER_PUBLIC, port);
    }
    serve(&stage, PEER_ADDRESS, NOTORIOUS + 1);
    let old = send(&stage, PEER_PUBLIC, 5555, 1);
    let netmon = Netmon::start(&stage.host, &settings);
    // What is usual, what is near by, what nobody can know yet, and what was open before.
    let _held = [
        send(&stage, PEER_PUBLIC, USUAL, 1),
        send(&stage, PEER_ADDRESS, NOTORIOUS + 1, 1),
        send(&stage, PEER_PUBLIC, 60_123, 1),
    ];
    two_lists(&netmon);
    drop(old);
    quiet(&netmon, "unusual_port");
    let open = send(&stage, PEER_PUBLIC, NOTORIOUS, 1);
    let row = raised(&netmon, "unusual_port", "warning");
    let detail = row["detail"].as_str().unwrap();
    assert!(detail.contains("intruders are known by, 4444, of a public address"), "{row}");
    netmon.stop();

    // After a restart it is known, open or anew; and so is what was open all the time.
    let netmon = Netmon::start(&stage.host, &settings);
    let _again = [send(&stage, PEER_PUBLIC, NOTORIOUS, 1), send(&stage, PEER_PUBLIC, 5555, 1)];
    drop(open);
    two_lists(&netmon);
    quiet(&netmon, "unusual_port");
    assert!(stage.host.enter(|| TcpStream::connect((ADDRESS, NOTORIOUS)).is_err()));
    netmon.stop();
}
