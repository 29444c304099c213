//! A client that asks for one small thing after the other, beside a pool that keeps its
//! connections and a transfer.

use std::{io::Read as _, process::Stdio};

use crate::{
    daemon::{FAST, Netmon},
    netns::Running,
    pools::Workload,
    requirement::require,
    stage::{PEER_ADDRESS, Stage, alone},
};

/// At the other end: answers what is asked at 5432, and swallows all that comes to 5433.
const SERVICE: &str = "
import asyncio, sys
async def answer(reader, writer):
    while await reader.read(100):
        writer.write(b'one row')
async def swallow(reader, writer):
    while await reader.read(1 << 20):
        pass
async def main():
    servers = [await asyncio.start_server(answer, sys.argv[1], 5432),
               await asyncio.start_server(swallow, sys.argv[1], 5433)]
    print('ready', flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(main())
";

/// Asks so many times a second, over so many connections in turn.
const CLIENT: &str = "
import socket, sys, time
rate, number = int(sys.argv[2]), int(sys.argv[3])
pool = [socket.create_connection((sys.argv[1], 5432)) for _ in range(number)]
due = time.monotonic()
while True:
    for connection in pool:
        connection.sendall(b'which?')
        assert connection.recv(100) == b'one row'
        due += 1 / rate
        time.sleep(max(0, due - time.monotonic()))
";

/// Sends 100 large blocks a second.
const TRANSFER: &str = "
import socket, sys, time
connection = socket.create_connection((sys.argv[1], 5433))
while True:
    connection.sendall(bytes(200_000))
    time.sleep(0.01)
";

#[test]
fn a_question_for_every_row_is_raised() {
    require!("python3", "sh", "mount");
    let _alone = alone();
    let stage = Stage::new();
    let workloads = ["chatty", "pool", "bulk"].map(Workload::new);
    let [Some(chatty), Some(pool), Some(bulk)] = workloads else { return };
    let mut command = stage.peer.command("python3");
    command.args(["-c", SERVICE, PEER_ADDRESS]).stdout(Stdio::piped());
    let mut service = Running::spawn(&mut command);
    service.0.stdout.take().unwrap().read_exact(&mut [0; 6]).unwrap();
    let brief = ("NETMON_DETECTORS__CHATTY_APPLICATION__LASTING", "20s");
    let netmon = Netmon::start_among_groups(&stage.host, &[FAST, brief]);
    let _clients = [
        pool.run(&stage, &[CLIENT, PEER_ADDRESS, "100", "20"]),
        bulk.run(&stage, &[TRANSFER, PEER_ADDRESS]),
        chatty.run(&stage, &[CLIENT, PEER_ADDRESS, "450", "1"]),
    ];
    let row = netmon.raised("chatty_application", "warning");
    assert_eq!((&row["subject"], &row["peer"]), (&(*chatty.name).into(), &PEER_ADDRESS.into()));
    assert_eq!(row["service_port"], "tcp/5432", "{row}");
    let flags = netmon.red_flags().to_string();
    for silent in [&pool, &bulk] {
        assert!(!flags.contains(&silent.name), "{flags}");
    }
    let scrape = netmon.fresh();
    let habit = |workload| [("pattern", "chatty_application"), ("workload", workload)];
    let active = |workload| scrape.so_far("netmon_antipattern_active", &habit(workload));
    assert_eq!([&chatty, &pool, &bulk].map(|it| active(&it.name)), [1, 0, 0]);
    let wasted = netmon.get("/metrics");
    let row = |workload: &Workload| {
        format!("pattern=\"chatty_application\",workload=\"{}\"", workload.name)
    };
    let of = |workload| {
        let row = row(workload);
        let mut lines = wasted.lines();
        let line = lines.find(|line| {
            line.starts_with("netmon_antipattern_waste_seconds_total") && line.contains(&row)
        });
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
    };
    assert!(of(&chatty).is_some_and(|seconds| seconds > 0.001), "{wasted}");
    assert_eq!([of(&pool), of(&bulk)], [None, None], "{wasted}");
    netmon.stop();
}
