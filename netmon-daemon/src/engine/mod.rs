//! The tick: snapshot, rates, verdicts, red flags, view.
//!
//! One task owns the kernel, the rates and the board, so there is no lock:
//! readers get immutable views over a watch channel, and whatever changes the
//! engine comes to it as an event.

mod attempts;
mod flows;
mod live;
mod memory;
mod names;
mod neighbours;
mod peaks;
mod pulse;
mod signals;
mod sockets;
mod tell;
mod trust;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    signal::unix::{Signal as Events, SignalKind, signal},
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval, interval_at},
};

pub use self::live::{Live, LiveError};
use self::{live::sees, tell::Teller, trust::Trust};
use crate::{
    config::{Config, Loaded},
    detect,
    http::{self, BindError, Inputs, Reload, Server, Settings},
    kernel::Forbidden,
    log::Log,
    metrics::{exporter::Exporter, facts::Facts},
    rates::Rates,
    redflag::Board,
    signal::Signal,
    site::Site,
    snapshot::Snapshot,
    source::Source as _,
    store::Store,
    systemd,
    view::{DeviceRate, Pulse, View},
};

/// Why the daemon cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Packets cannot be counted.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// Nobody can be served.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Signals cannot be received.
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
}

/// Reads the configuration again; the error is one line for people.
pub type Loader<'a> = &'a dyn Fn() -> Result<Loaded, String>;

/// How often DNS messages are fetched, and devices looked at for peaks: the ring holds what
/// comes within as long at tens of thousands a second.
const DRAIN: Duration = Duration::from_millis(100);

/// Runs the daemon until a signal ends it.
///
/// # Errors
///
/// When it cannot start: nothing is left behind then.
pub async fn run(
    loaded: Loaded,
    forbidden: &Forbidden,
    load: Loader<'_>,
    log: &Log,
) -> Result<(), EngineError> {
    let config = loaded.config;
    let addresses = addresses(&config);
    let server = Server::bind(&addresses).await?;
    let control = server.control();
    let serving = list(&server.local_addrs());
    let mut hangups = signal(SignalKind::hangup())?;
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let live = Live::start(&config, forbidden).await?;

    let (view, views) = watch::channel(None);
    let (settings, settings_of_server) = watch::channel(Settings::from(&config));
    let (reload, mut reloads) = mpsc::channel(1);
    let (stop, mut stopped) = watch::channel(());
    let inputs = Inputs {
        view: views,
        settings: settings_of_server,
        reload,
        exporter: Arc::new(Exporter::new(Facts::read(std::path::Path::new("/")))),
    };
    let server = tokio::spawn(server.serve(inputs, async move {
        // An error means that the engine is gone, which is the same.
        let _ = stopped.changed().await;
    }));
    let mut engine = Engine::new(live, config, view);
    engine.tick(Duration::ZERO);
    tracing::info!(addresses = serving, "serving");
    let mut reloader = Reloader { load, control, settings, log, serving };
    reloader.tell_ready();

    let mut alarm = engine.alarm();
    let mut watchdog = systemd::watchdog_interval().map(interval);
    let mut drain = interval(DRAIN);
    drain.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut hears_devices = true;
    loop {
        tokio::select! {
            due = alarm.tick() => {
                engine.tick(due.elapsed());
                hears_devices = true;
            }
            _ = drain.tick() => engine.live.look(),
            // Told by the task that ticks: when it hangs, systemd hears nothing.
            () = ring(&mut watchdog) => told(systemd::alive()),
            outcome = engine.live.follow(), if hears_devices => if let Err(error) = outcome {
                tracing::error!(%error, "devices");
                // A socket that is broken for good must not keep us busy.
                hears_devices = false;
            },
            Some(()) = hangups.recv() => {
                // The outcome is in the log and in a metric.
                let _ = reloader.reload(&mut engine).await;
                alarm = engine.alarm();
            }
            Some(Reload { reply }) = reloads.recv() => {
                // Whoever asked may be gone.
                let _ = reply.send(reloader.reload(&mut engine).await);
                alarm = engine.alarm();
            }
            () = any(&mut ends) => break,
        }
    }
    tracing::info!("stopping");
    told(systemd::stopping());
    drop(stop);
    // The server bounds its own drain.
    let _ = server.await;
    engine.close();
    Ok(())
}

/// Everything that a tick needs.
struct Engine {
    live: Live,
    config: Config,
    rates: Rates,
    trust: Trust,
    board: Board,
    store: Store,
    teller: Teller,
    pulse: Pulse,
    last: Option<Arc<Snapshot>>,
    last_tick: Option<Instant>,
    view: watch::Sender<Option<Arc<View>>>,
}

impl Engine {
    fn new(live: Live, config: Config, view: watch::Sender<Option<Arc<View>>>) -> Self {
        tell::expired(&config);
        let board = Board::new(detect::enabled(&config.detectors))
            .silencing(config.red_flags.silences.clone())
            .warming_up();
        let mut engine = Self {
            live,
            config,
            rates: Rates::default(),
            trust: Trust::default(),
            board,
            store: Store::default(),
            teller: Teller::default(),
            pulse: Pulse::new(SystemTime::now()),
            last: None,
            last_tick: None,
            view,
        };
        engine.remember();
        engine
    }

