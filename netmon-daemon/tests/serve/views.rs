//! Views to serve: a small one, a rich one, one with hostile names.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use netmon::{
    detect::Severity,
    metrics::{
        exporter::{Exporter, Format},
        facts::{Build, Facts, Kernel},
        process::Process,
    },
    redflag::{RedFlag, Status, SuppressReason},
    signal::Signal,
    site::Site,
    snapshot::{Device, Drops, Load, Service, Snapshot, Traffic, Vantage},
    view::{DeviceRate, HookHealth, MapUse, Pulse, Refusal, Run, View},
};
use netmon_common::abi::{tally::Tally, tcp::TcpEvents};

/// The build and kernel of all tests.
pub(crate) fn facts() -> Facts {
    Facts {
        build: Build { version: "0.1.0", revision: "abc1234", rustc: "1.95.0" },
        kernel: Kernel { release: "6.18.0".into(), btf: true, lockdown: "none".into() },
        boot_time: None,
    }
}

/// A process whose figures never change.
pub(crate) fn process() -> Process {
    Process {
        cpu: Some(1.5),
        resident: Some(9 << 20),
        virtual_memory: Some(40 << 20),
        start: Some(1_700_000_000.25),
        open_fds: Some(12),
        max_fds: Some(1024),
    }
}

/// What an exporter that saw `view` serves.
pub(crate) fn scrape(view: &View, format: Format, max_series: usize) -> Vec<u8> {
    let exporter = Exporter::new(facts());
    exporter.observe_process(view, process());
    exporter.scrape(Some(view), format, max_series).unwrap()
}

/// The same as text.
pub(crate) fn scrape_text(view: &View) -> String {
    String::from_utf8(scrape(view, Format::Text, 8000)).unwrap()
}

/// A tally whose words are all different, and whose classes and rejects explain
/// its packets.
pub(crate) fn tally(seed: u64) -> Tally {
    let mut words = [0; Tally::WORDS];
    for (at, word) in (0_u64..).zip(&mut words) {
        *word = seed * 1000 + at;
    }
    let mut tally = Tally::from_words(&words);
    tally.packet_size_bytes.buckets = [0; 11];
    tally.packet_size_bytes.buckets[2] = tally.classed(|_, _| true) + tally.rejected();
    tally
}

/// Some packets and bytes, nothing else.
pub(crate) fn volume(packets: u64, bytes: u64) -> Tally {
    let mut tally = Tally::ZERO;
    tally.packet_size_bytes.buckets[1] = packets;
    tally.packet_size_bytes.sum = bytes;
    tally
}

/// A device that is up and counts, at the boundary.
pub(crate) fn device(name: &str, ifindex: u32) -> Device {
    Device {
        name: name.to_owned(),
        ifindex,
        up: true,
        speed: Some(125_000_000),
        vantage: Some(Vantage::Boundary),
        counting: Ok(()),
        listed: false,
        flaps: 0,
        drops: Drops::default(),
        traffic: Traffic {
            ingress: volume(u64::from(ifindex), u64::from(ifindex) * 100),
            egress: volume(1, 60),
        },
        load: Load { limit: Some(125_000_000), peak: Some([25_000_000, 60]), full: [0; 2] },
    }
}

/// A view of some devices.
pub(crate) fn of_devices(devices: Vec<Device>) -> View {
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    View {
        device_rates: vec![DeviceRate { ingress: 1_250_000.0, egress: 0.5 }; devices.len()],
        snapshot: Arc::new(Snapshot { devices, ..Snapshot::empty(Duration::from_secs(90)) }),
        audit: Vec::new(),
        trusted: vec![(Signal::Packets, true), (Signal::Drops, false)],
        red_flags: Vec::new(),
        detectors: Vec::new(),
        hooks: Vec::new(),
        maps: Vec::new(),
        pulse: Pulse { ticks: 90, ..Pulse::new(started) },
    }
}

/// One device and one detector.
pub(crate) fn small() -> View {
    let mut view = of_devices(vec![device("eth0", 2)]);
    let mut snapshot = (*view.snapshot).clone();
    snapshot.vantages.boundary = snapshot.devices[0].traffic.clone();
    view.snapshot = Arc::new(snapshot);
    view.detectors = vec![quiet("syn_flood")];
    view.hooks = vec![hook("netmon_ingress", Some("tcx"))];
    view
}

