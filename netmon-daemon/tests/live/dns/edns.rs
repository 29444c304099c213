//! Buffer sizes of EDNS and signed answers: what fits is answered over UDP, what does
//! not is cut and asked again over TCP.

use super::{
    Scene, Side,
    asking::{Load, Transport, dig},
    nothing_raised,
    servers::Server,
    witness::Seen,
    zones::{LARGE, TEXTS},
};
use crate::{
    capture::Capturing,
    requirement::require,
    stage::{DEVICE, among_others},
};

/// Bytes that a client offers, and which of the texts do not fit; none offered is
/// 512. Over 1,472 bytes an answer comes in fragments.
const OFFERS: [(&str, u64); 4] =
    [("+noedns", 5), ("+bufsize=512", 5), ("+bufsize=1232", 3), ("+bufsize=4096", 1)];

/// How often each text is asked for, so that the two large ones are more than the 20 in
/// a minute that are a red flag.
const TIMES: usize = 12;

#[test]
fn what_does_not_fit_is_cut_and_asked_for_again() {
    require!("dig", "dnssec-signzone", "named", "tcpdump", "tshark");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _serving = Server::Named.start(&scene);
        let netmon = scene.stage.netmon();
        for (offer, too_long) in OFFERS {
            let what = format!("{side:?}, {offer}");
            let before = scene.stage.settled(&netmon);
            let capturing = Capturing::start(&scene.stage.host, DEVICE);
            let asked = TEXTS.iter().flat_map(|length| {
                let question = format!("t{length}.plain.test TXT {offer} +nocookie");
                vec![question; TIMES]
            });
            dig(scene.asking(), scene.server(), &asked.collect::<Vec<_>>());
            let after = scene.stage.settled(&netmon);
            let seen = Seen::of(&capturing.stop());
            let (all, again) = (TIMES * TEXTS.len(), too_long * TIMES as u64);
            assert_eq!(seen.totals(Transport::Udp), [all as u64; 2], "{what}");
            assert_eq!(seen.totals(Transport::Tcp), [again; 2], "{what}");
            assert_eq!(seen.truncated, again, "{what}");
            seen.agrees(&before, &after, scene.directions(), &what);
            let truncated = after.grew(&before, "netmon_dns_truncated_total", &[]);
            assert_eq!(truncated, again, "{what}");
            // The answers of 1,250 and 3,000 bytes, and what is around them.
            if offer == "+bufsize=4096" {
                netmon.raised("dns_large_messages", "warning");
            } else {
                nothing_raised(&netmon);
            }
        }
        netmon.stop();
    }
}

#[test]
fn one_very_large_message_over_tcp_is_raised() {
    require!("dig", "dnssec-signzone", "named");
    let _among = among_others();
    let scene = Scene::new(Side::Client);
    let _serving = Server::Named.start(&scene);
    let netmon = scene.stage.netmon();
    let question = format!("t{LARGE}.plain.test TXT +tcp");
    let said = dig(scene.asking(), scene.server(), &[question]);
    assert!(said.contains("status: NOERROR"), "{said}");
    let row = netmon.raised("dns_large_messages", "critical");
    assert_eq!(row["subject"], "host", "{row}");
    netmon.stop();
}

/// Signed answers that fit where every resolver makes them fit.
#[test]
fn signed_answers_are_no_red_flag() {
    require!("dnsperf", "dnssec-signzone", "named", "tcpdump", "tshark");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let _serving = Server::Named.start(&scene);
        let netmon = scene.stage.netmon();
        for transport in [Transport::Udp, Transport::Tcp] {
            let what = format!("{side:?}, {transport:?}");
            let before = scene.stage.settled(&netmon);
            let capturing = Capturing::start(&scene.stage.host, DEVICE);
            let questions = ["www.signed.test A", "signed.test DNSKEY", "nx.signed.test A"];
            let load = Load {
                server: scene.server(),
                transport,
                rate: 2000,
                rounds: 1000,
                options: &["-D"],
            };
            let report = load.run(scene.asking(), questions);
            assert_eq!(report.answers["nxdomain"], 1000, "{what}: {report:?}");
            let after = scene.stage.settled(&netmon);
            let seen = Seen::of(&capturing.stop());
            assert_eq!(seen.totals(transport), [report.sent, report.completed], "{what}");
            seen.agrees(&before, &after, scene.directions(), &what);
            nothing_raised(&netmon);
        }
        netmon.stop();
    }
}
