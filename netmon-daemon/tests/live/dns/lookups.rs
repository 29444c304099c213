//! How long lookups take, and those that do not go as they should: asked again, never
//! answered, answered too late, or answered without a question. The truth is a
//! capture at netmon's device.

use std::{
    io::Write as _,
    net::{TcpStream, UdpSocket},
    time::Duration,
};

use super::{
    Scene, Side,
    answering::Answering,
    asking::Transport,
    counts::timed_out,
    message::{A, framed, id, query, take},
    witness::Seen,
};
use crate::{
    capture::Capturing,
    deadline::until_ok,
    histogram::Histogram,
    requirement::require,
    stage::{DEVICE, Settled, among_others},
};

/// Milliseconds that the server takes.
const DELAYS: [u16; 4] = [0, 3, 20, 150];
/// Queries of each case.
const TIMES: u16 = 60;

const LOOKUPS: &str = "netmon_dns_lookup_seconds";
const UNMATCHED: &str = "netmon_dns_unmatched_responses_total";

/// A client with one socket.
struct Client {
    socket: UdpSocket,
    next: u16,
}

impl Client {
    fn new(scene: &Scene) -> Self {
        let socket = scene.asking().enter(|| UdpSocket::bind((scene.client(), 0)).unwrap());
        socket.connect((scene.server(), 53)).unwrap();
        Self { socket, next: 0 }
    }

    /// So many queries for a name, each with an ID of its own.
    fn queries(&mut self, name: &str, times: u16) -> Vec<Vec<u8>> {
        let begin = self.next;
        self.next += times;
        (begin..self.next).map(|id| query(id, name, A)).collect()
    }

    fn send(&self, queries: &[Vec<u8>]) {
        for query in queries {
            self.socket.send(query).unwrap();
        }
    }

    /// Reads until every query is answered, whatever else comes.
    fn receive(&self, queries: &[Vec<u8>]) {
        let mut waiting: Vec<u16> = queries.iter().map(|query| id(query)).collect();
        let mut buffer = [0; 2048];
        self.socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        while !waiting.is_empty() {
            let length = self.socket.recv(&mut buffer).unwrap();
            waiting.retain(|waits| *waits != id(&buffer[..length]));
        }
    }

    /// Whether nothing comes for so long.
    fn silence(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        self.socket.recv(&mut [0; 2048]).is_err()
    }
}

/// Asks so often over one connection, at once, and reads all answers.
fn ask_stream(scene: &Scene, name: &str, times: u16) {
    let mut stream = scene.asking().enter(|| TcpStream::connect((scene.server(), 53)).unwrap());
    let queries: Vec<Vec<u8>> = (0..times).map(|id| framed(&query(id, name, A))).collect();
    stream.write_all(&queries.concat()).unwrap();
    take(&mut stream, times.into());
}

fn timed(before: &Settled, after: &Settled, transport: Transport) -> Histogram {
    let labels = [("transport", transport.name())];
    Histogram::between(&before.scrape, &after.scrape, LOOKUPS, &labels)
}

#[test]
fn lookups_take_what_a_capture_says() {
    require!("python3", "tcpdump", "tshark");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _answering = Answering::start(&scene);
        let netmon = scene.stage.netmon();
        let mut client = Client::new(&scene);
        for (delay, transport) in
            DELAYS.into_iter().flat_map(|it| [(it, Transport::Udp), (it, Transport::Tcp)])
        {
            let what = format!("{side:?}, {transport:?}, {delay} ms");
            let name = format!("d{delay}.late.test");
            let before = scene.stage.settled(&netmon);
            let capturing = Capturing::start(&scene.stage.host, DEVICE);
            if transport == Transport::Udp {
                let queries = client.queries(&name, TIMES);
                client.send(&queries);
                client.receive(&queries);
            } else {
                ask_stream(&scene, &name, TIMES);
            }
            let after = scene.stage.settled(&netmon);
            let seen = Seen::of(&capturing.stop());
            let times = seen.times(transport);
            assert_eq!(times.len(), usize::from(TIMES), "{what}");
            assert!(
                times.iter().all(|time| time * 1000.0 >= f64::from(delay)),
                "{what}: {times:?}"
            );
            let found = timed(&before, &after, transport);
            assert_eq!(found.count, u64::from(TIMES), "{what}");
            found.agrees(&times, &what);
        }
        netmon.stop();
    }
}

/// Between two copies of a query.
const PERIOD: Duration = Duration::from_millis(100);

