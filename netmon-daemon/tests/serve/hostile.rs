//! Clients that mean harm, or do it.

use std::time::Duration;

use netmon::http::{Limits, Settings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    client::{LONG, connect, get, parse, raw, rest, serve, settings},
    views,
};

const KEPT: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: netmon\r\n\r\n";
const SHORT: Duration = Duration::from_millis(50);

fn limits(change: impl FnOnce(&mut Limits)) -> Settings {
    let mut settings = settings();
    change(&mut settings.limits);
    settings
}

/// A connection on which one request was answered.
async fn kept(addr: std::net::SocketAddr) -> TcpStream {
    let mut stream = connect(addr).await;
    stream.write_all(KEPT).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"healthy.\n") {
        let read = stream.read_buf(&mut seen).await.unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
    }
    stream
}

#[tokio::test]
async fn silent_and_slow_heads_are_closed() {
    let served = serve(Some(views::small()), limits(|limits| limits.head = SHORT)).await;
    for sent in [&b""[..], b"G", b"GET / HTTP/1.1\r\nHost: netmon\r\nX: "] {
        let started = Instant::now();
        let answer = raw(served.addr, sent).await;
        assert!(started.elapsed() >= SHORT, "{sent:?}: closed too early");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{sent:?}");
    }
    // A kept connection is not kept for ever.
    assert!(rest(&mut kept(served.addr).await).await.is_empty());
}

#[test]
fn five_seconds_are_the_limit_unless_a_test_says_otherwise() {
    assert_eq!(Limits::default().head, Duration::from_secs(5));
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused() {
    let served = serve(Some(views::small()), settings()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: netmon\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nHost: netmon\r\n{}\r\n", "A: b\r\n".repeat(1000));
    for request in [long, many] {
        let answer = raw(served.addr, request.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 431"), "{:?}", String::from_utf8_lossy(&answer));
    }
    let fits = format!(
        "GET /-/healthy HTTP/1.1\r\nHost: n\r\nConnection: close\r\nX: {}\r\n\r\n",
        "x".repeat(10_000)
    );
    assert!(raw(served.addr, fits.as_bytes()).await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn nonsense_is_refused_and_harms_nobody() {
    let served = serve(Some(views::small()), settings()).await;
    for request in [
        &b"GET /metrics\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(served.addr).await;
        stream.write_all(request).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{request:?}: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(get(served.addr, "/-/healthy").await.status, 200);
}

#[tokio::test]
async fn bodies_are_neither_read_nor_waited_for() {
    let served = serve(Some(views::small()), settings()).await;
    let huge = b"POST /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\nstart";
    assert_eq!(parse(&raw(served.addr, huge).await).status, 405);
    let chunked =
        b"POST /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\nstart";
    assert_eq!(parse(&raw(served.addr, chunked).await).status, 405);
}

#[tokio::test]
async fn beyond_the_cap_clients_are_told_to_come_back() {
    let served = serve(Some(views::small()), Settings { max_connections: 3, ..settings() }).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(kept(served.addr).await);
    }
    let refused = parse(&raw(served.addr, KEPT).await);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("content-length"), refused.body.len().to_string());
    // Who was there first is still served, and room that is left is used.
    others[0].write_all(KEPT).await.unwrap();
    assert!(others[0].read(&mut [0; 64]).await.unwrap() > 0);
    drop(others);
    let again = async {
        while !raw(served.addr, b"GET / HTTP/1.0\r\n\r\n").await.starts_with(b"HTTP/1.0 200") {}
    };
    timeout(LONG, again).await.unwrap();
}

#[tokio::test]
async fn silent_clients_do_not_starve_others() {
    let served = serve(Some(views::small()), Settings { max_connections: 4, ..settings() }).await;
    let mut silent = Vec::new();
    for round in 0..100 {
        let mut stream = connect(served.addr).await;
        stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
        silent.push(stream);
        if round % 10 == 9 {
            assert_eq!(get(served.addr, "/metrics").await.status, 200, "round {round}");
        }
    }
}

#[tokio::test]
async fn idle_connections_give_way() {
    let mut crowded = limits(|limits| limits.idle = Duration::ZERO);
    crowded.max_connections = 2;
    let served = serve(Some(views::small()), crowded).await;
    let mut first = kept(served.addr).await;
    let _second = kept(served.addr).await;
    let _third = kept(served.addr).await;
    assert!(rest(&mut first).await.is_empty(), "the one that was idle longest is closed");
}

#[tokio::test]
async fn slow_readers_are_cut_off() {
    let mut view = views::small();
    // A response that does not fit into the buffers of the kernel.
    view.snapshot = std::sync::Arc::new(netmon::snapshot::Snapshot {
        devices: (1..60_000).map(|index| views::device(&format!("port{index}"), index)).collect(),
        ..(*view.snapshot).clone()
    });
    let mut alone = limits(|limits| limits.write = SHORT);
    alone.max_connections = 1;
    let served = serve(Some(view), alone).await;
    let mut stream = connect(served.addr).await;
    let request = b"GET /api/v1/interfaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut first = [0; 1024];
    let read = stream.read(&mut first).await.unwrap();
    let head = String::from_utf8_lossy(&first[..read]).into_owned();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    // The server gives up by itself: nothing more is read until the only place
    // is free again.
    let freed = async { while get(served.addr, "/-/healthy").await.status != 200 {} };
    timeout(LONG, freed).await.unwrap();
    let got = read + rest(&mut stream).await.len();
    assert!(got < length.parse().unwrap(), "all {length} bytes were sent");
}

#[tokio::test]
async fn stopping_answers_what_was_asked_and_ends() {
    let served = serve(Some(views::small()), settings()).await;
    let mut idle = kept(served.addr).await;
    let mut silent = connect(served.addr).await;
    // The server has it: this one came later and was answered.
    assert_eq!(get(served.addr, "/-/healthy").await.status, 200);
    served.stop.send(()).unwrap();
    assert!(rest(&mut idle).await.is_empty());
    assert!(rest(&mut silent).await.is_empty());
    timeout(LONG, served.task).await.expect("the server ends").unwrap();
    assert!(TcpStream::connect(served.addr).await.is_err(), "the port is free");
}

#[tokio::test]
async fn addresses_change_without_a_gap() {
    let served = serve(Some(views::small()), settings()).await;
    let mut before = kept(served.addr).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let blocked = holder.local_addr().unwrap();
    // One address is in use: nothing changes.
    let error = served.control.rebind(&[taken, blocked]).await.unwrap_err();
    assert_eq!(error.addr, blocked);
    assert_eq!(get(served.addr, "/-/healthy").await.status, 200);
    // The same port on all addresses.
    let wide = std::net::SocketAddr::from(([0, 0, 0, 0], taken.port()));
    assert_eq!(served.control.rebind(&[taken]).await.unwrap(), [taken]);
    assert_eq!(served.control.rebind(&[wide]).await.unwrap(), [wide]);
    assert_eq!(get(taken, "/-/healthy").await.status, 200);
    assert!(TcpStream::connect(served.addr).await.is_err(), "the old address is closed");
    before.write_all(KEPT).await.unwrap();
    assert!(before.read(&mut [0; 64]).await.unwrap() > 0, "old connections live on");
}
