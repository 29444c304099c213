//! What is no red flag, although it looks like one: many answered queries, transfers of
//! zones, reverse lookups, lists that a mail server asks, pages from many CDNs.

use super::{
    Scene, Side,
    asking::{Load, Report, Transport, dig},
    nothing_raised,
    servers::{Server, dnsmasq},
    zones::TRANSFERRED,
};
use crate::{requirement::require, stage::among_others};

/// One address for every name.
const ANYTHING: [&str; 1] = ["--address=/#/192.0.2.1"];

/// Asks every question so often, at so many a second; all are answered.
fn ask(scene: &Scene, rate: u32, rounds: u64, questions: &[String]) -> Report {
    let load =
        Load { server: scene.server(), transport: Transport::Udp, rate, rounds, options: &[] };
    let report = load.run(scene.asking(), questions.iter().map(String::as_str));
    assert_eq!(report.completed, report.sent, "{report:?}");
    report
}

/// Numbers that look random, and are the same every time: Knuth, The Art of Computer
/// Programming 2, section 3.3.4.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn hex(&mut self, digits: usize) -> String {
        let numbers = (0..digits).map(|_| u32::try_from(self.roll(16)).unwrap());
        numbers.filter_map(|number| char::from_digit(number, 16)).collect()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
}

#[test]
fn answered_queries_are_no_flood() {
    require!("dnsmasq", "dnsperf");
    let _among = among_others();
    let scene = Scene::new(Side::Client);
    let _serving = dnsmasq(scene.serving(), scene.servers(), &ANYTHING);
    let netmon = scene.stage.netmon();
    // 500 a second for 22 seconds: four hosts of each of 25 domains.
    let hosts = ["www", "mail", "api", "static"];
    let questions: Vec<String> = (0..25)
        .flat_map(|domain| hosts.map(|host| format!("{host}.service{domain}.test A")))
        .collect();
    ask(&scene, 500, 110, &questions);
    nothing_raised(&netmon);
    netmon.stop();
}

#[test]
fn transfers_of_zones_are_no_large_messages() {
    require!("dig", "dnssec-signzone", "named");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _serving = Server::Named.start(&scene);
        let netmon = scene.stage.netmon();
        // Without a journal the server sends the whole zone for IXFR, too.
        for question in ["big.test AXFR", "big.test IXFR=1"].repeat(3) {
            let said = dig(scene.asking(), scene.server(), &[question.to_owned()]);
            let records = format!("XFR size: {} records", TRANSFERRED + 3);
            assert!(said.contains(&records), "{}", &said[said.len().saturating_sub(500)..]);
        }
        nothing_raised(&netmon);
        netmon.stop();
    }
}

#[test]
fn reverse_lookups_are_no_tunnel() {
    require!("dnsperf", "dnssec-signzone", "named");
    let _among = among_others();
    let scene = Scene::new(Side::Server);
    let _serving = Server::Named.start(&scene);
    let netmon = scene.stage.netmon();
    let mut dice = Dice(1);
    let questions: Vec<String> = (0..600)
        .map(|number| {
            if number % 2 == 0 {
                format!("{}.{}.0.10.in-addr.arpa PTR", number / 256, number % 256)
            } else {
                let nibbles: Vec<String> = (0..24).map(|_| dice.hex(1)).collect();
                format!("{}.8.b.d.0.1.0.0.2.ip6.arpa PTR", nibbles.join("."))
            }
        })
        .collect();
    let report = ask(&scene, 100, 1, &questions);
    assert_eq!(report.answers["noerror"], 600, "{report:?}");
    nothing_raised(&netmon);
    netmon.stop();
}

#[test]
fn lists_of_a_mail_server_are_no_tunnel() {
    require!("dnsperf", "dnssec-signzone", "named");
    let _among = among_others();
    let scene = Scene::new(Side::Client);
    let _serving = Server::Named.start(&scene);
    let netmon = scene.stage.netmon();
    // Per message the address of its sender, and the domain in it.
    let questions: Vec<String> = (0..300)
        .flat_map(|number| {
            let [high, low] = [number / 256, number % 256];
            [
                format!("{low}.{}.0.192.bl.example.org A", 2 + high),
                format!("shop{number}.example.net.dbl.example.org A"),
            ]
        })
        .collect();
    let report = ask(&scene, 40, 1, &questions);
    assert!(report.answers["nxdomain"] > 500, "{report:?}");
    nothing_raised(&netmon);
    netmon.stop();
}

/// Hosts that many pages use.
const SHARED: [&str; 12] = [
    "fonts.googleapis.com",
    "fonts.gstatic.com",
    "www.google-analytics.com",
    "www.googletagmanager.com",
    "cdn.jsdelivr.net",
    "cdnjs.cloudflare.com",
    "connect.facebook.net",
    "static.doubleclick.net",
    "js.stripe.com",
    "api.segment.io",
    "bam.nr-data.net",
    "sb.scorecardresearch.com",
];

/// A host of a CDN, named as these name them.
fn cdn_host(dice: &mut Dice) -> String {
    let hash = dice.hex(17);
    let number = dice.roll(9000) + 1000;
    match dice.roll(9) {
        0 => format!("e{number}.dsc{}.akamaiedge.net", dice.pick(&["a", "b", "g", "x"])),
        1 => format!("a{number}.dscg.akamai.net"),
        2 => format!("rr{}---sn-4g5e{}.googlevideo.com", number % 8 + 1, &hash[..4]),
        3 => format!("d1{}.cloudfront.net", &hash[..12]),
        4 => format!("i-0{}.eu-west-1.compute.amazonaws.com", &hash[..16]),
        5 => format!("shop-{}.map.fastly.net", &hash[..4]),
        6 => format!("lh{}.googleusercontent.com", number % 4 + 3),
        7 => format!("assets{number}.blob.core.windows.net"),
        _ => format!("scontent-{}{}-1.xx.fbcdn.net", dice.pick(&["fra", "ams", "lhr"]), number % 5),
    }
}

/// The names of a page of one of many sites.
fn page(dice: &mut Dice) -> Vec<String> {
    let site = format!("site{}.example", dice.roll(40));
    let own = ["www", "static", "img", "api"].map(|host| format!("{host}.{site}"));
    let shared = (0..8 + dice.roll(8)).map(|_| dice.pick(&SHARED).to_owned()).collect::<Vec<_>>();
    let cdn = (0..8 + dice.roll(13)).map(|_| cdn_host(dice)).collect::<Vec<_>>();
    own.into_iter().chain(shared).chain(cdn).collect()
}

#[test]
fn pages_from_many_cdns_are_no_tunnel() {
    require!("dnsmasq", "dnsperf");
    let _among = among_others();
    let scene = Scene::new(Side::Server);
    let _serving = dnsmasq(scene.serving(), scene.servers(), &ANYTHING);
    let netmon = scene.stage.netmon();
    let mut dice = Dice(7);
    // A page every two seconds, whose names are kept as long as the browser is open.
    let mut names: Vec<String> = Vec::new();
    for name in (0..12).flat_map(|_| page(&mut dice)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let kinds = ["A", "AAAA", "HTTPS"];
    let questions: Vec<String> =
        names.iter().flat_map(|name| kinds.map(|kind| format!("{name} {kind}"))).collect();
    let rate = u32::try_from(questions.len()).unwrap() / 24;
    ask(&scene, rate, 1, &questions);
    nothing_raised(&netmon);
    netmon.stop();
}
