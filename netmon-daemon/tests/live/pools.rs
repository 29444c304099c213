//! A client that opens a connection for every request, and its twin that keeps one.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use netmon::kernel::cgroups;

use crate::{
    daemon::{FAST, Netmon},
    deadline::pass,
    netns::Running,
    requirement::require,
    stage::{PEER_ADDRESS, Stage, alone},
};

/// Answers every request of every connection, at the other end.
const SERVICE: &str = "
import asyncio, sys
async def serve(reader, writer):
    while await reader.read(100):
        writer.write(b'+PONG\\r\\n')
    writer.close()
async def main():
    server = await asyncio.start_server(serve, sys.argv[1], 6379, backlog=512)
    print('ready', flush=True)
    await server.serve_forever()
asyncio.run(main())
";

/// So many requests a second, each over a connection of its own, or all over one.
const CLIENT: &str = "
import socket, sys, time
server, rate, keeps = (sys.argv[1], 6379), int(sys.argv[2]), sys.argv[3] == 'keeps'
connection, due = None, time.monotonic()
while True:
    connection = connection or socket.create_connection(server)
    connection.sendall(b'PING\\r\\n')
    assert connection.recv(100) == b'+PONG\\r\\n'
    if not keeps:
        connection.close()
        connection = None
    due += 1 / rate
    time.sleep(max(0, due - time.monotonic()))
";

/// When nothing can be raised yet, and by when it must be: a minute of ten seconds each,
/// five of which must be over.
const EARLIEST: Duration = Duration::from_secs(45);
const LATEST: Duration = Duration::from_secs(75);

/// A control group of its own, in which a client runs.
pub(crate) struct Workload {
    pub(crate) name: String,
    path: PathBuf,
}

impl Workload {
    pub(crate) fn new(name: &str) -> Option<Self> {
        let name = format!("{name}-{}", std::process::id());
        let path = cgroups().ok()?.join(&name);
        fs::create_dir(&path).unwrap();
        Some(Self { name, path })
    }

    /// Starts a client in it.
    pub(crate) fn run(&self, stage: &Stage, arguments: &[&str]) -> Running {
        let enter = "echo $$ > \"$0/cgroup.procs\" && exec python3 -c \"$@\"";
        // Not by `ip netns exec`, which hides /sys.
        stage.host.enter(|| {
            Running::spawn(Command::new("sh").args(["-c", enter]).arg(&self.path).args(arguments))
        })
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.path);
        drop(removed);
    }
}

#[test]
fn a_connection_for_every_request_is_raised() {
    require!("python3", "sh", "mount");
    let _alone = alone();
    let stage = Stage::new();
    let (Some(wasteful), Some(careful)) = (Workload::new("wasteful"), Workload::new("careful"))
    else {
        return;
    };
    let mut command = stage.peer.command("python3");
    command.args(["-c", SERVICE, PEER_ADDRESS]).stdout(Stdio::piped());
    let mut service = Running::spawn(&mut command);
    let mut ready = [0; 6];
    std::io::Read::read_exact(&mut service.0.stdout.take().unwrap(), &mut ready).unwrap();
    let netmon = Netmon::start_among_groups(&stage.host, &[FAST]);
    let begun = Instant::now();
    let client =
        |workload: &Workload, habit| workload.run(&stage, &[CLIENT, PEER_ADDRESS, "30", habit]);
    let _clients = [client(&wasteful, "closes"), client(&careful, "keeps")];
    pass(EARLIEST);
    let raised = netmon.red_flags()["red_flags"].to_string();
    assert_eq!(raised, "[]", "too soon");
    let row = netmon.raised("connection_churn", "warning");
    assert!(begun.elapsed() < LATEST, "{:?}", begun.elapsed());
    assert_eq!((&row["subject"], &row["peer"]), (&(*wasteful.name).into(), &PEER_ADDRESS.into()));
    let scrape = netmon.fresh();
    let habit = |workload| [("pattern", "connection_churn"), ("workload", workload)];
    let active = |workload| scrape.so_far("netmon_antipattern_active", &habit(workload));
    assert_eq!([active(&wasteful.name), active(&careful.name)], [1, 0]);
    let wasted = netmon.get("/metrics");
    let row = format!("pattern=\"connection_churn\",workload=\"{}\"", wasteful.name);
    let wasted = wasted.lines().find(|line| {
        line.starts_with("netmon_antipattern_waste_seconds_total") && line.contains(&row)
    });
    let seconds = wasted.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0.001), "{wasted:?}");
    netmon.stop();
}
