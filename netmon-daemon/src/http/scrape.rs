//! `/metrics`.

use std::{io::Write as _, time::Instant};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};

use super::{App, answer, negotiate};

/// All metrics, in the format and coding that the client prefers.
pub(super) async fn scrape(State(app): State<App>, headers: HeaderMap) -> Response {
    let started = Instant::now();
    let choice = negotiate::format(&joined(&headers, header::ACCEPT));
    let exporter = &app.inputs.exporter;
    let max_series = app.settings().max_series;
    let bytes = match exporter.scrape(app.view().as_deref(), choice.format, max_series) {
        Ok(bytes) => bytes,
        Err(error) => return answer::line(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let gzip = negotiate::gzip(&joined(&headers, header::ACCEPT_ENCODING));
    let compressed = gzip.then(|| compress(&bytes)).flatten();
    let mut response = if let Some(compressed) = compressed {
        ([(header::CONTENT_ENCODING, "gzip")], compressed).into_response()
    } else {
        bytes.into_response()
    };
    let headers = response.headers_mut();
    if let Ok(kind) = choice.content_type().parse() {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::VARY, axum::http::HeaderValue::from_static("accept, accept-encoding"));
    exporter.took(started.elapsed());
    response
}

/// All values of a header in one, as RFC 9110 reads a list.
fn joined(headers: &HeaderMap, name: HeaderName) -> String {
    let values: Vec<&str> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// Compresses quickly rather than well: scrapes mostly stay in one rack.
fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
