//! How long it takes to write many series as text.

use std::{sync::Arc, time::Instant};

use netmon::metrics::{
    exporter::{self, Format},
    family::{Family, Kind},
    model::Model,
};

const SERIES: usize = 10_000;
const ROUNDS: usize = 51;

static FAMILY: Family =
    Family::new(Kind::Counter, "packets", "Packets.", &["device", "direction"], SERIES).open(0);

/// The median time in seconds, and the number of series.
pub(crate) fn ten_thousand_series() -> (f64, usize) {
    let mut model = Model::default();
    let mut rows = model.family(&FAMILY);
    for number in 0..SERIES as u64 {
        let direction = if number % 2 == 0 { "ingress" } else { "egress" };
        rows.integer(&[&format!("veth{:06x}", number / 2), direction], number * 123_456_789);
    }
    let model = Arc::new(model);
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let text = exporter::encode(&model, Format::Text).unwrap();
            let time = start.elapsed().as_secs_f64();
            assert!(text.len() > SERIES * 20, "every series is there");
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], SERIES)
}
