//! What connections cost: each of them in the kernel, by either source of handshake
//! times, and very many open ones in the daemon.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Read, stdin},
    net::{TcpListener, TcpStream},
    process::Stdio,
    str::FromStr,
};

use aya::{
    programs::loaded_programs,
    sys::{Stats, enable_stats},
};

use crate::{
    Figures,
    daemon::{resident, start, ticks},
    netns::{NetNs, Running},
};

/// Connections whose cost is taken.
const TIMED: u32 = 5_000;
/// Open connections of the host. Both ends of a pair are on it.
const OPEN: usize = 100_000;
/// Processes that hold them, because a process may have so many descriptors only.
const HOLDERS: usize = 6;
/// The word with which this program is called as such a process.
pub(crate) const HOLD: &str = "hold-connections";

/// The figures of connections.
pub(crate) fn measure() -> Figures {
    let mut figures = Figures::new();
    for (program, forbidden) in [("connection", ""), ("sock_ops", "connection")] {
        let namespace = NetNs::new();
        let daemon = start(&namespace, forbidden);
        let _statistics = enable_stats(Stats::RunTime).unwrap();
        // So that each program has run.
        namespace.enter(open_and_close);
        let before = runs(daemon.pid(), program);
        namespace.enter(open_and_close);
        let after = runs(daemon.pid(), program);
        let [runs, time] = [0, 1].map(|at: usize| (after[at] - before[at]) / f64::from(TIMED));
        figures.push((format!("{program}_per_connection_ns"), time));
        figures.push((format!("{program}_per_connection_runs"), runs));
        if forbidden.is_empty() {
            figures.push(("maps_bytes".into(), maps(daemon.pid())));
        }
    }

    let namespace = NetNs::new();
    let daemon = start(&namespace, "");
    let _statistics = enable_stats(Stats::RunTime).unwrap();
    let holders: Vec<Running> = (1..=HOLDERS).map(|number| hold(&namespace, number)).collect();
    let [runs, _, missed] = runs(daemon.pid(), "connection");
    figures.push(("connection_missed_ratio".into(), missed / (runs + missed)));
    let mut times = ticks(&namespace);
    figures.push(("tick_100k_connections_seconds".into(), times[times.len() / 2]));
    figures.push(("tick_100k_connections_worst_seconds".into(), times.pop().unwrap()));
    figures.push(("rss_100k_connections_bytes".into(), resident(daemon.pid())));
    figures.push(("maps_100k_connections_bytes".into(), maps(daemon.pid())));
    drop(holders);
    figures
}

/// Connections that end well, one after the other, both ends of which are here.
fn open_and_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..TIMED {
        let client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        drop(client);
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    }
}

/// Runs of a program of a process, the nanoseconds that they took, and the events that
/// it missed. What the second program of a hook takes is part of the cost, and what it
/// does in place of the first one is not missed.
fn runs(pid: u32, program: &str) -> [f64; 3] {
    let named = |id: &u32| {
        let mut loaded = loaded_programs().filter_map(Result::ok);
        let info = loaded.find(|info| info.id() == *id);
        info.is_some_and(|info| info.name_as_str().is_some_and(|name| name.starts_with(program)))
    };
    let figures: BTreeMap<u32, [u64; 3]> = fdinfo(pid)
        .filter_map(|text| {
            let id = number(&text, "prog_id:").filter(named)?;
            let words = ["run_cnt:", "run_time_ns:", "recursion_misses:"];
            Some((id, words.map(|word| number(&text, word).unwrap_or(0))))
        })
        .filter(|(_, figures)| figures.iter().any(|figure| *figure > 0))
        .collect();
    let sum = |at: usize| figures.values().map(|figures| figures[at]).sum::<u64>() as f64;
    let missed = figures.values().map(|figures| figures[2]).min();
    let missed = missed.unwrap_or_else(|| panic!("process {pid} ran no {program}"));
    [sum(0), sum(1), missed as f64]
}

/// Bytes of kernel memory that the maps of a process take.
fn maps(pid: u32) -> f64 {
    let memory: BTreeMap<u32, f64> = fdinfo(pid)
        .filter_map(|text| Some((number(&text, "map_id:")?, number(&text, "memlock:")?)))
        .collect();
    memory.values().sum()
}

/// What the kernel says of the descriptors of a process.
fn fdinfo(pid: u32) -> impl Iterator<Item = String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    folder.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
}

/// The number in the line that begins with `name`.
fn number<T: FromStr>(text: &str, name: &str) -> Option<T> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// A process that holds its share of connections, once they are open.
fn hold(namespace: &NetNs, number: usize) -> Running {
    let mut command = namespace.command(env::current_exe().unwrap());
    let pairs = (OPEN / 2).div_ceil(HOLDERS).to_string();
    command.args([HOLD, &format!("127.0.1.{number}:4000"), &pairs]);
    let mut holder = Running::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(holder.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "open\n");
    holder
}

/// What such a process does: it opens connections to an address of its own and holds
/// them until nobody wants them any more.
pub(crate) fn hold_here(address: &str, pairs: &str) {
    let listener = TcpListener::bind(address).unwrap();
    let open = |_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap());
    let open: Vec<_> = (0..pairs.parse::<usize>().unwrap()).map(open).collect();
    println!("open");
    stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(open);
}
