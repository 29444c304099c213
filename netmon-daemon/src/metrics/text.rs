//! The Prometheus text format 0.0.4.
//!
//! It has no native buckets. Bounds are written as OpenMetrics writes them (`64.0`), so that a series has
//! the same name whichever format a server asks for.

use super::{
    family::{Family, Kind},
    model::{Model, Reading, Sample},
};

/// Appends all of `model` to `out`.
pub fn encode(model: &Model, out: &mut Vec<u8>) {
    for (family, samples) in model.families() {
        let name = family.full_name();
        header(family, &name, out);
        for sample in samples {
            encode_sample(family, &name, &sample, out);
        }
    }
}

fn header(family: &Family, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    escape(family.help, false, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name.as_bytes());
    let kind = if family.kind == Kind::Info { Kind::Gauge } else { family.kind };
    out.push(b' ');
    out.extend_from_slice(kind.label().as_bytes());
    out.push(b'\n');
}

fn encode_sample(family: &Family, name: &str, sample: &Sample<'_>, out: &mut Vec<u8>) {
    match sample.reading() {
        Reading::Integer(value) => {
            series(name, "", sample, None, out);
            integer(value, out);
        }
        Reading::Float(value) => {
            series(name, "", sample, None, out);
            float(value, out);
        }
        Reading::Histogram { buckets, sum, count, .. } => {
            let Kind::Histogram(bounds) = family.kind else { return };
            let mut total = 0_u64;
            for (bound, more) in bounds.iter().chain([&f64::INFINITY]).zip(buckets) {
                total = total.wrapping_add(*more);
                series(name, "_bucket", sample, Some(*bound), out);
                integer(total, out);
            }
            series(name, "_sum", sample, None, out);
            float(sum, out);
            series(name, "_count", sample, None, out);
            integer(count, out);
        }
    }
}

/// Writes name, suffix and labels.
fn series(name: &str, suffix: &str, sample: &Sample<'_>, bound: Option<f64>, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    let mut open = b'{';
    for (label, value) in sample.labels() {
        out.push(open);
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(value, true, out);
        out.push(b'"');
        open = b',';
    }
    if let Some(bound) = bound {
        out.push(open);
        out.extend_from_slice(b"le=\"");
        number(bound, out);
        out.push(b'"');
        open = b',';
    }
    if open == b',' {
        out.push(b'}');
    }
    out.push(b' ');
}

/// Writes text with `\` and line feeds escaped, and quotes where they would end
/// it. Every other byte stands for itself.
fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) =
        rest.iter().position(|byte| matches!(byte, b'\\' | b'\n') || (quotes && *byte == b'"'))
    {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        match special.split_first() {
            Some((b'\n', after)) => {
                out.extend_from_slice(b"\\n");
                rest = after;
            }
            Some((byte, after)) => {
                out.extend_from_slice(&[b'\\', *byte]);
                rest = after;
            }
            None => rest = &[],
        }
    }
    out.extend_from_slice(rest);
}

fn integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.push(b'\n');
}

fn float(value: f64, out: &mut Vec<u8>) {
    number(value, out);
    out.push(b'\n');
}

fn number(value: f64, out: &mut Vec<u8>) {
    if value == f64::INFINITY {
        out.extend_from_slice(b"+Inf");
    } else if value == f64::NEG_INFINITY {
        out.extend_from_slice(b"-Inf");
    } else {
        out.extend_from_slice(dtoa::Buffer::new().format(value).as_bytes());
    }
}
