//! `netmon explain`: what a red flag means, what speaks for it now, how to see it by hand,
//! what to do about it, and how to tune the detector.
//!
//! The runbooks and the documentation of the detectors say it; this only puts it together.
//! Without a daemon everything is there but the evidence.

use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use serde_json::Value;

use super::{
    ConfigFile, daemon,
    exit::{Exit, Failure},
};
use crate::{
    config::{Loaded, Matcher, Origin, Overrides, nearest, section::Place},
    detect::{self, Verdict},
    printable::Printable,
    runbook,
};

/// Characters of a line.
const WIDTH: usize = 76;

/// Arguments of `netmon explain`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The name of a detector, or the id of a red flag of the running daemon
    #[arg(value_name = "FLAG")]
    flag: String,
}

/// Explains a red flag.
///
/// # Errors
///
/// When there is no such detector or flag, or nobody answers who would know the flag.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Arguments { config, flag } = arguments;
    let number = flag.parse::<u64>().ok();
    if number.is_none() && place(flag).is_none() {
        return Err(unknown(flag));
    }
    let loaded = config.load(&Overrides::default())?;
    let answer = daemon::ask(&loaded.config.web.listen, "/api/v1/red-flags");
    let Some(number) = number else {
        explain(flag, answer.as_ref(), &loaded, out)?;
        return Ok(Exit::Success);
    };
    let document = answer.map_err(Failure::Run)?;
    let flags = list(&document, "red_flags");
    let Some(found) = flags.iter().find(|it| it["id"].as_u64() == Some(number)) else {
        let known: Vec<String> = flags.iter().map(|it| it["id"].to_string()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Failure::Run(format!(
            "there is no red flag {number}: those that are raised or ended within 15 minutes \
             are {known}; for others name the detector"
        )));
    };
    let detector = found["detector"].as_str().unwrap_or_default().to_owned();
    let alone = serde_json::json!({"red_flags": [found]});
    explain(&detector, Ok(&alone), &loaded, out)?;
    Ok(Exit::Success)
}

/// The section of a detector.
fn place(detector: &str) -> Option<&'static Place> {
    let at = detect::NAMES.iter().position(|name| *name == detector)?;
    detect::SECTIONS.get(at)
}

fn unknown(flag: &str) -> Failure {
    let found = Printable(flag);
    Failure::Usage(match nearest(flag, detect::NAMES.iter().copied()) {
        Some(meant) => format!("\"{found}\" is no detector: did you mean {meant}?"),
        None => format!(
            "\"{found}\" is neither a detector nor the number of a red flag: there are {}",
            detect::NAMES.join(", ")
        ),
    })
}

fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}

fn explain(
    detector: &str,
    answer: Result<&Value, &String>,
    loaded: &Loaded,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut first = true;
    if let Some(place) = place(detector) {
        for line in place.doc {
            let start =
                if std::mem::take(&mut first) { format!("{detector}: ") } else { String::new() };
            writeln!(out, "{start}{}", line.trim())?;
        }
    }
    let page = runbook::page(detector);
    let section = |out: &mut dyn Write, title: &str, heading: &str| match page
        .and_then(|page| runbook::section(page, heading))
    {
        Some(text) => paragraph(out, title, text),
        None => Ok(()),
    };
    section(out, "MEANING", "Meaning")?;
    section(out, "IMPACT", "Impact")?;
    writeln!(out, "\nNOW")?;
    match answer {
        Ok(document) => now(detector, document, out)?,
        Err(why) => writeln!(out, "  Not known: {}", Printable(why))?,
    }
    confirm(detector, answer.ok(), out)?;
    section(out, "DIAGNOSIS", "Diagnosis")?;
    section(out, "CAUSES, AND WHAT TO DO ABOUT THEM", "Mitigation")?;
    if let Some(place) = place(detector) {
        tune(place, loaded, out)?;
        silence(detector, answer.ok(), out)?;
    }
    let shown = if page.is_some() { runbook::path(detector) } else { "none".to_owned() };
    writeln!(out, "\nRUNBOOK\n  {shown}")
}

fn paragraph(out: &mut dyn Write, title: &str, text: &str) -> io::Result<()> {
    writeln!(out, "\n{title}")?;
    text.lines().try_for_each(|line| match line {
        "" => writeln!(out),
        line => writeln!(out, "  {line}"),
    })
}

