//! The accept loop and its connections.
//!
//! It neither spins nor ends when accepting fails, and it holds no buffer for a
//! connection beyond what hyper needs for a head.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use super::{
    App, BindError, Inputs, Limits,
    bind::Listeners,
    slots::{Slots, Taken},
    stream::Stream,
};

/// The longest head of a request, in bytes; longer ones are answered with 431.
const MAX_HEAD: usize = 16 * 1024;

/// Refusals that are sent at the same time; beyond it, connections are closed
/// without a word.
const MAX_REFUSALS: usize = 16;

/// What a client is told when every place is in use.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 36\r\nConnection: close\r\n\r\n\
    Too many connections; try again now.";

/// How long a refusal may take.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    rebinds: mpsc::Receiver<Rebind>,
    control: Control,
}

/// Changes a server while it serves.
#[derive(Clone, Debug)]
pub struct Control(mpsc::Sender<Rebind>);

#[derive(Debug)]
struct Rebind {
    addrs: Vec<SocketAddr>,
    reply: oneshot::Sender<Result<Vec<SocketAddr>, BindError>>,
}

impl Control {
    /// Listens on `addrs` instead, and says on which addresses it now listens.
    /// Addresses that were there before are kept open throughout.
    ///
    /// # Errors
    ///
    /// When one of them cannot be listened on; then nothing has changed.
    pub async fn rebind(&self, addrs: &[SocketAddr]) -> Result<Vec<SocketAddr>, BindError> {
        let (reply, outcome) = oneshot::channel();
        let sent = self.0.send(Rebind { addrs: addrs.to_vec(), reply }).await;
        match (sent, outcome.await) {
            (Ok(()), Ok(outcome)) => outcome,
            _ => Err(BindError {
                addr: addrs.first().copied().unwrap_or_else(|| ([0, 0, 0, 0], 0).into()),
                source: io::Error::other("the server has stopped"),
            }),
        }
    }
}

impl Server {
    /// Listens on all of `addrs`. Clients can connect from now on and are
    /// served as soon as [`Server::serve`] runs.
    ///
    /// # Errors
    ///
    /// When one of them cannot be listened on.
    pub async fn bind(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        let listeners = Listeners::bind(addrs).await?;
        let (sender, rebinds) = mpsc::channel(1);
        Ok(Self { listeners, rebinds, control: Control(sender) })
    }

    /// The addresses that it listens on, with their real ports.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        local_addrs(&self.listeners)
    }

    /// A handle to change it while it serves.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until `shutdown` completes, then lets requests finish for as long
    /// as the limits say.
    pub async fn serve(self, inputs: Inputs, shutdown: impl Future<Output = ()>) {
        let Self { mut listeners, mut rebinds, control } = self;
        let app = App::new(inputs);
        let follower = tokio::spawn(app.clone().follow());
        let (stop, stopped) = watch::channel(());
        let mut floor = Floor {
            slots: Arc::default(),
            tasks: JoinSet::new(),
            refusals: JoinSet::new(),
            router: app.clone().router(),
            stopped,
        };
        let mut pause = Pause::default();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(Rebind { addrs, reply }) = rebinds.recv() => {
                    let outcome = listeners.rebind(&addrs).await;
                    // Who asked may have gone; that changes nothing.
                    let _ = reply.send(outcome.map(|()| local_addrs(&listeners)));
                }
                Some(_) = floor.tasks.join_next() => {}
                Some(_) = floor.refusals.join_next() => {}
                accepted = accept(&listeners), if pause.until.is_none() => match accepted {
                    Ok(stream) => {
                        pause.shorten();
                        floor.admit(stream, &app);
                    }
                    Err(error) => {
                        floor.slots.evict();
                        pause.lengthen(&error);
                    }
                },
                () = sleep_until(pause.until.unwrap_or_else(Instant::now)),
                    if pause.until.is_some() => pause.until = None,
            }
        }
        drop(listeners);
        drop(control);
        floor.slots.end_new();
        drop(stop);
        let drain = app.settings().limits.drain;
        let done = timeout(drain, async { while floor.tasks.join_next().await.is_some() {} });
        if done.await.is_err() {
            warn!("connections were cut off that did not end in time");
        }
        follower.abort();
    }
}

fn local_addrs(listeners: &Listeners) -> Vec<SocketAddr> {
    listeners.0.iter().filter_map(|(_, listener)| listener.local_addr().ok()).collect()
}

/// The next connection of any listener.
async fn accept(listeners: &Listeners) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        for (_, listener) in &listeners.0 {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

/// How long accepting rests after it failed: descriptors may have run out, and
/// then it fails again at once.
#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    length: Duration,
}

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    fn shorten(&mut self) {
        self.length = Duration::ZERO;
    }

    fn lengthen(&mut self, error: &io::Error) {
        // A client that gave up before it was accepted is no reason to rest.
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        ) {
            return;
        }
        if self.length.is_zero() {
            warn!(%error, "connections cannot be accepted; trying again");
        }
        self.length = (self.length * 2).clamp(Self::SHORTEST, Self::LONGEST);
        self.until = Some(Instant::now() + self.length);
    }
}

/// Where connections are served.
struct Floor {
    slots: Arc<Slots>,
    tasks: JoinSet<()>,
    refusals: JoinSet<()>,
    router: Router,
    stopped: watch::Receiver<()>,
}

impl Floor {
    fn admit(&mut self, stream: TcpStream, app: &App) {
        let settings = app.settings();
        let limits = settings.limits;
        let Some(place) = self.slots.take(settings.max_connections, limits.idle) else {
            if self.refusals.len() < MAX_REFUSALS {
                self.refusals.spawn(refuse(stream));
            }
            return;
        };
        let id = place.id();
        let connection =
            connection(stream, place, self.router.clone(), limits, self.stopped.clone());
        let task = self.tasks.spawn(connection);
        self.slots.serve(id, task);
    }
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    place: Taken,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<()>,
) {
    // Without it a response can wait for an acknowledgement; it is no loss if
    // the kernel refuses.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        place.busy();
        let answer = service.call(request);
        async {
            let answer = answer.await;
            place.idle();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Stream::new(stream, limits.write)), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is its client's affair.
    let _ = tokio::select! {
        ended = &mut connection => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}

/// Tells a client to come back, and waits for it to hear that: closing with
/// unread data would take the words back.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        let mut rest = [0; 512];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // A client that does not listen is not waited for.
    let _ = timeout(REFUSAL_TIME, told).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_rests_longer_each_time_it_fails() {
        let error = |kind: io::ErrorKind| io::Error::from(kind);
        let mut pause = Pause::default();
        pause.lengthen(&error(io::ErrorKind::ConnectionAborted));
        assert_eq!(pause.until, None, "a client that gave up is no reason to rest");
        let mut lengths = Vec::new();
        for _ in 0..9 {
            pause.lengthen(&error(io::ErrorKind::Other));
            assert!(pause.until.is_some());
            lengths.push(pause.length.as_millis());
        }
        assert_eq!(lengths, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        pause.shorten();
        pause.lengthen(&error(io::ErrorKind::Other));
        assert_eq!(pause.length, Pause::SHORTEST);
    }
}
