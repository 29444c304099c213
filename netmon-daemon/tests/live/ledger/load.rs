//! Ten thousand connections of curl to nginx, counted by the real daemon.

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
};

use netmon_common::abi::labels::{CloseReason, FailReason, Role};

use super::{Deed, PORTS, Play, Turn};
use crate::{
    daemon::{FAST, Netmon},
    deadline::{until_ok, until_true},
    exposition::Exposition,
    netns::Running,
    requirement::require,
    stage::{ADDRESS, Stage},
    statistics,
};

/// nginx ends the connections to the first port and curl those to the second one;
/// nobody listens on the third one.
const SERVER_ENDS: u16 = PORTS[8];
const CLIENT_ENDS: u16 = PORTS[9];
const REFUSED: u16 = PORTS[10];

/// Connections to each of the two, and requests to the third port.
const CONNECTIONS: u64 = 5_000;
const REQUESTS: u64 = 500;

const CONFIGURATION: &str = "
daemon off;
master_process off;
error_log stderr crit;
pid nginx.pid;
events { worker_connections 256; }
http {
    access_log off;
    keepalive_requests 100000;
    server { listen SERVER_ENDS; keepalive_timeout 0; location / { return 200 hello; } }
    server { listen CLIENT_ENDS; keepalive_timeout 600; location / { return 200 hello; } }
}
";

/// All processors open and end connections at once, so that interrupts bring segments
/// of others while a program is at work.
#[test]
fn connections_of_many_processes_at_once_are_counted() {
    const EACH: u64 = 500;
    require!();
    let mut play = Play::begin(Turn::take(), Stage::new());
    play.case("many at once", |stage| {
        thread::scope(|scope| {
            for port in CROWD {
                scope.spawn(move || stage.host.enter(|| serve_and_ask(port, EACH)));
            }
        });
        Deed::connections(EACH * CROWD.len() as u64)
            .whatever_carried()
            .ended(CloseReason::Fin, CloseReason::Fin)
    });
}

/// The ports of as many servers and clients.
const CROWD: [u16; 8] =
    [PORTS[0], PORTS[1], PORTS[2], PORTS[3], PORTS[4], PORTS[5], PORTS[6], PORTS[7]];

/// Opens so many connections over loopback, and closes each.
fn serve_and_ask(port: u16, connections: u64) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for _ in 0..connections {
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        drop(client);
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn ten_thousand_connections_are_counted() {
    require!("curl", "nginx");
    let _turn = Turn::take();
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("nginx.conf");
    let ports = [("SERVER_ENDS", SERVER_ENDS), ("CLIENT_ENDS", CLIENT_ENDS)];
    let text = ports
        .iter()
        .fold(CONFIGURATION.to_owned(), |text, (name, port)| text.replace(name, &port.to_string()));
    fs::write(&configuration, text).unwrap();
    let mut nginx = stage.host.command("nginx");
    nginx.arg("-p").arg(folder.path()).arg("-c").arg(&configuration);
    let _nginx = Running::spawn(nginx.stderr(Stdio::null()));
    until_true("nginx listens", || {
        stage.host.enter(|| TcpStream::connect((ADDRESS, CLIENT_ENDS)).is_ok())
    });

    let ports = PORTS.map(|port| port.to_string()).join(",");
    let netmon = Netmon::start(&stage.host, &[FAST, ("NETMON_TCP__SERVICE_PORTS", &ports)]);
    let before = netmon.fresh();
    let stack = [statistics::tcp(&stage.host), statistics::tcp(&stage.peer)];
    ask(&stage, SERVER_ENDS, CONNECTIONS, "");
    ask(&stage, CLIENT_ENDS, CONNECTIONS, "Connection: close");
    ask(&stage, REFUSED, REQUESTS, "");

    until_ok("all is counted", || check(&before, &netmon.fresh()));
    let opens = |at: usize, name: &str| {
        let now = statistics::tcp([&stage.host, &stage.peer][at]);
        now[name] - stack[at][name]
    };
    // The rest of the connections of the host are the scrapes of this test.
    assert_eq!(opens(1, "ActiveOpens"), 2 * CONNECTIONS + REQUESTS);
    assert_eq!(opens(1, "AttemptFails"), REQUESTS);
    assert!(opens(0, "PassiveOpens") >= 2 * CONNECTIONS);
    netmon.stop();
}

/// Has curl ask for something so often, each time by a connection of its own.
fn ask(stage: &Stage, port: u16, times: u64, header: &str) {
    let mut curl = stage.peer.command("curl");
    curl.args(["-s", "-o", "/dev/null", "-H", header, "-w", "%{http_code}\n"]);
    curl.arg(format!("http://{ADDRESS}:{port}/[1-{times}]"));
    let said = curl.output().unwrap().stdout;
    let said = String::from_utf8_lossy(&said);
    let wanted = if port == REFUSED { "000" } else { "200" };
    let answers = said.lines().filter(|line| *line == wanted).count();
    assert_eq!(answers as u64, times, "answers of port {port}");
}

/// Whether everything that was done has been counted, and nothing else.
fn check(before: &Exposition, now: &Exposition) -> Result<(), String> {
    for port in [SERVER_ENDS, CLIENT_ENDS, REFUSED] {
        let service = format!("tcp/{port}");
        let (connections, requests) =
            if port == REFUSED { (0, REQUESTS) } else { (CONNECTIONS, 0) };
        let moved = |name: &str, labels: &[(&str, &str)]| {
            let labels: Vec<_> =
                labels.iter().copied().chain([("service_port", &*service)]).collect();
            let sum = |scrape: &Exposition| {
                scrape.matching(name, &labels).map(|(_, value)| value).sum::<f64>()
            };
            sum(now) - sum(before)
        };
        let same = |name: &str, labels: &[(&str, &str)], wanted: u64| {
            let moved = moved(name, labels);
            if (moved - wanted as f64).abs() < 0.5 {
                Ok(())
            } else {
                Err(format!("{name} of {port} with {labels:?}: {moved}, {wanted} expected"))
            }
        };
        for role in Role::ALL {
            let role = ("role", role.label());
            same("netmon_tcp_connections_opened_total", &[role], connections)?;
            same("netmon_tcp_handshake_seconds_count", &[role], connections)?;
            same("netmon_tcp_connection_duration_seconds_count", &[role], connections)?;
            for reason in CloseReason::ALL {
                let wanted = if *reason == CloseReason::Fin { connections } else { 0 };
                let reason = ("reason", reason.label());
                same("netmon_tcp_connections_closed_total", &[role, reason], wanted)?;
            }
        }
        for reason in FailReason::ALL {
            let wanted = if *reason == FailReason::Refused { requests } else { 0 };
            same("netmon_tcp_connect_failures_total", &[("reason", reason.label())], wanted)?;
        }
    }
    Ok(())
}
