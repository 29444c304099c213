//! Connections in every state, of both IP versions.
//!
//! Two namespaces are joined by a pair of devices. What the one here sends to
//! some addresses goes to a device at whose other end nobody is meant, so that
//! connections stay in the states in which they wait for an answer.

use std::{
    collections::BTreeMap,
    io::Read,
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
};

use netmon::sockets::{Census, State};
use netmon_common::abi::labels::IpVersion;

use crate::{
    begin, count,
    deadline::until_ok,
    netns::{NetNs, require_kernel, veth},
};

/// Where sockets are, for one IP version.
struct Places {
    loopback: IpAddr,
    here: IpAddr,
    there: IpAddr,
    /// An address there. Answers to it are lost.
    unheard: IpAddr,
    /// An address of nobody.
    nobody: IpAddr,
}

impl Places {
    fn of(family: IpVersion) -> Self {
        let places = match family {
            IpVersion::V4 => ["127.0.0.1", "10.0.0.1", "10.0.0.2", "10.9.9.9", "10.9.9.8"],
            IpVersion::V6 => ["::1", "fd00::1", "fd00::2", "fd09::9", "fd09::8"],
        };
        let [loopback, here, there, unheard, nobody] = places.map(|place| place.parse().unwrap());
        Self { loopback, here, there, unheard, nobody }
    }
}

/// What must stay open.
#[derive(Default)]
struct Held {
    streams: Vec<TcpStream>,
    begun: Vec<OwnedFd>,
}

/// How many sockets of each state [`every_state`] leaves.
const LEFT: [(State, u64); State::COUNT] = [
    (State::Established, 2),
    (State::SynSent, 1),
    (State::SynRecv, 2),
    (State::FinWait1, 1),
    (State::FinWait2, 2),
    (State::TimeWait, 1),
    (State::CloseWait, 2),
    (State::LastAck, 1),
    (State::Listen, 1),
    (State::Closing, 1),
];

fn stage() -> (NetNs, NetNs) {
    let (here, there) = (NetNs::new(), NetNs::new());
    veth(&here, "near", &there, "far");
    here.ip_batch(
        "address add 10.0.0.1/24 dev near\n\
         address add fd00::1/64 dev near nodad\n\
         link add name nowhere type veth peer name nobody\n\
         link set dev nowhere up arp off\n\
         link set dev nobody up\n\
         route add 10.9.9.0/24 dev nowhere\n\
         route add fd09::/64 dev nowhere\n",
    );
    there.ip_batch(
        "address add 10.0.0.2/24 dev far\n\
         address add fd00::2/64 dev far nodad\n\
         address add 10.9.9.9/32 dev lo\n\
         address add fd09::9/128 dev lo nodad\n",
    );
    (here, there)
}

/// Waits until the peer has closed its side.
fn ended(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

/// Leaves sockets in every state, and gives what keeps them there.
fn every_state(here: &NetNs, there: &NetNs, places: &Places, listener: &TcpListener) -> Held {
    let mut held = Held::default();
    let port = listener.local_addr().unwrap().port();
    let accepted = |from: &NetNs, to: IpAddr| {
        let client = from.enter(|| TcpStream::connect((to, port)).unwrap());
        (client, listener.accept().unwrap().0)
    };

    let (client, server) = accepted(here, places.loopback);
    held.streams.extend([client, server]);

    // Closed by one side: FIN_WAIT2 and CLOSE_WAIT.
    let (client, mut server) = accepted(here, places.loopback);
    client.shutdown(Shutdown::Write).unwrap();
    ended(&mut server);
    held.streams.extend([client, server]);

    // The same without an owner: the kernel keeps the one that closed among
    // those in TIME_WAIT, and lists it as what it is.
    let (client, mut server) = accepted(here, places.loopback);
    drop(client);
    ended(&mut server);
    held.streams.push(server);

    // Closed by both, first by the client.
    let (mut client, mut server) = accepted(here, places.loopback);
    client.shutdown(Shutdown::Write).unwrap();
    ended(&mut server);
    drop(server);
    ended(&mut client);

    // Three from there; then nothing reaches them any more.
    let [(far, mut near), waiting, crossing] = [(); 3].map(|()| accepted(there, places.here));
    far.shutdown(Shutdown::Write).unwrap();
    ended(&mut near);
    here.ip_batch(&format!("route add {} dev nowhere\n", places.there));
    // Closed by the peer, then here: LAST_ACK.
    drop(near);
    held.streams.push(far);
    // Closed here: FIN_WAIT1.
    waiting.1.shutdown(Shutdown::Write).unwrap();
    held.streams.extend([waiting.0, waiting.1]);
    // Closed on both sides before either knew of the other: CLOSING.
    let (far, mut near) = crossing;
    near.shutdown(Shutdown::Write).unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    ended(&mut near);
    held.streams.extend([far, near]);

    let unheard = Some(SocketAddr::new(places.unheard, 0));
    let target = SocketAddr::new(places.here, port);
    held.begun.extend(there.enter(|| [begin(unheard, target), begin(unheard, target)]));
    held.begun.push(here.enter(|| begin(None, SocketAddr::new(places.nobody, 9))));
    held
}

#[test]
fn every_state_is_counted() {
    require_kernel!();
    let (here, there) = stage();
    assert_eq!(count(&here).unwrap(), Census::default(), "a new namespace");
    let mut expected = Census::default();
    let mut half_open = BTreeMap::new();
    let mut held = Vec::new();
    for family in IpVersion::ALL {
        let places = Places::of(*family);
        // One listener for the near and the far.
        let any: IpAddr = if places.here.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
        let listener = here.enter(|| TcpListener::bind((any, 0)).unwrap());
        held.push((every_state(&here, &there, &places, &listener), listener));
        for (state, sockets) in LEFT {
            expected.by_state[state.index()][family.index()] = sockets;
        }
        let listener = &held.last().unwrap().1;
        half_open.insert(listener.local_addr().unwrap().port(), 2);
        expected.half_open.clone_from(&half_open);
        until_ok("every socket is counted in its state", || {
            let mut census = count(&here).map_err(|error| error.to_string())?;
            census.listeners.clear();
            census.listening.clear();
            if census == expected { Ok(()) } else { Err(format!("{census:?}, not {expected:?}")) }
        });
    }
}
