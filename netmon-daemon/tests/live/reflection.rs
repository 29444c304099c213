//! Answers to requests that this host never sent.

use std::net::UdpSocket;

use crate::{
    requirement::require,
    stage::{ADDRESS, PEER_ADDRESS, Stage, among_others},
};

const NTP: u16 = 123;
const ANSWERS: u64 = 400;

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

#[test]
fn answers_of_amplifiers_that_nobody_asked_for_are_raised() {
    require!("ip");
    let _among = among_others();
    let stage = Stage::new();
    let netmon = stage.netmon();
    let sender = stage.peer.enter(|| UdpSocket::bind((PEER_ADDRESS, NTP)).unwrap());
    // As long as an answer to monlist: 440 bytes. All come within one second, or two.
    for _ in 0..ANSWERS {
        sender.send_to(&[7; 440], (ADDRESS, 40_000)).unwrap();
    }
    let row = netmon.raised("reflection", "warning");
    assert_eq!(row["vantage"], "boundary");
    assert!(row["evidence"]["answers"].as_u64().unwrap() >= ANSWERS / 2, "{row}");
    netmon.stop();
}
