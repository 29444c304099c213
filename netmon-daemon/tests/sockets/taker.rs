//! Censuses beside a runtime, and without any privilege.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use netmon::{
    proc::Reader,
    sockets::{State, Taker, census},
};
use rustix::{process::Uid, thread::set_thread_uid};

use crate::{
    count,
    netns::{NetNs, require_kernel},
};

#[test]
fn the_first_census_comes_at_once() {
    require_kernel!();
    let namespace = NetNs::new();
    namespace.enter(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut taker = Taker::start();
            let report = taker.changed().await;
            assert!(report.failure.is_none(), "{:?}", report.failure);
            let census = report.census.as_ref().unwrap();
            assert_eq!(census.in_state(State::Listen), 1, "the namespace of the calling thread");
            assert!(report.age(Instant::now()).unwrap() >= report.took);
        });
    });
}

/// Neither the census nor the kernel's counters need a privilege.
#[test]
fn nobody_may_count() {
    require_kernel!();
    let namespace = NetNs::new();
    let _listener = namespace.enter(|| TcpListener::bind("[::1]:0").unwrap());
    let by_root = count(&namespace).unwrap();
    assert_eq!(by_root.in_state(State::Listen), 1);
    namespace.enter(|| {
        // This thread alone, which ends here.
        set_thread_uid(Uid::from_raw(65534)).unwrap();
        assert_eq!(census(Duration::from_secs(60)).unwrap(), by_root);
        assert_eq!(Reader::open(Path::new("/")).read().tcp_active_opens, Some(0));
    });
}
