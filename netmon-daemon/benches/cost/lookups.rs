//! What the daemon takes in user space while this host looks up names all the time.

use std::{
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Figures,
    daemon::{get, processor, start, values, wait},
    netns::{NetNs, veth},
};

/// Lookups per second.
const RATE: u32 = 20_000;
/// For how long before, while and after it is measured.
const BEFORE: Duration = Duration::from_secs(5);
const WHILE: Duration = Duration::from_secs(20);
const AFTER: Duration = Duration::from_secs(2);
/// Lookups that are begun one after the other before the next wait.
const AT_ONCE: u32 = 20;

const SERVER: &str = "10.53.0.2:53";

/// Share of a core that the daemon takes, the lookups that it counted per second, and the
/// names that it did not read.
pub(crate) fn measure() -> Figures {
    let (asking, answering) = (NetNs::new(), NetNs::new());
    veth(&asking, "ask0", &answering, "ask1");
    asking.ip_batch("address add 10.53.0.1/24 dev ask0\n");
    answering.ip_batch("address add 10.53.0.2/24 dev ask1\n");
    let daemon = start(&asking, "");
    let server = answering.enter(|| UdpSocket::bind(SERVER).unwrap());
    server.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let client = asking.enter(|| UdpSocket::bind("10.53.0.1:0").unwrap());
    client.connect(SERVER).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| answer(&server));
        scope.spawn(|| ask(&client));
        wait(BEFORE);
        let counted = || {
            let metrics = asking.enter(|| get("/metrics")).unwrap();
            ["netmon_dns_lookup_seconds_count", "netmon_events_lost_total{source=\"dns_"]
                .map(|rows| values(&metrics, rows).sum::<f64>())
        };
        let (begun, before, used) = (Instant::now(), counted(), processor(daemon.pid()));
        wait(WHILE);
        let (used, after) = (processor(daemon.pid()) - used, counted());
        let seconds = begun.elapsed().as_secs_f64();
        vec![
            ("lookups_per_second".into(), (after[0] - before[0]) / seconds),
            ("cpu_lookups_ratio".into(), used / seconds),
            ("lookups_lost".into(), after[1] - before[1]),
        ]
    })
}

/// Asks for many names, so many times a second.
fn ask(client: &UdpSocket) {
    let begun = Instant::now();
    for number in 0..u32::MAX {
        let due = Duration::from_secs(1) * number / RATE;
        if due > BEFORE + WHILE + AFTER {
            break;
        }
        if number % AT_ONCE == 0 {
            wait(due.saturating_sub(begun.elapsed()));
        }
        let [_, _, high, low] = number.to_be_bytes();
        let mut query = vec![high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in [&format!("host{}", number % 5000), "example", "com"] {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.bytes());
        }
        query.extend([0, 0, 1, 0, 1]);
        client.send(&query).unwrap();
    }
}

/// Answers with what was asked, until nobody asks any more.
fn answer(server: &UdpSocket) {
    let mut message = [0; 512];
    while let Ok((len, client)) = server.recv_from(&mut message) {
        message[2] |= 0x80;
        server.send_to(&message[..len], client).unwrap();
    }
}
