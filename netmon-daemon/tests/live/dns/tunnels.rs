//! Tunnels through DNS: iodine and dns2tcp carry a TCP stream, with netmon at the
//! client, at the server, or on the resolver between them.
//!
//! iodine asks for the addresses of its device by `ifconfig`, and `-m` spares it ten
//! seconds of trying how much fits. dns2tcpd wants a user and a folder to retire to.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    Scene, Side, rows,
    servers::{Serving, dnsmasq},
};
use crate::{
    daemon::{FAST, Netmon},
    deadline::until_ok,
    netns::{NetNs, Running, veth},
    requirement::require,
    stage::among_others,
};

/// Where netmon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Client,
    Server,
    Resolver,
}

/// How soon after the first query a tunnel is to be seen.
const SOON: Duration = Duration::from_secs(10);

/// Bytes through the tunnel.
const CARRIED: usize = 16 << 10;

/// The zone of the tunnel, and the end of the way to its server behind a resolver.
const ZONE: &str = "t.example.org";
const FAR_ADDRESS: &str = "10.2.0.2";

/// Where the server of the stream listens: behind iodine, and behind dns2tcp.
const INNER: &str = "10.99.0.1:7000";
const LOCAL: &str = "127.0.0.1:7000";
/// Where dns2tcp takes it at the client.
const TAKEN: &str = "127.0.0.1:7001";

/// Client, server, and what is between them.
struct Path {
    scene: Scene,
    /// The server, if it is behind a resolver.
    far: Option<(NetNs, Serving)>,
}

impl Path {
    fn new(place: Place) -> Self {
        let side = if place == Place::Client { Side::Client } else { Side::Server };
        let scene = Scene::new(side);
        let far = (place == Place::Resolver).then(|| {
            let far = NetNs::new();
            veth(&scene.stage.host, "net2", &far, "net0");
            scene.stage.host.ip_batch("address add 10.2.0.1/24 dev net2\n");
            far.ip_batch(&format!("address add {FAR_ADDRESS}/24 dev net0\n"));
            let forward = format!("--server=/{ZONE}/{FAR_ADDRESS}");
            let resolver = dnsmasq(&scene.stage.host, scene.servers(), &[&forward]);
            (far, resolver)
        });
        Self { scene, far }
    }

    /// Where the end of the tunnel is, and at which address.
    fn end(&self) -> (&NetNs, &str) {
        match &self.far {
            Some((far, _)) => (far, FAR_ADDRESS),
            None => (self.scene.serving(), self.scene.server()),
        }
    }

    /// Carries a stream through a tunnel that `client` opens, and asserts that netmon
    /// says so soon after it began, of the right client, and that all bytes arrive.
    fn carry(
        &self,
        what: &str,
        environment: &[(&str, &str)],
        addresses: [&str; 2],
        client: impl FnOnce() -> Running,
    ) {
        let [taken, listening] = addresses;
        let (end, _) = self.end();
        let listener = until_ok("the end of the tunnel is there", || {
            end.enter(|| TcpListener::bind(listening))
        });
        // So that no tunnel makes this wait for ever.
        listener.set_nonblocking(true).unwrap();
        let netmon = Netmon::start(&self.scene.stage.host, environment);
        let began = Instant::now();
        let _client = client();
        thread::scope(|scope| {
            let reading = scope.spawn(|| {
                // An attempt to connect may have been given up.
                let mut most = 0;
                while most < CARRIED {
                    let mut bytes = Vec::new();
                    let (mut stream, _) = until_ok("the stream arrives", || listener.accept());
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    let read = stream.read_to_end(&mut bytes);
                    most = most.max(read.map_or(0, |_| bytes.len()));
                }
                most
            });
            scope.spawn(|| {
                let patience = Duration::from_secs(2);
                let address = taken.parse().unwrap();
                let mut stream = until_ok("the tunnel is open", || {
                    let asking = self.scene.asking();
                    asking.enter(|| TcpStream::connect_timeout(&address, patience))
                });
                stream.write_all(&vec![7; CARRIED]).unwrap();
                drop(stream);
            });
            let row = raised(&netmon, self.scene.client());
            let took = began.elapsed();
            say(what, took);
            assert!(took <= SOON, "{what}: {took:?}: {row}");
            assert!(netmon.scrape().sum("netmon_dns_unique_subdomains_max", &[]) > 0, "{what}");
            assert_eq!(reading.join().unwrap(), CARRIED, "{what}");
        });
        netmon.stop();
    }
}

