//! What the daemon itself takes: memory and processor while idle, the time of a
//! scrape, and the time of a tick over many devices.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;

use crate::{
    Figures,
    netns::{NetNs, Running, veth},
};

const ADDRESS: &str = "127.0.0.1:10199";
/// How long the daemon may take to answer for the first time.
const START: Duration = Duration::from_secs(10);
/// After which it is idle.
const SETTLED: Duration = Duration::from_secs(10);
/// Over which its use of the processor is taken.
const IDLE: Duration = Duration::from_secs(20);
const SCRAPES: usize = 200;
/// Pairs of devices for the tick.
const PAIRS: usize = 32;
/// How often the tick is asked for, a second apart.
const TICKS: usize = 15;
/// Clock ticks per second in /proc, on all architectures of Linux.
const CLOCK: f64 = 100.0;

/// The figures of the daemon.
pub(crate) fn measure() -> Figures {
    let mut figures = Figures::new();
    let namespace = NetNs::new();
    veth(&namespace, "one", &namespace, "two");
    let daemon = start(&namespace, "");
    wait(SETTLED);
    let pid = daemon.pid();
    figures.push(("rss_idle_bytes".into(), resident(pid)));
    let before = processor(pid);
    wait(IDLE);
    figures.push(("cpu_idle_ratio".into(), (processor(pid) - before) / IDLE.as_secs_f64()));
    figures.push(("scrape_p50_seconds".into(), scrape_p50(&namespace)));
    figures.push(("rss_scraped_bytes".into(), resident(pid)));
    drop(daemon);

    let namespace = NetNs::new();
    let mut lines = String::new();
    for pair in 0..PAIRS {
        writeln!(lines, "link add a{pair} type veth peer name b{pair}").unwrap();
        writeln!(lines, "link set a{pair} up\nlink set b{pair} up").unwrap();
    }
    namespace.ip_batch(&lines);
    let daemon = start(&namespace, "");
    figures.push(("tick_64_interfaces_seconds".into(), tick_p50(&namespace)));
    drop(daemon);
    figures
}

#[expect(clippy::disallowed_methods, reason = "here time itself is what is waited for")]
pub(crate) fn wait(time: Duration) {
    thread::sleep(time);
}

/// A daemon without any configuration of this machine.
pub(crate) struct Daemon {
    running: Running,
    _config: NamedTempFile,
}

impl Daemon {
    /// The process itself, which `ip netns exec` became.
    pub(crate) fn pid(&self) -> u32 {
        let pid = self.running.0.id();
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
        assert_eq!(name.trim(), "netmon", "process {pid}");
        pid
    }
}

/// Starts the daemon, some of whose programs may be forbidden, and waits for its first
/// snapshot.
pub(crate) fn start(namespace: &NetNs, forbidden: &str) -> Daemon {
    let config = NamedTempFile::new().unwrap();
    let binary = env!("CARGO_BIN_EXE_netmon");
    // `ip netns exec` hides the control groups, which one of the programs wants.
    let mut command =
        if forbidden.is_empty() { namespace.command(binary) } else { Command::new(binary) };
    command.args(["run", "--listen", ADDRESS, "--config"]).arg(config.path());
    command.env("NETMON_FORBID", forbidden).stderr(Stdio::null());
    let daemon =
        Daemon { running: namespace.enter(|| Running::spawn(&mut command)), _config: config };
    let begun = Instant::now();
    while begun.elapsed() < START {
        if namespace.enter(|| get("/-/ready")).is_ok_and(|text| text.starts_with("HTTP/1.1 200")) {
            return daemon;
        }
        wait(Duration::from_millis(50));
    }
    panic!("the daemon did not become ready")
}

/// The median time of a scrape, over one connection as Prometheus keeps it.
fn scrape_p50(namespace: &NetNs) -> f64 {
    let mut times = namespace.enter(|| {
        let mut stream = BufReader::new(TcpStream::connect(ADDRESS).unwrap());
        stream.get_ref().set_nodelay(true).unwrap();
        (0..SCRAPES)
            .map(|_| {
                let begun = Instant::now();
                scrape(&mut stream);
                begun.elapsed().as_secs_f64()
            })
            .collect::<Vec<_>>()
    });
    times.sort_by(f64::total_cmp);
    times[SCRAPES / 2]
}

/// One scrape over a connection that stays open.
fn scrape(stream: &mut BufReader<TcpStream>) {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut len = None;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            len = value.trim().parse::<usize>().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; len.expect("a scrape has a known length")];
    stream.read_exact(&mut body).unwrap();
}

/// What a path answers, header and all.
pub(crate) fn get(path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The median time of a tick in seconds.
fn tick_p50(namespace: &NetNs) -> f64 {
    ticks(namespace)[TICKS / 2]
}

/// Times of some ticks in seconds, in order, the first ones of all left out.
pub(crate) fn ticks(namespace: &NetNs) -> Vec<f64> {
    let polls = || {
        wait(Duration::from_secs(1));
        polls(&namespace.enter(|| get("/metrics")).unwrap())
    };
    let (mut seconds, mut ticks) = polls();
    let mut times = Vec::new();
    while times.len() < TICKS {
        let (now, done) = polls();
        if done > ticks {
            times.push((now - seconds) / (done - ticks));
        }
        (seconds, ticks) = (now, done);
    }
    times.sort_by(f64::total_cmp);
    times
}

/// Seconds that all stages of all ticks took, and the number of ticks.
fn polls(metrics: &str) -> (f64, f64) {
    let counts = values(metrics, "netmon_poll_duration_seconds_count");
    let seconds = values(metrics, "netmon_poll_duration_seconds_sum").sum();
    (seconds, { counts }.next().expect("the daemon times its ticks"))
}

/// The values of all rows that begin so.
pub(crate) fn values(metrics: &str, rows: &str) -> impl Iterator<Item = f64> {
    let lines = metrics.lines().filter(move |line| line.starts_with(rows));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok())
}

/// Resident memory in bytes.
pub(crate) fn resident(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.expect("VmRSS in KiB") * 1024.0
}

/// Processor time that a process used, in seconds.
pub(crate) fn processor(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name, which may hold anything: state is field 3, the times are
    // fields 14 and 15 (proc_pid_stat(5)).
    let (_, rest) = text.rsplit_once(')').unwrap();
    let fields: Vec<f64> = rest.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    (fields[11] + fields[12]) / CLOCK
}
