//! `/`: the status page, for a person on call.
//!
//! The verdict comes first, then what speaks for it. No script, nothing from
//! elsewhere; colour never stands alone. Text from outside is escaped by maud
//! and shown without control characters.

use std::{cmp::Reverse, time::Duration};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    App,
    quantity::{age, count, grouped, rate},
    verdict::{Tone, Verdict, judge},
};
use crate::{
    metrics::facts::Build,
    printable::Printable,
    redflag::{RedFlag, Status},
    runbook,
    snapshot::Device,
    view::{DeviceRate, HookHealth, View},
};

const STYLE: &str = include_str!("page.css");

/// Interfaces that are listed; a host of containers can have thousands.
const MAX_INTERFACES: usize = 40;

/// The status page.
pub(super) async fn page(State(app): State<App>) -> Response {
    let view = app.view();
    let verdict = judge(view.as_deref(), app.stale());
    let body = render(view.as_deref(), &verdict).into_string();
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

fn render(view: Option<&View>, verdict: &Verdict) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content="5";
                title { (verdict.title) " · netmon" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.brand { strong { "netmon" } " " (Build::THIS.version) }
                    nav aria-label="Data" {
                        a href="/metrics" { "Metrics" }
                        a href="/api/v1/red-flags" { "Red flags" }
                        a href="/api/v1/interfaces" { "Interfaces" }
                        a href="/api/v1/hooks" { "Hooks" }
                    }
                }
                main {
                    section.verdict.(verdict.tone.class()) aria-labelledby="verdict" {
                        h1 #verdict { (Printable(&verdict.title)) }
                        @for note in &verdict.notes { p { (Printable(note)) } }
                    }
                    @if let Some(view) = view {
                        (red_flags(view))
                        (interfaces(view))
                        (detectors(&view.detectors))
                        (hooks(&view.hooks))
                        (losses(view))
                    }
                }
                footer {
                    @if let Some(view) = view {
                        "Counting for " (age(view.snapshot.at)) ". "
                    }
                    "This page renews itself every 5 seconds."
                }
            }
        }
    }
}

/// A word with the colour of a tone.
fn badge(tone: Tone, word: &str) -> Markup {
    html! { span.badge.(tone.class()) { (word) } }
}

fn red_flags(view: &View) -> Markup {
    let now = view.snapshot.at;
    let (mut active, ended): (Vec<&RedFlag>, Vec<&RedFlag>) =
        view.red_flags.iter().partition(|flag| flag.active);
    active.sort_by_key(|flag| Reverse((!flag.silenced, flag.severity)));
    html! {
        section aria-labelledby="flags" {
            h2 #flags { "Red flags" }
            @if view.red_flags.is_empty() {
                p.quiet { "None raised, none ended within the last 15 minutes." }
            } @else {
                ul.flags {
                    @for flag in active {
                        (red_flag(flag, Tone::from(flag.severity), now.saturating_sub(flag.raised_at)))
                    }
                    @for flag in ended {
                        (red_flag(flag, Tone::Good, now.saturating_sub(flag.last_seen)))
                    }
                }
            }
        }
    }
}

fn red_flag(flag: &RedFlag, tone: Tone, since: Duration) -> Markup {
    html! {
        li.flag.(tone.class()) {
            p.head {
                (badge(tone, if flag.active { tone.word() } else { "Ended" }))
                " " strong { (flag.detector) }
                @match &flag.subject {
                    Some(subject) => { " of " (Printable(subject)) }
                    None => { " at the " (flag.site) }
                }
                @if let Some(peer) = &flag.peer { " with " (Printable(peer)) }
                @if let Some(service) = &flag.service_port { ", " (service) }
                @if flag.silenced { " " (badge(Tone::Unsure, "silenced")) }
                " " span.quiet { (if flag.active { "raised " } else { "ended " }) (age(since)) " ago" }
            }
            p { (Printable(&flag.detail)) }
            p.quiet {
                "Measured " (count(flag.statistic)) ", " (flag.severity.label()) " from "
                (count(flag.threshold)) "."
                @if !flag.evidence.is_empty() { " " (flag.evidence_in_words()) "." }
            }
            // Of what is over there is nothing to see.
            @if flag.active && !flag.confirm.is_empty() {
                p.quiet { "To see it by hand: " code { (Printable(&flag.confirm)) } }
            }
            p.quiet { "What it means: " code { "netmon explain " (flag.id) } ", " (runbook::path(flag.detector)) }
        }
    }
}

