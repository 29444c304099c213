//! Guesses at passwords: raised within seconds, with who and where, and not by what only
//! looks like them.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    daemon::{FAST, Netmon},
    deadline::pass,
    netns::Running,
    requirement::require,
    stage::{ADDRESS, DEVICE, PEER_ADDRESS, PEER_DEVICE, Stage, alone},
    web::{self, Server},
};

/// How soon it is to be raised.
const SOON: Duration = Duration::from_secs(10);

/// A service that asks who one is, lets nobody in, and tells when it listens.
const SERVICE: &str = "
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family, backlog=512)
print('ready', flush=True)
while True:
    client, _ = listener.accept()
    client.sendall(b'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\\r\\n')
    client.recv(1000)
    client.sendall(b'Permission denied, please try again.\\r\\n')
    client.close()
";

/// Guesses from one address after the other, so many from each.
const GUESSES: &str = "
import socket, sys
server, times = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
for source in sys.argv[4:]:
    for number in range(times):
        guess = socket.create_connection(server, source_address=(source, 0))
        guess.recv(100)
        guess.sendall(b'root:password%d\\n' % number)
        while guess.recv(100):
            pass
        guess.close()
";

/// The service in the namespace of the host.
fn serve(stage: &Stage, address: &str, port: u16) -> Running {
    let mut command = stage.host.command("python3");
    command.args(["-c", SERVICE, address, &port.to_string()]).stdout(Stdio::piped());
    let mut service = Running::spawn(&mut command);
    let mut ready = [0; 6];
    service.0.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    service
}

/// Guesses of the other side.
fn guess(stage: &Stage, server: &str, port: u16, times: u32, sources: &[String]) {
    let (port, times) = (port.to_string(), times.to_string());
    let words = ["python3", "-c", GUESSES, server, &port, &times];
    stage.peer.run(words.into_iter().chain(sources.iter().map(String::as_str)));
}

#[test]
fn guesses_at_passwords_are_raised() {
    require!("python3");
    let _alone = alone();
    for (server, source, subject) in
        [(ADDRESS, PEER_ADDRESS, PEER_ADDRESS), ("fd00::1", "fd00::2", "fd00::/64")]
    {
        let stage = Stage::new();
        for (namespace, device, address) in
            [(&stage.host, DEVICE, "fd00::1"), (&stage.peer, PEER_DEVICE, "fd00::2")]
        {
            namespace.ip_batch(&format!("address add {address}/64 dev {device}\n"));
        }
        let _service = serve(&stage, server, 22);
        let netmon = stage.netmon();
        let begun = Instant::now();
        guess(&stage, server, 22, 12, &[source.to_owned()]);
        let row = netmon.raised("brute_force", "warning");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        assert_eq!((&row["subject"], &row["peer"]), (&subject.into(), &server.into()), "{row}");
        let detail = row["detail"].as_str().unwrap();
        assert!(detail.starts_with("12 connections to port 22 in "), "{detail}");
        guess(&stage, server, 22, 90, &[source.to_owned()]);
        let row = netmon.raised("brute_force", "critical");
        assert_eq!((&row["subject"], &row["peer"]), (&subject.into(), &server.into()), "{row}");
        netmon.stop();
    }
}

#[test]
fn guesses_from_everywhere_are_raised() {
    require!("python3");
    let _alone = alone();
    let stage = Stage::new();
    let sources: Vec<String> = (10..130).map(|last| format!("10.0.0.{last}")).collect();
    let add = |source: &String| format!("address add {source}/24 dev {PEER_DEVICE}\n");
    stage.peer.ip_batch(&sources.iter().map(add).collect::<String>());
    let _service = serve(&stage, ADDRESS, 22);
    let netmon = stage.netmon();
    let begun = Instant::now();
    guess(&stage, ADDRESS, 22, 1, &sources);
    let row = netmon.raised("brute_force", "critical");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(row["subject"], ADDRESS, "{row}");
    assert!(row["detail"].as_str().unwrap().contains(" sources to port 22 in 10 min"), "{row}");
    netmon.stop();
}

/// A form of a web server, whose port has to be named.
#[test]
fn guesses_at_a_form_are_raised_where_its_port_is_named() {
    require!("curl", "nginx");
    let _alone = alone();
    let stage = Stage::new();
    let _server = Server::start(&stage.host, ADDRESS, "401 denied");
    let form = format!("http://{ADDRESS}:{}/login?[1-12]", web::PORT);
    let guess = ["curl", "-s", "-o", "/dev/null", "-d", "user=root&password=guess", &form];
    let netmon = stage.netmon();
    stage.peer.run(guess);
    silent(&netmon);
    netmon.stop();

    let services = ("NETMON_DETECTORS__BRUTE_FORCE__SERVICES", &*web::PORT.to_string());
    let netmon = Netmon::start(&stage.host, &[FAST, services]);
    let begun = Instant::now();
    stage.peer.run(guess);
    let row = netmon.raised("brute_force", "warning");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!([&row["subject"], &row["peer"]], [PEER_ADDRESS, ADDRESS], "{row}");
    netmon.stop();
}

/// Five hundred requests a second to a web server, for so many seconds.
#[test]
fn a_load_test_of_a_web_server_is_silent() {
    const RATE: u32 = 500;
    const SECONDS: u32 = 15;
    require!();
    let _alone = alone();
    let stage = Stage::new();
    let listener = stage.host.enter(|| TcpListener::bind((ADDRESS, 80)).unwrap());
    let netmon = stage.netmon();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..RATE * SECONDS {
                let (mut server, _) = listener.accept().unwrap();
                assert!(server.read(&mut [0; 100]).unwrap() > 0);
                server.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").unwrap();
            }
        });
        stage.peer.enter(|| {
            let begun = Instant::now();
            for number in 0..RATE * SECONDS {
                let due = Duration::from_secs(1) * number / RATE;
                pass(due.saturating_sub(begun.elapsed()));
                let mut client = TcpStream::connect((ADDRESS, 80)).unwrap();
                client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
                let mut page = Vec::new();
                client.read_to_end(&mut page).unwrap();
                assert!(page.ends_with(b"hello"));
            }
        });
    });
    silent(&netmon);
    netmon.stop();
}

/// Asserts that the detectors that look at connections could see, and raised nothing.
fn silent(netmon: &Netmon<'_>) {
    let scrape = netmon.fresh();
    for detector in ["brute_force", "connection_churn"] {
        let labels = [("detector", detector)];
        assert_eq!(scrape.sum("netmon_red_flags_total", &labels), 0, "{}", netmon.red_flags());
        assert_eq!(scrape.sum("netmon_detector_trusted", &labels), 1, "{detector} is blind");
    }
}
