//! Labels of devices: few, lasting, and with sums that never fall.

use std::sync::Arc;

use netmon::{
    metrics::exporter::{Exporter, Format},
    snapshot::{Device, Snapshot, Traffic},
    view::View,
};

use crate::{
    exposition::{Exposition, parse},
    views::{self, device, of_devices, volume},
};

const PACKETS: &str = "netmon_interface_packets_total";

/// What an exporter serves that saw these moments one after the other.
fn after(moments: &[Vec<Device>]) -> Exposition {
    let exporter = Exporter::new(views::facts());
    let mut last = None;
    for (second, devices) in (1..).zip(moments) {
        let view = at(second, of_devices(devices.clone()));
        exporter.observe_process(&view, views::process());
        last = Some(view);
    }
    let text = exporter.scrape(last.as_ref(), Format::Text, 8000).unwrap();
    parse(std::str::from_utf8(&text).unwrap())
}

fn at(second: u64, mut view: View) -> View {
    let at = std::time::Duration::from_secs(second);
    view.snapshot = Arc::new(Snapshot { at, ..(*view.snapshot).clone() });
    view
}

fn received(found: &Exposition, device: &str) -> Option<f64> {
    found.value(PACKETS, &[("device", device), ("direction", "ingress")])
}

#[test]
fn ports_of_containers_share_a_label_unless_they_are_listed() {
    let mut listed = device("veth-mine", 40);
    listed.listed = true;
    let names = [("eth0", 2), ("veth1a", 10), ("cali77", 20), ("lxc_health", 30)];
    let mut devices: Vec<Device> = names.map(|(name, index)| device(name, index)).into();
    devices.push(listed);
    let found = after(&[devices]);
    for (label, packets) in
        [("eth0", Some(2.0)), ("veth", Some(60.0)), ("veth-mine", Some(40.0)), ("veth1a", None)]
    {
        assert_eq!(received(&found, label), packets, "{label}");
    }
    assert_eq!(found.value("netmon_interface_up", &[("device", "veth")]), None);
}

#[test]
fn merged_labels_never_fall() {
    let both = vec![device("veth1", 10), device("veth2", 20)];
    let one = vec![device("veth2", 20)];
    let new = vec![device("veth1", 30), device("veth2", 20)];
    assert_eq!(received(&after(std::slice::from_ref(&both)), "veth"), Some(30.0));
    assert_eq!(received(&after(&[both.clone(), one.clone()]), "veth"), Some(30.0));
    assert_eq!(received(&after(&[both.clone(), one, new]), "veth"), Some(60.0));
    assert_eq!(received(&after(&[both.clone(), Vec::new()]), "veth"), Some(30.0));
    // A device that moves to another vantage is counted from 0 again.
    let mut moved = both.clone();
    moved[1].traffic = Traffic { ingress: volume(4, 400), egress: volume(0, 0) };
    assert_eq!(received(&after(&[both, moved]), "veth"), Some(34.0));
}

#[test]
fn at_most_32_devices_and_other() {
    let many: Vec<Device> =
        (1..=100).map(|index| device(&format!("eth{index:03}"), index)).collect();
    let found = after(std::slice::from_ref(&many));
    let sum: f64 = (1..=100).map(f64::from).sum();
    assert_eq!(found.count(PACKETS), 64);
    assert_eq!(found.sum(PACKETS), sum + 100.0);
    assert_eq!(received(&found, "eth031"), Some(31.0));
    assert_eq!(received(&found, "eth032"), None);
    // A newcomer takes nobody's label, not even when it comes first by name.
    let mut later = many.clone();
    later.insert(0, device("aaa", 500));
    let found = after(&[many, later]);
    assert_eq!(received(&found, "aaa"), None);
    assert_eq!(received(&found, "eth031"), Some(31.0));
}

#[test]
fn devices_that_the_source_cannot_tell_apart_are_other() {
    let mut view = of_devices(vec![device("eth0", 2)]);
    let mut snapshot = (*view.snapshot).clone();
    snapshot.other_devices = Traffic { ingress: volume(7, 700), egress: volume(0, 0) };
    view.snapshot = Arc::new(snapshot);
    let found = parse(&views::scrape_text(&view));
    assert_eq!(received(&found, "other"), Some(7.0));
    let bytes = [("device", "other"), ("direction", "ingress")];
    assert_eq!(found.value("netmon_interface_bytes_total", &bytes), Some(700.0));
    // Without any, there is no such label.
    assert_eq!(received(&after(&[vec![device("eth0", 2)]]), "other"), None);
}

#[test]
fn what_is_not_known_is_absent() {
    let mut mute = device("wlan0", 3);
    mute.speed = None;
    mute.counting = Err("no counters are left".into());
    mute.traffic = Traffic::ZERO;
    let found = after(&[vec![mute, device("eth0", 2)]]);
    let of = |name: &str| found.value(name, &[("device", "wlan0")]);
    assert_eq!(received(&found, "wlan0"), None);
    assert_eq!(of("netmon_interface_speed_bytes_per_second"), None);
    assert_eq!(of("netmon_interface_up"), Some(1.0));
    let used = [("device", "eth0"), ("direction", "ingress")];
    assert_eq!(found.value("netmon_interface_utilization_ratio", &used), Some(0.01));
    assert_eq!(found.count("netmon_interface_utilization_ratio"), 2);
}