/// What the daemon says of a detector and its flags.
fn now(detector: &str, document: &Value, out: &mut dyn Write) -> io::Result<()> {
    let of_it = |it: &&Value| it["detector"] == detector;
    if let Some(state) = list(document, "detectors").iter().find(of_it) {
        let score = state["score"].as_f64().map(|score| format!("{:.0} %", score * 100.0));
        let score = score.unwrap_or_else(|| "nothing that can be measured".to_owned());
        writeln!(out, "  {score} of its warning threshold.")?;
        if state["trusted"] == false {
            writeln!(out, "  It cannot see all that it judges: its silence means little.")?;
        }
    } else if !list(document, "detectors").is_empty() {
        writeln!(out, "  The running daemon has it switched off.")?;
    }
    let mut flags = list(document, "red_flags").iter().filter(of_it).peekable();
    if flags.peek().is_none() {
        return writeln!(out, "  No red flag is raised, and none ended within 15 minutes.");
    }
    flags.try_for_each(|flag| write_flag(flag, out))
}

/// A flag as the daemon tells of it. What it tells may hold names that somebody chose.
fn write_flag(flag: &Value, out: &mut dyn Write) -> io::Result<()> {
    let text = |name: &str| flag[name].as_str().map(|text| Printable(text).to_string());
    let number = |name: &str| flag[name].as_f64().unwrap_or(f64::NAN);
    let with = text("peer").map(|peer| format!(" with {peer}")).unwrap_or_default();
    let service = text("service_port").map(|port| format!(", {port}")).unwrap_or_default();
    let silenced = if flag["silenced"] == true { ", silenced" } else { "" };
    let state = if flag["active"] == true { "raised" } else { "over" };
    writeln!(
        out,
        "  Red flag {}, {}, {state}{silenced}: {}{with}{service}",
        flag["id"],
        text("severity").unwrap_or_default(),
        text("subject").unwrap_or_default(),
    )?;
    writeln!(out, "    {}", text("detail").unwrap_or_default())?;
    writeln!(
        out,
        "    {} measured within {} s, {} from {} on; first seen {}, last seen {}",
        number("statistic"),
        number("window_seconds"),
        text("severity").unwrap_or_default(),
        number("threshold"),
        ago(number("first_seen")),
        ago(number("last_seen")),
    )?;
    let counts = flag["evidence"].as_object().into_iter().flatten();
    for (name, count) in counts {
        writeln!(out, "    {} {count}", Printable(name))?;
    }
    Ok(())
}

/// How long ago a time since 1970 is.
fn ago(unix: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    match now - unix {
        seconds if seconds < 120.0 => format!("{:.0} s ago", seconds.max(0.0)),
        seconds if seconds < 7200.0 => format!("{:.0} min ago", seconds / 60.0),
        seconds => format!("{:.0} h ago", seconds / 3600.0),
    }
}

/// The lines by which a person sees it: those of the flags, or else that of the detector.
fn confirm(detector: &str, document: Option<&Value>, out: &mut dyn Write) -> io::Result<()> {
    let flags = document.map_or(&[][..], |document| list(document, "red_flags"));
    let flags = flags.iter().filter(|flag| flag["detector"] == detector);
    let mut lines: Vec<String> =
        flags.filter_map(|flag| Some(Printable(flag["confirm"].as_str()?).to_string())).collect();
    lines.dedup();
    if lines.is_empty() {
        let detectors = detect::enabled(&detect::Config::default());
        let known = detectors.iter().find(|it| it.name() == detector);
        lines.extend(known.map(|it| it.confirm(&Verdict::blind())));
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nTO SEE IT BY HAND")?;
    lines.iter().try_for_each(|line| writeln!(out, "  {line}"))
}

/// The keys of a detector as they are.
fn tune(place: &Place, loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nTO TUNE IT, in [{}]", place.path)?;
    for key in place.keys {
        let Some(value) = loaded.config.value(place.path, key.name) else { continue };
        let origin = match loaded.origin(&format!("{}.{}", place.path, key.name)) {
            Origin::Default => String::new(),
            origin => format!("  # {origin}"),
        };
        writeln!(out, "  {} = {value}{origin}", key.name)?;
        wrapped(&key.doc.concat(), out)?;
    }
    Ok(())
}

/// Text in lines that fit on a terminal, below a key.
fn wrapped(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= WIDTH {
            writeln!(out, "   {line}")?;
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(out, "   {line}")
}

/// How to keep a flag quiet for a time.
fn silence(detector: &str, document: Option<&Value>, out: &mut dyn Write) -> io::Result<()> {
    let flags = document.map_or(&[][..], |document| list(document, "red_flags"));
    let mut flags = flags.iter().filter(|flag| flag["detector"] == detector);
    let about = flags.next().and_then(|flag| {
        let subject = flag["subject"].as_str().and_then(|it| it.parse::<Matcher>().ok());
        let workload = || format!("workload {}", flag["workload"].as_str()?).parse().ok();
        subject.or_else(workload)
    });
    let about = about.map(|about| format!(" {about}")).unwrap_or_default();
    writeln!(
        out,
        "\nTO SHOW IT WITHOUT ANNOUNCING IT, in [red_flags]\n  \
         silences = [\"{detector}{about} until YYYY-MM-DD\"]"
    )
}
