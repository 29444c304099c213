//! What the kernel tells of connections at their end.

use std::time::Duration;

use aya::{
    Ebpf,
    maps::{MapData, MapError, RingBuf},
};
use netmon_common::abi::{labels::Role, record::RecordEvent};

use super::{error::KernelError, tables::missing};
use crate::{
    flows::{End, Record},
    octets::address,
};

/// The ring through which records come.
pub(super) struct Records(RingBuf<MapData>);

impl Records {
    /// Takes the ring out of the object.
    ///
    /// # Errors
    ///
    /// When it lacks it, which only a broken build can bring about.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        const MAP: &str = "CONNECTION_RECORDS";
        let map = ebpf.take_map(MAP).ok_or_else(|| missing(MAP))?;
        let wrong = |error: MapError| KernelError::of("opening eBPF maps", &error);
        Ok(Self(map.try_into().map_err(wrong)?))
    }

    /// Takes every record that waits in the ring, oldest first.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&Record)) {
        while let Some(item) = self.0.next() {
            if let Some(record) = RecordEvent::from_bytes(&item).and_then(|event| record(&event)) {
                take(&record);
            }
        }
    }
}

/// The record of an event, by the clock of the programs.
fn record(event: &RecordEvent) -> Option<Record> {
    let end = match event.closed() {
        Some(reason) => End::Closed(reason),
        None => End::Failed(event.failed()?),
    };
    let here = (address(event.local_octets()), event.local_port());
    let there = (address(event.remote_octets()), event.remote_port());
    let [sent, received] = [event.segments_sent, event.segments_received]
        .map(|segments| u32::try_from(segments).unwrap_or(u32::MAX));
    let sent = (event.sent, sent);
    let received = (event.received, received);
    let role = event.role();
    let [client, server] = match role {
        Role::Active => [(here, sent), (there, received)],
        Role::Passive => [(there, received), (here, sent)],
    };
    let ended = Duration::from_nanos(event.ended);
    let seen_to_open = event.began != 0;
    Some(Record {
        role,
        client: client.0.0,
        client_port: client.0.1,
        server: server.0.0,
        service_port: server.0.1,
        workload: event.group,
        began: if seen_to_open { Duration::from_nanos(event.began) } else { ended },
        ended,
        seen_to_open,
        handshake: (event.handshake != 0).then(|| Duration::from_nanos(event.handshake)),
        client_bytes: client.1.0,
        server_bytes: server.1.0,
        client_segments: client.1.1,
        server_segments: server.1.1,
        end,
    })
}

#[cfg(test)]
mod tests {
    use netmon_common::abi::{
        labels::{CloseReason, FailReason},
        record::{closed, facts, failed},
    };

    use super::*;

    fn event(role: Role, end: u64) -> RecordEvent {
        let mapped = |last: u8| {
            let octets = [0, 0, 0xff, 0xff, 192, 0, 2, last];
            [0, u64::from_ne_bytes(octets)]
        };
        RecordEvent {
            began: 1_000,
            ended: 5_000,
            handshake: 0,
            group: 77,
            local: mapped(1),
            remote: mapped(2),
            sent: 10,
            received: 20,
            segments_sent: 1,
            segments_received: u64::MAX,
            facts: facts(22, 40_000, role, end),
        }
    }

    #[test]
    fn ends_find_their_places() {
        let found = record(&event(Role::Passive, closed(CloseReason::Timeout)));
        let expected = Record {
            role: Role::Passive,
            client: [192, 0, 2, 2].into(),
            client_port: 40_000,
            server: [192, 0, 2, 1].into(),
            service_port: 22,
            workload: 77,
            began: Duration::from_micros(1),
            ended: Duration::from_micros(5),
            seen_to_open: true,
            handshake: None,
            client_bytes: 20,
            server_bytes: 10,
            client_segments: u32::MAX,
            server_segments: 1,
            end: End::Closed(CloseReason::Timeout),
        };
        assert_eq!(found, Some(expected));
        let mut event = event(Role::Active, failed(FailReason::Local));
        (event.began, event.handshake) = (0, 9_000);
        let found = record(&event).map(|it| (it.client_port, it.began, it.seen_to_open, it.end));
        let ended = Duration::from_micros(5);
        assert_eq!(found, Some((22, ended, false, End::Failed(FailReason::Local))));
        event.facts = facts(22, 40_000, Role::Active, failed(FailReason::Local) + 1);
        assert_eq!(record(&event), None, "no such end");
    }
}
