//! What is no red flag of any detector, although it is a lot: a load test, a backup, a
//! download, and what a host does that builds software.
//!
//! Invariant: connections are answered and closed by both ends, as those of good programs.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    daemon::Netmon,
    dns::{
        asking::{Load, Transport},
        servers::dnsmasq,
    },
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, alone},
    throughput,
    web::{self, Server},
};

const GIBIBYTE: u64 = 1 << 30;

/// Asserts that no detector of the host raised anything, whatever was silenced or is past.
fn silent(netmon: &Netmon<'_>) {
    // What came last is in the ticks that follow.
    for _ in 0..3 {
        netmon.fresh();
    }
    let flags = netmon.red_flags();
    assert_eq!(flags["red_flags"], serde_json::json!([]), "{flags}");
    let detectors = flags["detectors"].as_array().unwrap().iter();
    let trusted = detectors.filter(|row| row["trusted"] == true).count();
    assert!(trusted > 15, "only {trusted} detectors can see: {flags}");
}

/// 250 users, each of whom asks forty times, after half a second on average: some 500
/// connections a second for 20 seconds.
#[test]
fn users_of_a_web_server_raise_nothing() {
    require!("nginx", "siege");
    let _alone = alone();
    let stage = Stage::new();
    let _server = Server::start(&stage.host, ADDRESS, "200 hello");
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("siegerc");
    fs::write(&settings, "connection = close\nlimit = 255\nlogging = false\nverbose = false\n")
        .unwrap();
    let netmon = Netmon::start(&stage.host, &[]);
    let url = format!("http://{ADDRESS}:{}/", web::PORT);
    let mut siege = stage.peer.command("siege");
    siege.env("HOME", folder.path()).arg("--rc").arg(&settings);
    siege.args(["--concurrent=250", "--reps=40", "--delay=1", "--json-output", &url]);
    let said = siege.output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    let answers = text.lines().find(|line| line.contains("\"successful_transactions\""));
    assert!(answers.is_some_and(|line| line.contains("10000")), "{text}: {said:?}");
    silent(&netmon);
    netmon.stop();
}

/// As fast as this machine moves bytes.
#[test]
fn backups_and_downloads_raise_nothing() {
    require!("iperf3");
    let _alone = alone();
    let stage = Stage::new();
    // Addresses of documentation (RFC 5737), whose scope is public.
    stage.host.ip_batch(&format!("address add 198.51.100.1/24 dev {DEVICE}\n"));
    stage.peer.ip_batch(&format!("address add 198.51.100.2/24 dev {PEER_DEVICE}\n"));
    let netmon = Netmon::start(&stage.host, &[]);
    throughput::upload(&stage, PEER_ADDRESS, 2 * GIBIBYTE);
    silent(&netmon);
    throughput::download(&stage, "198.51.100.2", 2 * GIBIBYTE);
    silent(&netmon);
    netmon.stop();
}

/// Ports of a repository of packages, of one of images, of a cache, of a database, and of
/// git; how often this host asks each at once, and how many bytes it is told.
const SERVICES: [(u16, usize, usize); 5] = [
    (443, 80, 200_000),
    (5000, 40, 2_000_000),
    (6379, 30, 1000),
    (5432, 30, 20_000),
    (9418, 20, 5_000_000),
];

#[test]
fn jobs_that_build_software_raise_nothing() {
    require!("dnsmasq", "dnsperf");
    let _alone = alone();
    let stage = Stage::new();
    for (namespace, device, address) in
        [(&stage.host, DEVICE, "fd00::1"), (&stage.peer, PEER_DEVICE, "fd00::2")]
    {
        namespace.ip_batch(&format!("address add {address}/64 dev {device}\n"));
    }
    let _names = dnsmasq(&stage.peer, [PEER_ADDRESS, "fd00::2"], &["--address=/#/192.0.2.1"]);
    let netmon = Netmon::start(&stage.host, &[]);
    let questions: Vec<String> = (0..100)
        .map(|number| format!("host{}.registry{}.example A", number % 4, number / 4))
        .collect();
    for _ in 0..3 {
        let load = Load {
            server: PEER_ADDRESS,
            transport: Transport::Udp,
            rate: 200,
            rounds: 1,
            options: &[],
        };
        let report = load.run(&stage.host, questions.iter().map(String::as_str));
        assert_eq!(report.completed, 100, "{report:?}");
        burst(&stage);
    }
    silent(&netmon);
    netmon.stop();
}

/// All connections to all [`SERVICES`] at once.
fn burst(stage: &Stage) {
    thread::scope(|scope| {
        let mut clients = Vec::new();
        for (port, connections, bytes) in SERVICES {
            let listener = stage.peer.enter(|| TcpListener::bind((PEER_ADDRESS, port)).unwrap());
            scope.spawn(move || {
                thread::scope(|scope| {
                    for _ in 0..connections {
                        let (stream, _) = listener.accept().unwrap();
                        scope.spawn(move || answer(stream, bytes));
                    }
                });
            });
            clients.extend(stage.host.enter(|| {
                (0..connections)
                    .map(|_| (TcpStream::connect((PEER_ADDRESS, port)).unwrap(), bytes))
                    .collect::<Vec<_>>()
            }));
        }
        for (stream, bytes) in clients {
            scope.spawn(move || ask(stream, bytes));
        }
    });
}

/// Reads a request, and answers with so many bytes.
fn answer(mut stream: TcpStream, bytes: usize) {
    let mut request = [0; 500];
    stream.read_exact(&mut request).unwrap();
    stream.write_all(&vec![7; bytes]).unwrap();
}

/// Asks, and reads everything until the server closes.
fn ask(mut stream: TcpStream, bytes: usize) {
    stream.write_all(&[b'?'; 500]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len(), bytes);
}
