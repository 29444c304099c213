//! When handshakes are sampled, and what a sampled one counts.

use std::time::Duration;

use netmon_common::{
    handshake::{Flow, Sampler, Sampling, Step},
    packet::Link,
};

use crate::{
    frame::{Ipv4, tcp},
    keys,
};

/// How often the sample is halved.
fn halvings(sampling: Sampling) -> u64 {
    sampling.to_word()
}

#[test]
fn the_sample_keeps_to_its_rate() {
    for (rate, expected) in [
        (0, 0),
        (2048, 0),
        (2049, 1),
        (4097, 2),
        (10_000, 3),
        (100_000, 6),
        (1_000_000, 9),
        (100_000_000, 16),
        (u64::MAX, 16),
    ] {
        let sampling = Sampling::EXACT.at_rate(rate);
        assert_eq!(halvings(sampling), expected, "{rate}");
        assert_eq!(Sampling::from_word(sampling.to_word()), sampling);
        assert_eq!(sampling.ratio(), 0.5_f64.powi(expected as i32));
        assert_eq!(sampling.at_rate(rate), sampling, "{rate}: it stays");
    }
}

#[test]
fn the_sample_does_not_change_back_and_forth() {
    // Around 4096 per second: a smaller sample at once, a larger one only when it
    // would be at most half full.
    let mut sampling = Sampling::EXACT;
    for (rate, expected) in
        [(4096, 1), (4097, 2), (4096, 2), (2100, 2), (2048, 1), (2047, 1), (1025, 1), (1024, 0)]
    {
        sampling = sampling.at_rate(rate);
        assert_eq!(halvings(sampling), expected, "{rate}");
    }
}

#[test]
fn a_rate_takes_a_second() {
    let mut sampler = Sampler::default();
    let at = Duration::from_millis;
    for (now, requests, expected) in [
        (at(0), 1 << 40, 0),
        (at(500), (1 << 40) + 90_000, 0),
        (at(1000), (1 << 40) + 100_000, 6),
        (at(1001), (1 << 40) + 100_001, 6),
        (at(2000), (1 << 40) + 110_000, 4),
        (at(12_000), (1 << 40) + 110_010, 0),
        (at(12_000), (1 << 40) + 110_010, 0),
    ] {
        let sampling = sampler.choose(now, requests);
        assert_eq!(halvings(sampling), expected, "{now:?}");
        assert_eq!(sampler.sampling(), sampling);
    }
}

#[test]
fn weights_make_up_for_what_is_left_out() {
    let flows: Vec<Flow> = (0..20_000_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let addresses = [[10, 0, high, low], [10, 1, 0, 1]];
            let frame = Ipv4 { addresses, ..Ipv4::of(6) }.packet(&tcp(5, 0x02));
            Flow::read(&*frame, Link::Raw, Step::Request, &keys(7)).unwrap()
        })
        .collect();
    let sum = |sampling: Sampling, nanoseconds| {
        flows.iter().map(|flow| sampling.weight(*flow, nanoseconds)).sum::<u64>() as f64
    };
    let all = flows.len() as f64;
    assert_eq!(sum(Sampling::EXACT, u64::MAX), all, "exact, however long");
    for word in 1..9 {
        let sampling = Sampling::from_word(word);
        assert_eq!(sum(sampling, sampling.limit()), all, "one by one up to the limit");
        let sampled = sum(sampling, sampling.limit() + 1);
        let error = 4.0 / (all * sampling.ratio()).sqrt();
        assert!((sampled / all - 1.0).abs() < error, "1/{}: {sampled}", 1 << word);
        let weights: Vec<u64> = flows.iter().map(|flow| sampling.weight(*flow, u64::MAX)).collect();
        assert!(weights.iter().all(|weight| [0, 1 << word].contains(weight)));
    }
}