#[expect(clippy::print_stdout, reason = "how soon it was is worth knowing")]
fn say(what: &str, took: Duration) {
    println!("{what}: raised after {took:.1?}");
}

/// Awaits the red flag of this client.
fn raised(netmon: &Netmon<'_>, client: &str) -> serde_json::Value {
    until_ok("dns_tunnel is raised", || {
        let wanted = rows(netmon, |row| {
            row["detector"] == "dns_tunnel" && row["subject"] == client && row["active"] == true
        });
        wanted.first().cloned().ok_or_else(|| netmon.red_flags())
    })
}

/// How often netmon looks: as shipped, and often.
const SHIPPED: &[(&str, &str)] = &[];
const OFTEN: &[(&str, &str)] = &[FAST];

#[test]
fn iodine_is_raised_soon() {
    require!("ifconfig", "iodine", "iodined", "dnsmasq");
    let _among = among_others();
    for (kind, fits, place, environment) in [
        ("NULL", "1000", Place::Client, SHIPPED),
        ("TXT", "1000", Place::Server, OFTEN),
        ("CNAME", "200", Place::Client, OFTEN),
        ("NULL", "1000", Place::Resolver, SHIPPED),
    ] {
        let path = Path::new(place);
        let (end, address) = path.end();
        let mut server = end.command("iodined");
        server.args(["-f", "-c", "-P", "secret", "-l", address, "10.99.0.1/24", ZONE]);
        let _server = Running::spawn(quiet(&mut server));
        let what = format!("iodine, {kind}, {place:?}, {environment:?}");
        path.carry(&what, environment, [INNER, INNER], || {
            let mut client = path.scene.asking().command("iodine");
            client.args(["-f", "-r", "-T", kind, "-m", fits, "-P", "secret"]);
            Running::spawn(quiet(client.args([path.scene.server(), ZONE])))
        });
    }
}

#[test]
fn dns2tcp_is_raised_soon() {
    require!("dns2tcpc", "dns2tcpd", "dnsmasq");
    let _among = among_others();
    for (kind, place, environment) in [
        ("TXT", Place::Server, SHIPPED),
        ("KEY", Place::Client, OFTEN),
        ("TXT", Place::Resolver, OFTEN),
    ] {
        let path = Path::new(place);
        let (end, address) = path.end();
        let folder = dns2tcpd_config(address);
        let mut server = end.command("dns2tcpd");
        server.args(["-F", "-f"]).arg(folder.path().join("config"));
        let _server = Running::spawn(quiet(&mut server));
        let what = format!("dns2tcp, {kind}, {place:?}, {environment:?}");
        path.carry(&what, environment, [TAKEN, LOCAL], || {
            let mut client = path.scene.asking().command("dns2tcpc");
            client.args(["-z", ZONE, "-r", "stream", "-l", "7001", "-T", kind]);
            Running::spawn(quiet(client.arg(path.scene.server())))
        });
    }
}

fn dns2tcpd_config(address: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "listen = {address}\nport = 53\nuser = nobody\nchroot = {}\ndomain = {ZONE}\n\
         resources = stream:{LOCAL}\n",
        folder.path().display()
    );
    fs::write(folder.path().join("config"), text).unwrap();
    folder
}

/// Both tools tell what they do, and none of it is wanted.
fn quiet(command: &mut std::process::Command) -> &mut std::process::Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
