//! What a client wants, from its Accept headers (RFC 9110, section 12).
//!
//! Pure, and never a refusal: who asks for nothing that is served gets the
//! plain text format.

use crate::metrics::exporter::Format;

/// How a scrape is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) format: Format,
    /// The escaping scheme that was asked for. All names are plain ASCII, so
    /// that every scheme gives the same bytes.
    escaping: Option<&'static str>,
}

impl Choice {
    /// The value of Content-Type.
    pub(super) fn content_type(self) -> String {
        let kind = match self.format {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        };
        match self.escaping {
            Some(escaping) => format!("{kind}; escaping={escaping}"),
            None => kind.to_owned(),
        }
    }
}

/// The best format for an Accept header: the highest weight, then the order in
/// which they stand.
pub(super) fn format(accept: &str) -> Choice {
    let mut best = Choice { format: Format::Text, escaping: None };
    let mut weight = 0;
    for item in accept.split(',').take(MAX_ITEMS) {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or("").to_ascii_lowercase();
        let parameters: Vec<(&str, &str)> =
            parts.filter_map(|part| part.split_once('=')).map(trimmed).collect();
        let of = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value)
        };
        let fits = |name, wanted| of(name).is_none_or(|value| value == wanted);
        let format = match range.as_str() {
            "text/plain" if fits("version", "0.0.4") => Format::Text,
            "text/*" | "*/*" => Format::Text,
            "application/openmetrics-text" if fits("version", "1.0.0") => Format::OpenMetrics,
            "application/vnd.google.protobuf"
                if of("proto").is_some()
                    && fits("proto", "io.prometheus.client.MetricFamily")
                    && fits("encoding", "delimited") =>
            {
                Format::Protobuf
            }
            _ => continue,
        };
        let this = quality(of("q"));
        if this > weight {
            weight = this;
            let known = SCHEMES.into_iter().find(|scheme| of("escaping") == Some(scheme));
            best = Choice { format, escaping: known };
        }
    }
    best
}

/// Whether an Accept-Encoding header prefers gzip to nothing.
pub(super) fn gzip(accept: &str) -> bool {
    let mut gzip = None;
    let mut identity = None;
    let mut any = None;
    for item in accept.split(',').take(MAX_ITEMS) {
        let (coding, rest) = item.split_once(';').unwrap_or((item, ""));
        let weight = rest.split(';').filter_map(|part| part.split_once('=')).map(trimmed);
        let weight = quality(
            weight.into_iter().find(|(key, _)| key.eq_ignore_ascii_case("q")).map(|(_, q)| q),
        );
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(Some(weight)),
            "identity" => identity = identity.max(Some(weight)),
            "*" => any = any.max(Some(weight)),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// Items of a header that are read; a head has room for thousands.
const MAX_ITEMS: usize = 64;

/// The escaping schemes of Prometheus.
const SCHEMES: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

/// Name and value of a parameter without blanks and quotes.
fn trimmed<'a>((name, value): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (name.trim(), value.trim().trim_matches('"'))
}

/// A weight in thousandths. What is not a weight counts as 0, so that it loses
/// against everything that is understood.
fn quality(text: Option<&str>) -> u32 {
    let Some(text) = text else { return 1000 };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && fraction.len() <= 3;
    match (whole, digits) {
        ("1", true) if fraction.bytes().all(|byte| byte == b'0') => 1000,
        ("0", true) => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::{OpenMetrics, Protobuf, Text};

    #[test]
    fn the_highest_weight_wins_and_nothing_is_refused() {
        let cases = [
            ("", Text),
            ("*/*", Text),
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Text),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,\
                 application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus with native histograms.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5",
                Protobuf,
            ),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.6", OpenMetrics),
            ("text/plain, application/openmetrics-text", Text),
            ("application/openmetrics-text, text/plain", OpenMetrics),
            ("Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1.000", OpenMetrics),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;q=nan, text/plain;q=0.001", Text),
            ("application/vnd.google.protobuf", Text),
            ("application/vnd.google.protobuf;proto=other;encoding=delimited", Text),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=text",
                Text,
            ),
            (";;;=,,q=1", Text),
        ];
        for (accept, wanted) in cases {
            assert_eq!(format(accept).format, wanted, "{accept}");
        }
    }

    #[test]
    fn known_escaping_is_echoed() {
        for (accept, wanted) in [
            ("text/plain;escaping=underscores", "; escaping=underscores"),
            ("text/plain;escaping=allow-utf-8", "; escaping=allow-utf-8"),
            ("text/plain;escaping=\r\nevil", "utf-8"),
            ("text/plain", "utf-8"),
        ] {
            assert!(format(accept).content_type().ends_with(wanted), "{accept}");
        }
    }

    #[test]
    fn gzip_is_used_where_it_is_wanted() {
        for (accept, wanted) in [
            ("", false),
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0, *", false),
            ("identity, gzip;q=0.5", false),
            ("identity;q=0.5, gzip", true),
            ("br", false),
        ] {
            assert_eq!(gzip(accept), wanted, "{accept}");
        }
    }
}
