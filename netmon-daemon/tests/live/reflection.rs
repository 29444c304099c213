//! Answers to requests that this host never sent.

use crate::{
    requirement::require,
    stage::{ADDRESS, Stage, among_others},
};

#[test]
fn answers_that_nobody_asked_for_are_raised() {
    require!("hping3");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    let before = stage.settled(&netmon);
    // Some 250 SYN-ACK a second, for three seconds.
    stage.peer.run(["hping3", "-q", "-c", "750", "-i", "u4000", "-S", "-A", "-p", "80", ADDRESS]);
    let row = netmon.raised("reflection", "warning");
    assert_eq!(row["vantage"], "boundary");
    let after = stage.settled(&netmon);
    let labels = [("vantage", "boundary"), ("direction", "ingress"), ("flag", "synack")];
    assert_eq!(after.moved(&before, "netmon_tcp_flags_total", &labels), 750);
    netmon.stop();
}
