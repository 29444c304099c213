//! The HTTP server: metrics, health, status page, JSON.
//!
//! It reads the last published [`View`] and nothing else: no request makes the
//! daemon touch the kernel, and none can slow a tick. Whatever a client does or
//! fails to do, others are served.

mod answer;
mod api;
mod bind;
mod health;
mod negotiate;
mod page;
mod quantity;
mod scrape;
mod server;
mod slots;
mod stream;
mod verdict;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

pub use self::{
    bind::BindError,
    server::{Control, Server},
};
use crate::{config::Config, metrics::exporter::Exporter, view::View};

/// What the server needs from the rest of the daemon.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The last view; none before the first tick.
    pub view: watch::Receiver<Option<Arc<View>>>,
    /// Settings in force.
    pub settings: watch::Receiver<Settings>,
    /// Where requests to reload the configuration go.
    pub reload: mpsc::Sender<Reload>,
    /// Makes scrapes.
    pub exporter: Arc<Exporter>,
}

/// What can be changed by a reload, and the limits that tests shorten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Connections served at the same time.
    pub max_connections: usize,
    /// Whether `POST /-/reload` is allowed.
    pub enable_lifecycle: bool,
    /// Series in a scrape.
    pub max_series: usize,
    /// How often a view is published; one that is much older is stale.
    pub tick: Duration,
    /// How long a client may take.
    pub limits: Limits,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To send the head of a request, counted from the connection or from the
    /// end of the request before.
    pub head: Duration,
    /// To take a response.
    pub write: Duration,
    /// To keep a connection open between two requests while others wait.
    pub idle: Duration,
    /// To finish when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            write: Duration::from_secs(10),
            idle: Duration::from_secs(1),
            drain: Duration::from_secs(2),
        }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            max_connections: config.web.max_connections,
            enable_lifecycle: config.web.enable_lifecycle,
            max_series: config.metrics.max_series,
            tick: config.kernel.tick.0,
            limits: Limits::default(),
        }
    }
}

/// A request to reload the configuration.
#[derive(Debug)]
pub struct Reload {
    /// Where the outcome goes; the error is one line for people.
    pub reply: oneshot::Sender<Result<(), String>>,
}

/// What handlers see.
#[derive(Clone, Debug)]
struct App {
    inputs: Inputs,
    /// When the last view came.
    fresh: Arc<Mutex<Option<Instant>>>,
}

impl App {
    fn new(inputs: Inputs) -> Self {
        Self { inputs, fresh: Arc::default() }
    }

    fn view(&self) -> Option<Arc<View>> {
        self.inputs.view.borrow().clone()
    }

    fn settings(&self) -> Settings {
        *self.inputs.settings.borrow()
    }

    /// Tells the exporter of every view, until the daemon ends.
    async fn follow(self) {
        let mut views = self.inputs.view.clone();
        views.mark_changed();
        while views.changed().await.is_ok() {
            let view = views.borrow_and_update().clone();
            if let Some(view) = view {
                self.inputs.exporter.observe(&view);
                *self.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
        }
    }

    /// How old the last view is, where it should long have been replaced.
    fn stale(&self) -> Option<Duration> {
        let fresh = *self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let age = fresh?.elapsed();
        (age > 3 * self.settings().tick + Duration::from_secs(2)).then_some(age)
    }

    fn router(self) -> Router {
        Router::new()
            .route("/", get(page::page))
            .route("/metrics", get(scrape::scrape))
            .route("/-/healthy", get(health::healthy))
            .route("/-/ready", get(health::ready))
            .route("/-/reload", post(health::reload))
            .route("/api/v1/red-flags", get(api::red_flags))
            .route("/api/v1/interfaces", get(api::interfaces))
            .route("/api/v1/hooks", get(api::hooks))
            .method_not_allowed_fallback(answer::wrong_method)
            .fallback(answer::not_found)
            .layer(middleware::map_response(answer::guard))
            .with_state(self)
    }
}
