//! The JSON endpoints; docs/http-api.md says what the fields mean.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use netmon_common::abi::tally::Tally;
use serde::Serialize;

use super::App;
use crate::{
    redflag::{RedFlag, Status, SuppressReason},
    runbook,
    snapshot::{Device, Vantage},
    view::{DeviceRate, HookHealth, View},
};

/// The version of all documents; it changes when a field changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct FlagList<'a> {
    version: u32,
    red_flags: Vec<Flag<'a>>,
    detectors: Vec<Watch>,
}

#[derive(Serialize)]
struct Flag<'a> {
    id: u64,
    detector: &'static str,
    severity: &'static str,
    /// None for a flag about the host as a whole.
    vantage: Option<&'static str>,
    /// Whom it is about: the site, where the detector knows no more.
    subject: &'a str,
    /// The other side, where the detector knows it.
    peer: Option<&'a str>,
    service_port: Option<&'a str>,
    workload: Option<&'a str>,
    active: bool,
    silenced: bool,
    first_seen: f64,
    raised_at: f64,
    last_seen: f64,
    statistic: f64,
    threshold: f64,
    window_seconds: f64,
    evidence: BTreeMap<&'static str, u64>,
    detail: &'a str,
    confirm: &'a str,
    runbook: String,
}

#[derive(Serialize)]
struct Watch {
    detector: &'static str,
    trusted: bool,
    score: Option<f64>,
    warning: Level,
    critical: Level,
    suppressed: u64,
    suppressed_by_reason: BTreeMap<&'static str, u64>,
}

#[derive(Default, Serialize)]
struct Level {
    threshold: f64,
    active: bool,
    raised: u64,
}

#[derive(Serialize)]
struct Interfaces<'a> {
    version: u32,
    interfaces: Vec<Interface<'a>>,
}

#[derive(Serialize)]
struct Interface<'a> {
    name: &'a str,
    ifindex: u32,
    up: bool,
    vantage: Option<&'static str>,
    speed_bytes_per_second: Option<u64>,
    counting: bool,
    not_counting_because: Option<&'a str>,
    flaps: u64,
    ingress: Volume,
    egress: Volume,
}

#[derive(Serialize)]
struct Volume {
    packets: u64,
    bytes: u64,
    bytes_per_second: f64,
}

#[derive(Serialize)]
struct Hooks<'a> {
    version: u32,
    hooks: Vec<Hook<'a>>,
}

#[derive(Serialize)]
struct Hook<'a> {
    program: &'static str,
    measures: &'static str,
    mechanism: Option<&'static str>,
    refused: Vec<Refused<'a>>,
    verified_instructions: Option<u32>,
    runs: Option<u64>,
    run_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Refused<'a> {
    mechanism: &'static str,
    why: &'a str,
    fix: &'a str,
}

/// `/api/v1/red-flags`
pub(super) async fn red_flags(State(app): State<App>) -> Response {
    answer(&app, |view| {
        serde_json::to_vec(&FlagList {
            version: VERSION,
            red_flags: view
                .red_flags
                .iter()
                .map(|flag| Flag::of(flag, view.pulse.started))
                .collect(),
            detectors: view.detectors.iter().map(Watch::of).collect(),
        })
    })
}

/// `/api/v1/interfaces`
pub(super) async fn interfaces(State(app): State<App>) -> Response {
    answer(&app, |view| {
        let rates =
            view.device_rates.iter().copied().chain(std::iter::repeat(DeviceRate::default()));
        let devices = view.snapshot.devices.iter().zip(rates);
        serde_json::to_vec(&Interfaces {
            version: VERSION,
            interfaces: devices.map(|(device, rate)| Interface::of(device, rate)).collect(),
        })
    })
}

/// `/api/v1/hooks`
pub(super) async fn hooks(State(app): State<App>) -> Response {
    answer(&app, |view| {
        serde_json::to_vec(&Hooks {
            version: VERSION,
            hooks: view.hooks.iter().map(Hook::of).collect(),
        })
    })
}

