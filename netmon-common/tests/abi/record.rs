//! Records of connections, and how many may leave the kernel.

use core::mem::offset_of;

use netmon_common::abi::{
    allowance::Allowance,
    labels::{CloseReason, FailReason, Role},
    record::{FAILED_RING, RECORDS_RING, RecordEvent, closed, facts, failed},
};

const WORD: usize = size_of::<u64>();

#[test]
fn bytes_of_a_record() {
    let words: [u64; RecordEvent::LEN / WORD] = std::array::from_fn(|at| at as u64 + 1);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let event = RecordEvent::from_bytes(&bytes);
    assert!(event.is_some());
    let event = event.unwrap_or_default();
    let at = |offset: usize| words[offset / WORD];
    assert_eq!(event.began, at(offset_of!(RecordEvent, began)));
    assert_eq!(event.ended, at(offset_of!(RecordEvent, ended)));
    assert_eq!(event.handshake, at(offset_of!(RecordEvent, handshake)));
    assert_eq!(event.group, at(offset_of!(RecordEvent, group)));
    assert_eq!(event.local[0], at(offset_of!(RecordEvent, local)));
    assert_eq!(event.local[1], event.local[0] + 1);
    assert_eq!(event.remote[0], at(offset_of!(RecordEvent, remote)));
    assert_eq!(event.remote[1], event.remote[0] + 1);
    assert_eq!(event.sent, at(offset_of!(RecordEvent, sent)));
    assert_eq!(event.received, at(offset_of!(RecordEvent, received)));
    assert_eq!(event.segments_sent, at(offset_of!(RecordEvent, segments_sent)));
    assert_eq!(event.segments_received, at(offset_of!(RecordEvent, segments_received)));
    assert_eq!(event.facts, at(offset_of!(RecordEvent, facts)));
    assert_eq!(event.local_octets()[..], bytes[offset_of!(RecordEvent, local)..][..16]);
    assert_eq!(event.remote_octets()[..], bytes[offset_of!(RecordEvent, remote)..][..16]);
    for len in (0..bytes.len()).chain([bytes.len() + 1, bytes.len() + WORD]) {
        let mut other = bytes.clone();
        other.resize(len, 0);
        assert_eq!(RecordEvent::from_bytes(&other), None, "{len} bytes");
    }
}

#[test]
fn every_end_of_either_role() {
    for role in Role::ALL {
        let event =
            |end| RecordEvent { facts: facts(22, 65_535, *role, end), ..Default::default() };
        for reason in CloseReason::ALL {
            let event = event(closed(*reason));
            assert_eq!((event.local_port(), event.remote_port()), (22, 65_535));
            assert_eq!((event.role(), event.closed()), (*role, Some(*reason)));
            assert_eq!(event.failed(), None);
        }
        for reason in FailReason::ALL {
            let event = event(failed(*reason));
            assert_eq!((event.closed(), event.failed()), (None, Some(*reason)));
        }
        let none = event(failed(FailReason::Local) + 1);
        assert_eq!((none.closed(), none.failed()), (None, None));
    }
}

#[test]
fn so_many_in_a_span_and_no_more() {
    let mut allowance = Allowance::NONE;
    for span in [7, 8, 1 << 40] {
        let taken = (0..10).filter(|_| allowance.take(span, 3)).count();
        assert_eq!(taken, 3, "in span {span}");
    }
    assert!(!allowance.take(9, 0));
}

#[test]
fn rings_have_the_size_that_the_kernel_wants() {
    assert!(RECORDS_RING.is_power_of_two() && RECORDS_RING.is_multiple_of(1 << 16));
    assert!(FAILED_RING < u64::from(RECORDS_RING));
}
