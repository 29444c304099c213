//! Hundreds of changes at once, and messages that are lost.

use std::{fmt::Write, time::Duration};

use netmon::links::Watch;

use crate::{
    netns::{NetNs, require_kernel},
    watched::{PATIENCE, Watched, in_namespace},
};

/// Pairs of veth devices in a churn.
const PAIRS: usize = 120;

fn churn(verb: &str, suffix: &str) -> String {
    (0..PAIRS).fold(String::new(), |mut lines, pair| {
        writeln!(lines, "link {verb} name c{pair}{suffix}").unwrap();
        lines
    })
}

#[test]
fn churn_is_followed_while_it_happens() {
    require_kernel!();
    for (queue, refreshed) in [(8192, false), (8192, true), (4 << 20, true)] {
        in_namespace(async |namespace| {
            let mut watched = Watched::over(namespace, Watch::with_queue(queue).unwrap());
            follow_churn(namespace, &mut watched, refreshed).await;
            watched.settle().await;
            assert_eq!(watched.names.len(), 1 + 2 * PAIRS);
        });
    }
}

/// Reads changes while devices come, go, and come again.
async fn follow_churn(namespace: &NetNs, watched: &mut Watched<'_>, refreshed: bool) {
    let lines = churn("add", " type veth") + &churn("del", "") + &churn("add", " type veth");
    let name = namespace.name().to_owned();
    let batch = tokio::task::spawn_blocking(move || NetNs::batch_in(&name, &lines));
    let following = async {
        while !batch.is_finished() {
            // A future that is dropped half-way must lose nothing.
            let reading = tokio::time::timeout(Duration::from_millis(1), watched.watch.next());
            if let Ok(changes) = reading.await {
                watched.take(changes.unwrap());
            }
            if refreshed {
                let changes = watched.watch.refresh().unwrap();
                watched.take(changes);
            }
        }
    };
    tokio::time::timeout(PATIENCE, following).await.unwrap();
    batch.await.unwrap();
}

#[test]
fn lost_messages_are_made_good() {
    require_kernel!();
    in_namespace(async |namespace| {
        // Room for a handful of announcements.
        let mut watched = Watched::over(namespace, Watch::with_queue(8192).unwrap());
        namespace.ip_batch("link add name kept type veth peer name peer\nlink set dev kept up\n");
        let same_index = "link add name same index 9000 type veth peer name pair index 9001\n";
        namespace.ip_batch(&(churn("add", " type veth") + same_index));
        watched.settle().await;
        let losses = watched.watch.losses();
        watched.told();

        // While nobody reads, devices are made anew, one under its old index; a
        // name moves; a device goes.
        namespace.ip_batch(&(churn("del", "") + &churn("add", " type veth")));
        namespace.ip_batch(&format!("link del dev same\n{same_index}"));
        namespace.ip_batch(
            "link set dev peer name moved\nlink set dev kept name peer\nlink del dev c0\n",
        );
        watched.settle().await;
        assert!(watched.watch.losses() > losses, "nothing was lost, so nothing was tested");
        let told = watched.told();
        let at = |what: &str| told.iter().position(|change| change == what);
        for name in (1..PAIRS).map(|pair| format!("c{pair}")).chain(["same".to_owned()]) {
            let (gone, back) = (at(&format!("-{name}")), at(&format!("+{name}")));
            assert!(gone.is_some() && gone < back, "{name}: {gone:?} {back:?}");
        }
        assert!(at("-c0").is_some() && at("-peer").is_none(), "{told:?}");
    });
}
