//! Answers that several endpoints share, and the headers of all of them.

use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// Nothing from elsewhere, no script, no frame, no form; styles stand in the
/// page itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Adds the headers that every answer has.
pub(super) async fn guard(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS);
    response
}

/// One line of text.
pub(super) fn line(status: StatusCode, text: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, format!("{text}\n")).into_response()
}

/// The answer to a path that does not exist.
pub(super) async fn not_found() -> Response {
    line(
        StatusCode::NOT_FOUND,
        "There is nothing here; try /, /metrics, /-/healthy, /-/ready, /api/v1/red-flags, \
         /api/v1/interfaces or /api/v1/hooks.",
    )
}

/// The answer to a method that a path does not have. axum adds the Allow header.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let instead = if uri.path() == "/-/reload" { "POST" } else { "GET" };
    line(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("This path does not answer {method}; use {instead}."),
    )
}
