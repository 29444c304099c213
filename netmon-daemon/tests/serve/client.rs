//! A server to test, and a client that says exactly what it is told to.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use netmon::{
    http::{Control, Inputs, Limits, Reload, Server, Settings},
    metrics::exporter::Exporter,
    view::View,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::views;

/// Longer than anything that is right, and never waited for in full.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A server that serves.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) view: watch::Sender<Option<Arc<View>>>,
    pub(crate) settings: watch::Sender<Settings>,
    pub(crate) reloads: mpsc::Receiver<Reload>,
    pub(crate) control: Control,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<()>,
}

/// Settings as they are by default, with time limits that never strike.
pub(crate) fn settings() -> Settings {
    Settings {
        max_connections: 64,
        enable_lifecycle: false,
        max_series: 8000,
        tick: LONG,
        limits: Limits { head: LONG, write: LONG, idle: LONG, drain: LONG },
    }
}

/// Serves `view` on a port of its own.
pub(crate) async fn serve(view: Option<View>, settings: Settings) -> Served {
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let addr = server.local_addrs()[0];
    let control = server.control();
    let (view, views_seen) = watch::channel(view.map(Arc::new));
    let (settings, settings_seen) = watch::channel(settings);
    let (reload, reloads) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    let exporter = Arc::new(Exporter::new(views::facts()));
    let inputs = Inputs { view: views_seen, settings: settings_seen, reload, exporter };
    let shutdown = async { stopped.await.unwrap_or(()) };
    let task = tokio::spawn(server.serve(inputs, shutdown));
    Served { addr, view, settings, reloads, control, stop, task }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Connects.
pub(crate) async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.unwrap()
}

/// Everything until the server closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    bytes
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn raw(addr: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr).await;
    // The server may close while this is sent.
    let _ = stream.write_all(request).await;
    rest(&mut stream).await
}

/// Asks for a path on a connection of its own.
pub(crate) async fn ask(addr: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: netmon\r\nConnection: close\r\n{headers}\r\n");
    parse(&raw(addr, request.as_bytes()).await)
}

/// The same with GET and nothing else.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> Answer {
    ask(addr, "GET", path, "").await
}

/// Takes an answer apart.
pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}
