//! Names of many domains that do not exist, as software asks for that seeks its master.

use super::{
    Scene, Side,
    asking::{Load, Transport},
    rows,
    servers::dnsmasq,
};
use crate::{deadline::until_ok, requirement::require, stage::among_others};

/// Domains that do not exist, more than the hundred that are critical.
const DOMAINS: u32 = 130;

#[test]
fn domains_that_do_not_exist_are_raised_of_their_client() {
    require!("dnsmasq", "dnsperf");
    let _among = among_others();
    for side in [Side::Client, Side::Server] {
        let scene = Scene::new(side);
        let options = ["--address=/known.test/192.0.2.1", "--local=/test/"];
        let _serving = dnsmasq(scene.serving(), scene.servers(), &options);
        let netmon = scene.stage.netmon();
        let questions: Vec<String> = (0..DOMAINS)
            .map(|number| format!("{:08x}.test A", number.wrapping_mul(2_654_435_761)))
            .collect();
        let load = Load {
            server: scene.server(),
            transport: Transport::Udp,
            rate: 100,
            rounds: 1,
            options: &[],
        };
        let report = load.run(scene.asking(), questions.iter().map(String::as_str));
        assert_eq!(report.answers["nxdomain"], u64::from(DOMAINS), "{report:?}");
        netmon.raised("dns_nxdomain", "critical");
        until_ok("the client is named", || {
            let named = rows(&netmon, |row| {
                row["detector"] == "dns_nxdomain" && row["subject"] == scene.client()
            });
            if named.is_empty() { Err(netmon.red_flags()) } else { Ok(()) }
        });
        netmon.stop();
    }
}