fn interfaces(view: &View) -> Markup {
    let devices = &view.snapshot.devices;
    let rates = view.device_rates.iter().copied().chain(std::iter::repeat(DeviceRate::default()));
    let shown = || devices.iter().take(MAX_INTERFACES);
    html! {
        section aria-labelledby="interfaces" {
            h2 #interfaces { "Interfaces" }
            @if devices.is_empty() {
                p.quiet { "None is watched. Check interfaces.include and interfaces.exclude." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="interfaces" {
                    table {
                        thead { tr {
                            th scope="col" { "Interface" }
                            th scope="col" { "State" }
                            th scope="col" { "Vantage" }
                            th.number scope="col" { "In" }
                            th.number scope="col" { "Out" }
                        } }
                        tbody { @for (device, rate) in shown().zip(rates) { (interface(device, rate)) } }
                    }
                }
                @for device in shown() {
                    @if let Err(why) = &device.counting {
                        p { strong { (Printable(&device.name)) } " is not counted: " (Printable(why)) "." }
                    }
                }
                @if devices.len() > MAX_INTERFACES {
                    p.quiet {
                        (devices.len() - MAX_INTERFACES) " more are in "
                        a href="/api/v1/interfaces" { "the list of all interfaces" } "."
                    }
                }
            }
        }
    }
}

fn interface(device: &Device, moved: DeviceRate) -> Markup {
    let counting = device.counting.is_ok();
    html! {
        tr {
            th scope="row" { (Printable(&device.name)) }
            td {
                @if device.up { "up" } @else { (badge(Tone::Unsure, "down")) }
                @if !counting { " " (badge(Tone::Unsure, "not counted")) }
            }
            td { @match device.vantage {
                Some(vantage) => { (vantage) }
                None => { span.quiet { "stacked" } }
            } }
            td.number { @if counting { (rate(moved.ingress)) } @else { "–" } }
            td.number { @if counting { (rate(moved.egress)) } @else { "–" } }
        }
    }
}

fn detectors(detectors: &[Status]) -> Markup {
    html! {
        section aria-labelledby="detectors" {
            h2 #detectors { "Detectors" }
            div.scroll tabindex="0" role="region" aria-labelledby="detectors" {
                table {
                    thead { tr {
                        th scope="col" { "Detector" }
                        th scope="col" { "State" }
                        th.number scope="col" { "Of threshold" }
                        th.number scope="col" { "Raised" }
                    } }
                    tbody {
                        @for status in detectors {
                            tr {
                                th scope="row" { (status.detector) }
                                td { @match status.active {
                                    [_, true] => { (badge(Tone::Critical, "critical")) }
                                    [true, _] => { (badge(Tone::Warning, "warning")) }
                                    _ if !status.trusted => { (badge(Tone::Unsure, "blind")) }
                                    _ => { "quiet" }
                                } }
                                td.number {
                                    @if status.score.is_finite() { (count(status.score * 100.0)) " %" }
                                    @else { "–" }
                                }
                                td.number { (status.raised.iter().sum::<u64>()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn hooks(hooks: &[HookHealth]) -> Markup {
    html! {
        section aria-labelledby="hooks" {
            h2 #hooks { "Kernel hooks" }
            @if hooks.is_empty() { p.quiet { "None." } }
            ul.hooks {
                @for hook in hooks {
                    li {
                        p.head {
                            @match hook.mechanism {
                                Some(mechanism) => { (badge(Tone::Good, mechanism)) }
                                None => { (badge(Tone::Unsure, "not attached")) }
                            }
                            " " strong { (hook.program) } " " span.quiet { (hook.measures) }
                        }
                        @for refusal in &hook.refused {
                            p {
                                (refusal.mechanism) ": " (Printable(&refusal.why)) ". "
                                strong { "To mend it: " } (Printable(&refusal.fix)) "."
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was not counted or not classed, if anything.
fn losses(view: &View) -> Markup {
    let losses = super::verdict::losses(view);
    html! {
        section aria-labelledby="losses" {
            h2 #losses { "Drops and rejects" }
            @if losses.is_empty() {
                p.quiet { "None." }
            } @else {
                dl {
                    @for (what, packets) in losses {
                        div { dt { (Printable(&what)) } dd { (grouped(packets)) } }
                    }
                }
                p.quiet { "In packets: drops since the interface exists, rejects since netmon started." }
            }
        }
    }
}
