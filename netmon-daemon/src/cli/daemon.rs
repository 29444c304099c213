//! Asks the running daemon over its own interface.
//!
//! Must not wait for long, nor read without end, whoever answers there.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::{config::Address, printable::Printable};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of an answer.
const LONGEST: u64 = 4 << 20;

/// The JSON document that the daemon serves at a path, at the first of its addresses that
/// answers.
///
/// # Errors
///
/// In words, why nobody can be asked.
pub(super) fn ask(addresses: &[Address], path: &str) -> Result<Value, String> {
    let mut why = "web.listen names no address".to_owned();
    for address in addresses {
        let address = reachable(address.0);
        match get(address, path) {
            Ok(document) => return Ok(document),
            Err(error) => {
                why = format!("no netmon answers at {address} ({})", Printable(&error.to_string()));
            }
        }
    }
    Err(format!("{why}; is it running, and is web.listen in its configuration the same?"))
}

/// Where to ask a server that listens everywhere: on this host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn get(address: SocketAddr, path: &str) -> io::Result<Value> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    connection.take(LONGEST).read_to_end(&mut answer)?;
    read(&answer)
}

/// The document in an answer.
fn read(answer: &[u8]) -> io::Result<Value> {
    const END: &[u8] = b"\r\n\r\n";
    let strange = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let head = answer.windows(END.len()).position(|window| window == END);
    let (head, body) = head
        .and_then(|at| Some((answer.get(..at)?, answer.get(at + END.len()..)?)))
        .ok_or_else(|| strange("what answers does not speak HTTP"))?;
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status != b"200" {
        return Err(strange(&format!("its status is {}", String::from_utf8_lossy(status))));
    }
    serde_json::from_slice(body).map_err(|_| strange("what answers is not netmon"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_other_things() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\na: b\r\n\r\n{\"a\":1}\n", Ok("{\"a\":1}")),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n{}", Err("its status is 503")),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", Err("what answers is not netmon")),
            ("SSH-2.0-OpenSSH_9.2p1\r\n", Err("what answers does not speak HTTP")),
            ("", Err("what answers does not speak HTTP")),
        ] {
            let found = read(answer.as_bytes());
            let found = found.map(|it| it.to_string()).map_err(|why| why.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{answer:?}");
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_asked_here() {
        for (listen, asked) in
            [("0.0.0.0:9", "127.0.0.1:9"), ("[::]:9", "[::1]:9"), ("192.0.2.7:9", "192.0.2.7:9")]
        {
            let asked = asked.parse().ok();
            assert_eq!(listen.parse().ok().map(reachable), asked, "{listen}");
        }
    }
}