/// A document about the last view, or an error before the first one.
fn answer(app: &App, document: impl FnOnce(&View) -> serde_json::Result<Vec<u8>>) -> Response {
    let body = match app.view() {
        Some(view) => document(&view).map(|body| (StatusCode::OK, body)),
        None => serde_json::to_vec(&serde_json::json!({"error": "nothing was counted yet"}))
            .map(|body| (StatusCode::SERVICE_UNAVAILABLE, body)),
    };
    match body {
        Ok((status, mut body)) => {
            body.push(b'\n');
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl<'a> Flag<'a> {
    fn of(flag: &'a RedFlag, started: SystemTime) -> Self {
        let unix = |since_start: Duration| {
            (started.duration_since(UNIX_EPOCH).unwrap_or_default() + since_start).as_secs_f64()
        };
        Self {
            id: flag.id,
            detector: flag.detector,
            severity: flag.severity.label(),
            vantage: flag.site.vantage().map(Vantage::label),
            subject: flag.subject(),
            peer: flag.peer.as_deref(),
            service_port: flag.service_port.as_deref(),
            workload: flag.workload.as_deref(),
            active: flag.active,
            silenced: flag.silenced,
            first_seen: unix(flag.first_seen),
            raised_at: unix(flag.raised_at),
            last_seen: unix(flag.last_seen),
            statistic: flag.statistic,
            threshold: flag.threshold,
            window_seconds: flag.window.as_secs_f64(),
            evidence: flag.evidence.iter().copied().collect(),
            detail: &flag.detail,
            confirm: &flag.confirm,
            runbook: runbook::path(flag.detector),
        }
    }
}

impl Watch {
    fn of(status: &Status) -> Self {
        let suppressed = SuppressReason::ALL.into_iter().zip(status.suppressed);
        let mut levels = status
            .thresholds
            .into_iter()
            .zip(status.active)
            .zip(status.raised)
            .map(|((threshold, active), raised)| Level { threshold, active, raised });
        Self {
            detector: status.detector,
            trusted: status.trusted,
            score: status.score.is_finite().then_some(status.score),
            warning: levels.next().unwrap_or_default(),
            critical: levels.next().unwrap_or_default(),
            suppressed: status.suppressed[SuppressReason::Cooldown as usize],
            suppressed_by_reason: suppressed
                .map(|(reason, count)| (reason.label(), count))
                .collect(),
        }
    }
}

impl<'a> Interface<'a> {
    fn of(device: &'a Device, rate: DeviceRate) -> Self {
        Self {
            name: &device.name,
            ifindex: device.ifindex,
            up: device.up,
            vantage: device.vantage.map(Vantage::label),
            speed_bytes_per_second: device.speed,
            counting: device.counting.is_ok(),
            not_counting_because: device.counting.as_ref().err().map(String::as_str),
            flaps: device.flaps,
            ingress: Volume::of(&device.traffic.ingress, rate.ingress),
            egress: Volume::of(&device.traffic.egress, rate.egress),
        }
    }
}

impl Volume {
    fn of(tally: &Tally, bytes_per_second: f64) -> Self {
        Self { packets: tally.packets(), bytes: tally.bytes(), bytes_per_second }
    }
}

impl<'a> Hook<'a> {
    fn of(hook: &'a HookHealth) -> Self {
        let refused = hook.refused.iter().map(|refusal| Refused {
            mechanism: refusal.mechanism,
            why: &refusal.why,
            fix: &refusal.fix,
        });
        Self {
            program: hook.program,
            measures: hook.measures,
            mechanism: hook.mechanism,
            refused: refused.collect(),
            verified_instructions: hook.verified_instructions,
            runs: hook.run.map(|run| run.count),
            run_seconds: hook.run.map(|run| run.time.as_secs_f64()),
        }
    }
}
