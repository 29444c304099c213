//! How connections end.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use netmon_common::abi::labels::CloseReason::{Abort, Fin, ResetReceived, ResetSent};
use rustix::net::{connect_unspec, sockopt::set_socket_linger};

use super::{Deed, Play, Turn, Way, both_ways, both_ways_6, stage};
use crate::{deadline::until_true, requirement::require};

/// What the ends say to each other.
const REQUEST: &[u8] = b"a question";
const ANSWER: [u8; 3000] = [7; 3000];

/// More bytes than the buffers of both ends take.
const MORE_THAN_FITS: usize = 64 << 20;

#[test]
fn connections_end_for_the_reason_that_each_end_saw() {
    require!("ss");
    let mut play = Play::begin(Turn::take(), stage());
    let cases: [(&str, Act); 12] = [
        ("closed by the client first", client_first),
        ("closed by the server first", server_first),
        ("half closed", half_closed),
        ("reset by the client", reset_by_client),
        ("reset by the server", reset_by_server),
        ("closed by the server with data unread", unread),
        ("reset by the server after its end was said", reset_after_fin),
        ("closed with data unread after its end was said", unread_after_fin),
        ("reset by the client after the server's end", reset_after_peers_fin),
        ("data after close, which was acknowledged", data_after_close),
        ("data after close, which was not acknowledged", data_before_fin),
        ("dissolved by the client", dissolved),
    ];
    for (name, act) in cases {
        play.case(name, |stage| sum(both_ways(stage), act));
        play.case(&format!("{name}, IPv6"), |stage| sum(both_ways_6(stage), act));
    }
    play.case("killed by ss", |stage| sum(both_ways(stage), killed));
    play.case("never accepted", |stage| sum(both_ways(stage), never_accepted));
}

/// Something that is done to connections one way.
type Act = fn(Way<'_>) -> Deed;

/// Does it both ways.
pub(super) fn sum<'a>(ways: impl IntoIterator<Item = Way<'a>>, act: Act) -> Deed {
    ways.into_iter().map(act).fold(Deed::nothing(), |sum, deed| sum.and(&deed))
}

/// The client asks, the server answers.
fn talk(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(REQUEST).unwrap();
    server.read_exact(&mut [0; REQUEST.len()]).unwrap();
    server.write_all(&ANSWER).unwrap();
    client.read_exact(&mut [0; ANSWER.len()]).unwrap();
}

fn talked(connections: u64) -> Deed {
    let (asked, answered) = (REQUEST.len() as u64, ANSWER.len() as u64);
    Deed::connections(connections).carried(connections * asked, connections * answered)
}

/// Awaits that the other end has said all.
fn end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

/// Awaits a reset by the other end.
fn is_reset(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

pub(super) fn client_first(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        drop(client);
        end(&mut server);
    });
    talked(count).ended(Fin, Fin)
}

fn server_first(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        drop(server);
        end(&mut client);
    });
    talked(count).ended(Fin, Fin)
}

fn half_closed(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        client.shutdown(Shutdown::Write).unwrap();
        end(&mut server);
        server.write_all(&ANSWER).unwrap();
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, ANSWER);
    });
    Deed::connections(count).carried(0, count * ANSWER.len() as u64).ended(Fin, Fin)
}

fn reset_by_client(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        reset(client);
        is_reset(&mut server);
    });
    talked(count).ended(ResetSent, ResetReceived)
}

fn reset_by_server(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        reset(server);
        is_reset(&mut client);
    });
    talked(count).ended(ResetReceived, ResetSent)
}

fn unread(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, server| {
        client.write_all(REQUEST).unwrap();
        assert_ne!(server.peek(&mut [0]).unwrap(), 0);
        drop(server);
        is_reset(&mut client);
    });
    let asked = count * REQUEST.len() as u64;
    Deed::connections(count).carried(asked, 0).ended(ResetReceived, ResetSent)
}

fn reset_after_fin(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        server.shutdown(Shutdown::Write).unwrap();
        end(&mut client);
        reset(server);
        until_true("the client is reset", || client.write(&[0]).is_err());
    });
    // What the client writes while it waits may or may not count.
    talked(count).whatever_carried().ended(ResetReceived, ResetSent)
}

fn unread_after_fin(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, server| {
        server.shutdown(Shutdown::Write).unwrap();
        end(&mut client);
        client.write_all(REQUEST).unwrap();
        assert_ne!(server.peek(&mut [0]).unwrap(), 0);
        drop(server);
        until_true("the client is reset", || client.write(&[0]).is_err());
    });
    Deed::connections(count).whatever_carried().ended(ResetReceived, ResetSent)
}

fn reset_after_peers_fin(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        server.shutdown(Shutdown::Write).unwrap();
        end(&mut client);
        reset(client);
        is_reset(&mut server);
    });
    talked(count).ended(ResetSent, ResetReceived)
}

/// The end of the server is over with the acknowledgement: what it then resets is no
/// connection of its own.
fn data_after_close(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        drop(server);
        end(&mut client);
        client.write_all(REQUEST).unwrap();
        until_true("the client is reset", || client.write(&[0]).is_err());
    });
    talked(count).whatever_carried().ended(ResetReceived, Fin)
}

/// The server closes while more is to be sent than the client takes, so that its end
/// is not said yet when the client sends.
fn data_before_fin(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        server.set_nonblocking(true).unwrap();
        let full = server.write_all(&vec![0; MORE_THAN_FITS]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        drop(server);
        client.write_all(REQUEST).unwrap();
        until_true("the client is reset", || client.write(&[0]).is_err());
    });
    Deed::connections(count).whatever_carried().ended(ResetReceived, ResetSent)
}

fn dissolved(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        connect_unspec(&client).unwrap();
        is_reset(&mut server);
    });
    talked(count).ended(ResetSent, ResetReceived)
}

fn killed(way: Way<'_>) -> Deed {
    let count = way.for_each(|mut client, mut server| {
        talk(&mut client, &mut server);
        let port = client.local_addr().unwrap().port().to_string();
        way.client.run(["ss", "-K", "-t", "state", "established", "sport", "=", &port]);
        is_reset(&mut server);
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionAborted);
    });
    talked(count).ended(Abort, ResetReceived)
}

fn never_accepted(way: Way<'_>) -> Deed {
    let listener = way.listen();
    let mut client = way.connect().unwrap();
    drop(listener);
    is_reset(&mut client);
    Deed::connections(1).ended(ResetReceived, ResetSent)
}