    /// Rings every tick, one tick after the last one: reloads however many do
    /// not put it off. What is missed is skipped.
    fn alarm(&self) -> Interval {
        let period = self.config.kernel.tick.0;
        let last = self.last_tick.unwrap_or_else(Instant::now);
        let mut alarm = interval_at((last + period).into(), period);
        alarm.set_missed_tick_behavior(MissedTickBehavior::Skip);
        alarm
    }

    /// Takes a snapshot, judges it and publishes the view.
    fn tick(&mut self, lag: Duration) {
        let begun = Instant::now();
        let after = self.last_tick.map(|last| begun.duration_since(last));
        self.last_tick = Some(begun);
        self.pulse.beat(lag, after, self.config.kernel.tick.0);
        let snapshot = match self.live.snapshot() {
            Ok(Some(snapshot)) => Arc::new(snapshot),
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "no snapshot");
                return;
            }
        };
        let read = Instant::now();
        self.pulse.read.observe(read.duration_since(begun));
        self.rates.push(&snapshot);
        self.trust.observe(&snapshot).iter().for_each(tell::audit);
        self.board.set_wall_clock(SystemTime::now().duration_since(UNIX_EPOCH).ok());
        let transitions = self
            .board
            .judge(&self.rates, |signal, site| self.trust.trusts(&snapshot, signal, site));
        self.teller.tell(snapshot.at, self.pulse.started, &transitions);
        let device_rates = device_rates(self.last.as_deref(), &snapshot);
        self.last = Some(Arc::clone(&snapshot));
        let view = View {
            device_rates,
            audit: self.trust.findings().to_vec(),
            trusted: Signal::ALL
                .map(|signal| (signal, self.trust.trusts(&snapshot, signal, Site::Host)))
                .to_vec(),
            red_flags: self.board.flags(),
            detectors: self.board.statuses(),
            hooks: self.live.health(),
            maps: self.live.maps(),
            pulse: self.pulse.clone(),
            snapshot,
        };
        self.view.send_replace(Some(Arc::new(view)));
        self.pulse.judge.observe(read.elapsed());
        self.keep();
    }

    /// Takes over a configuration that is known to be valid.
    fn reconfigure(&mut self, config: Config) -> Result<(), LiveError> {
        self.live.reconfigure(&config)?;
        tell::expired(&config);
        self.board
            .reconfigure(detect::enabled(&config.detectors), config.red_flags.silences.clone());
        self.config = config;
        self.store.configure(memory::directory(&self.config));
        Ok(())
    }
}

/// What a reload reads, and what it changes beside the engine.
struct Reloader<'a> {
    load: Loader<'a>,
    control: http::Control,
    settings: watch::Sender<Settings>,
    log: &'a Log,
    /// Where the server listens, for systemd.
    serving: String,
}

impl Reloader<'_> {
    /// Reloads the configuration: all of it, or nothing and a line that says why.
    async fn reload(&mut self, engine: &mut Engine) -> Result<(), String> {
        told(systemd::reloading());
        let outcome = self.try_reload(engine).await;
        engine.pulse.reload_ok = outcome.is_ok();
        match &outcome {
            Ok(()) => {
                engine.pulse.config_loaded = SystemTime::now();
                self.settings.send_replace(Settings::from(&engine.config));
                self.log.set_level(engine.config.log.level);
                tracing::info!(serving = self.serving, "configuration reloaded");
            }
            Err(why) => tracing::error!(why, "configuration not reloaded, the old one stays"),
        }
        self.tell_ready();
        outcome
    }

    async fn try_reload(&mut self, engine: &mut Engine) -> Result<(), String> {
        let config = (self.load)()?.config;
        if config.web.listen != engine.config.web.listen {
            let bound = self.control.rebind(&addresses(&config)).await;
            self.serving = list(&bound.map_err(|error| error.to_string())?);
        }
        engine.reconfigure(config).map_err(|error| error.to_string())
    }

    fn tell_ready(&self) {
        told(systemd::ready(&format!("serving {}", self.serving)));
    }
}

fn addresses(config: &Config) -> Vec<SocketAddr> {
    config.web.listen.iter().map(|address| address.0).collect()
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}

/// The first of several signals.
async fn any(events: &mut [Events; 2]) {
    let [one, other] = events;
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// The next time that an interval rings; without one, never.
async fn ring(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// How fast the devices of `now` moved since the snapshot before.
fn device_rates(before: Option<&Snapshot>, now: &Snapshot) -> Vec<DeviceRate> {
    now.devices
        .iter()
        .map(|device| {
            let earlier = before.and_then(|before| {
                let earlier = before.devices.iter().find(|it| it.ifindex == device.ifindex)?;
                Some((earlier, now.at.checked_sub(before.at)?.as_secs_f64()))
            });
            let Some((earlier, seconds)) = earlier.filter(|(_, seconds)| *seconds > 0.0) else {
                return DeviceRate::default();
            };
            // A device that moved to another vantage counts from 0 again.
            let rate = |now: u64, earlier: u64| now.saturating_sub(earlier) as f64 / seconds;
            DeviceRate {
                ingress: rate(device.traffic.ingress.bytes(), earlier.traffic.ingress.bytes()),
                egress: rate(device.traffic.egress.bytes(), earlier.traffic.egress.bytes()),
            }
        })
        .collect()
}

/// systemd is told as far as it listens; that it does not is no reason to stop.
fn told(outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
