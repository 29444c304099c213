//! `/-/healthy`, `/-/ready` and `/-/reload`.

use axum::{extract::State, http::StatusCode, response::Response};
use tokio::sync::oneshot;

use super::{App, Reload, answer::line, verdict};

/// Says that the process lives.
pub(super) async fn healthy() -> Response {
    line(StatusCode::OK, "netmon is healthy.")
}

/// Says whether packets are counted, or what is missing.
pub(super) async fn ready(State(app): State<App>) -> Response {
    match verdict::missing(app.view().as_deref()) {
        None => line(StatusCode::OK, "netmon is ready."),
        Some(missing) => {
            line(StatusCode::SERVICE_UNAVAILABLE, &format!("netmon is not ready: {missing}."))
        }
    }
}

/// Reloads the configuration, where that is allowed.
pub(super) async fn reload(State(app): State<App>) -> Response {
    if !app.settings().enable_lifecycle {
        return line(
            StatusCode::FORBIDDEN,
            "Reloading over HTTP is off; set web.enable_lifecycle = true, or send SIGHUP.",
        );
    }
    let (reply, outcome) = oneshot::channel();
    // Waiting in line would let clients pile up; the one before is enough.
    if app.inputs.reload.try_send(Reload { reply }).is_err() {
        return line(
            StatusCode::SERVICE_UNAVAILABLE,
            "The daemon is busy with another reload, or stopping; try again.",
        );
    }
    match outcome.await {
        Ok(Ok(())) => line(StatusCode::OK, "The configuration was reloaded."),
        Ok(Err(error)) => line(StatusCode::INTERNAL_SERVER_ERROR, &error),
        Err(_) => line(StatusCode::SERVICE_UNAVAILABLE, "The daemon is stopping."),
    }
}