#[test]
fn a_lookup_begins_with_the_first_attempt() {
    require!("python3", "tcpdump", "tshark");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _answering = Answering::start(&scene);
        let netmon = scene.stage.netmon();
        let mut client = Client::new(&scene);
        let before = scene.stage.settled(&netmon);
        let capturing = Capturing::start(&scene.stage.host, DEVICE);
        let queries = client.queries("k3.again.test", TIMES);
        for _ in 0..2 {
            client.send(&queries);
            assert!(client.silence(PERIOD));
        }
        client.send(&queries);
        client.receive(&queries);
        let after = scene.stage.settled(&netmon);
        let seen = Seen::of(&capturing.stop());
        let times = u64::from(TIMES);
        assert_eq!(seen.totals(Transport::Udp), [3 * times, times], "{side:?}");
        seen.agrees(&before, &after, scene.directions(), &format!("{side:?}"));
        // tshark, too, reckons from the first.
        let captured = seen.times(Transport::Udp);
        assert!(captured.iter().all(|time| *time >= 2.0 * PERIOD.as_secs_f64()), "{captured:?}");
        let found = timed(&before, &after, Transport::Udp);
        assert_eq!(found.count, times, "{side:?}");
        found.agrees(&captured, &format!("{side:?}"));
        assert_eq!(found.up_to(0.1), 0, "{side:?}");
        assert_eq!(after.grew(&before, UNMATCHED, &[]), 0, "{side:?}");
        assert_eq!(after.grew(&before, "netmon_dns_timeouts_total", &[]), 0, "{side:?}");
        netmon.stop();
    }
}

#[test]
fn responses_that_nobody_asked_for_are_told_apart() {
    require!("python3", "tcpdump", "tshark");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _answering = Answering::start(&scene);
        let netmon = scene.stage.netmon();
        let mut client = Client::new(&scene);
        let before = scene.stage.settled(&netmon);
        let capturing = Capturing::start(&scene.stage.host, DEVICE);
        let queries = client.queries("x.stray.test", TIMES);
        client.send(&queries);
        client.receive(&queries);
        let after = scene.stage.settled(&netmon);
        let seen = Seen::of(&capturing.stop());
        let times = u64::from(TIMES);
        assert_eq!(seen.totals(Transport::Udp), [times, 2 * times], "{side:?}");
        seen.agrees(&before, &after, scene.directions(), &format!("{side:?}"));
        let unmatched = after.grew(&before, UNMATCHED, &[("vantage", "boundary")]);
        assert_eq!(unmatched, times, "{side:?}");
        assert_eq!(timed(&before, &after, Transport::Udp).count, times, "{side:?}");
        netmon.stop();
    }
}

/// Queries that are answered when nobody waits any longer, and queries over TCP that
/// are not answered at all.
const FEW: u16 = 10;

#[test]
fn an_answer_that_comes_too_late_is_a_timeout_and_a_long_lookup() {
    require!("python3");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _answering = Answering::start(&scene);
        let netmon = scene.stage.netmon();
        let mut client = Client::new(&scene);
        let before = netmon.fresh();
        let queries = client.queries("d12000.late.test", FEW);
        client.send(&queries);
        let few = u64::from(FEW);
        timed_out(&netmon, &before, few, &format!("{side:?}"));
        client.receive(&queries);
        until_ok("late answers are counted", || {
            let after = netmon.fresh();
            let grew = |name: &str| after.so_far(name, &[]) - before.so_far(name, &[]);
            let counted = [grew("netmon_dns_responses_total"), grew(UNMATCHED)];
            if counted == [few, 0] { Ok(()) } else { Err(format!("{counted:?}")) }
        });
        let after = netmon.fresh();
        // What nobody waited for any longer took as long as it took.
        let took = Histogram::between(&before, &after, LOOKUPS, &[]);
        assert_eq!(took.count, few, "{side:?}");
        let beyond = took.count - after.so_far(&format!("{LOOKUPS}_bucket"), &[("le", "10.0")]);
        assert_eq!(beyond, few, "{side:?}");

        let mut stream = scene.asking().enter(|| TcpStream::connect((scene.server(), 53)).unwrap());
        let queries: Vec<Vec<u8>> =
            (0..FEW).map(|id| framed(&query(id, "s.late.test", A))).collect();
        stream.write_all(&queries.concat()).unwrap();
        timed_out(&netmon, &after, few, &format!("{side:?}, over TCP"));
        netmon.stop();
    }
}