/// A detector that sees and is quiet.
pub(crate) fn quiet(detector: &'static str) -> Status {
    Status {
        detector,
        score: 0.25,
        thresholds: [100.0, 1000.0],
        trusted: true,
        active: [false; 2],
        raised: [0; 2],
        suppressed: [0; SuppressReason::COUNT],
        last_raised: None,
    }
}

/// A hook, in use or not.
pub(crate) fn hook(program: &'static str, mechanism: Option<&'static str>) -> HookHealth {
    let refused = Refusal {
        mechanism: "tp_btf",
        why: "the kernel has no BTF".into(),
        fix: "use a kernel with CONFIG_DEBUG_INFO_BTF=y".into(),
    };
    HookHealth {
        program,
        measures: "packets that devices receive",
        feeds: &[],
        mechanism,
        refused: if mechanism.is_some() { Vec::new() } else { vec![refused] },
        verified_instructions: Some(3659),
        run: mechanism.map(|_| Run { count: 1000, time: Duration::from_micros(90) }),
        missed: mechanism.map(|_| 3),
    }
}

/// A red flag.
pub(crate) fn flag(id: u64, severity: Severity, active: bool) -> RedFlag {
    RedFlag {
        id,
        detector: "syn_flood",
        severity,
        site: Site::Vantage(Vantage::Boundary),
        active,
        first_seen: Duration::from_secs(60),
        raised_at: Duration::from_secs(61),
        last_seen: Duration::from_secs(88),
        statistic: 4000.0,
        threshold: 1000.0,
        window: Duration::from_secs(2),
        evidence: vec![("requests", 4000), ("answers", 120)],
        detail: "4000 connection requests in 1 s, 3 % answered".into(),
        confirm: "timeout 10 tcpdump -ni any -c 200 'tcp'".into(),
        ..RedFlag::EMPTY
    }
}

/// Something of everything.
pub(crate) fn rich() -> View {
    let mut lo = device("lo", 1);
    lo.vantage = Some(Vantage::Loopback);
    lo.speed = None;
    let mut down = device("wlan0", 7);
    down.up = false;
    down.flaps = 3;
    down.drops.ingress_driver = 4;
    down.counting = Err("the device vanished while it was attached".into());
    down.traffic = Traffic::ZERO;
    let mut port = device("veth12ab", 9);
    port.vantage = Some(Vantage::Internal);
    let mut bridge = device("br0", 5);
    bridge.vantage = None;

    let mut view = of_devices(vec![bridge, device("eth0", 2), lo, port, down]);
    let mut snapshot = (*view.snapshot).clone();
    for (seed, vantage) in (1..).step_by(2).zip(Vantage::ALL) {
        *snapshot.vantages.of_mut(vantage) =
            Traffic { ingress: tally(seed), egress: tally(seed + 1) };
    }
    snapshot.other_devices = Traffic { ingress: volume(5, 500), egress: Tally::ZERO };
    let mut words = [0; TcpEvents::WORDS];
    words.iter_mut().zip(7..).for_each(|(word, value)| *word = value);
    snapshot.tcp.events = TcpEvents::from_words(&words);
    // Resets that were sent have no source here.
    for signal in Signal::ALL.into_iter().filter(|signal| *signal != Signal::ResetsSent) {
        snapshot.sources.set(signal, Some("tp_btf"));
    }
    snapshot.tcp.resets_sent = vec![("no_socket".into(), 3)];
    let mut web = Service::new("tcp/443".into(), 1);
    web.events.tcp_connections_opened[0] = 5;
    web.events.tcp_retransmits[0] = 6;
    snapshot.tcp.services.push(web);
    view.snapshot = Arc::new(snapshot);
    view.red_flags = vec![flag(2, Severity::Critical, true), flag(1, Severity::Warning, false)];
    let raised = Status {
        score: 4.0,
        active: [false, true],
        raised: [1, 1],
        suppressed: [1, 2, 3, 4, 5],
        last_raised: Some(Duration::from_secs(61)),
        ..quiet("syn_flood")
    };
    view.detectors = vec![quiet("rst_storm"), raised];
    view.hooks = vec![
        hook("netmon_ingress", Some("tcx")),
        hook("netmon_egress", Some("tcx")),
        hook("netmon_tcp_retransmit", None),
    ];
    view.maps = vec![MapUse { map: "slots", entries: 5, capacity: 64, update_failures: 1 }];
    view.pulse.read.buckets[3] = 90;
    view.pulse.read.sum = 0.08;
    view.pulse.missed_ticks = 2;
    view
}
