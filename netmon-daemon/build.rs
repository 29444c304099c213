//! Compiles the eBPF programs and leaves the objects in `OUT_DIR`, from where
//! the daemon embeds the one and the benchmarks the other; and lists the runbooks, which
//! the daemon embeds as well, so that a new one is known by its file alone.
//!
//! Stable Rust has no `core` for BPF. Debian and Ubuntu ship one beside their
//! `rustc-web`; elsewhere nightly builds it from `rust-src`. Whichever is found
//! first is used, and what is missing is said in one sentence.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const TARGET: &str = "bpfel-unknown-none";
const OBJECTS: [&str; 2] = ["netmon-ebpf", "reference"];
/// Where Debian and Ubuntu put the compiler that has `core` for BPF.
const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";

/// A compiler that can build for BPF.
enum Toolchain {
    /// With a prebuilt `core`.
    Distribution,
    /// Builds `core` itself.
    Nightly,
}

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("cargo::error={why}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let root = variable("CARGO_MANIFEST_DIR")?.join("..");
    let out = variable("OUT_DIR")?;
    for path in
        ["netmon-ebpf/src", "netmon-ebpf/Cargo.toml", "netmon-ebpf/Cargo.lock", "netmon-common/src"]
    {
        println!("cargo::rerun-if-changed=../{path}");
    }
    println!("cargo::rerun-if-env-changed=PATH");
    say_what_was_built(&root);
    list_runbooks(&root.join("docs/runbooks"), &out.join("runbooks.rs"))?;

    let linker =
        find("bpf-linker").ok_or("the eBPF linker bpf-linker is missing: run `make setup` once")?;
    let toolchain = toolchain()
        .ok_or("no Rust compiler with a core library for BPF was found: run `make setup` once")?;
    // Beside the other build products, so that all profiles share it.
    let target = out.ancestors().nth(4).unwrap_or(&out).join("ebpf");
    compile(&root.join("netmon-ebpf"), &target, &toolchain, &linker)?;
    for object in OBJECTS {
        let from = target.join(TARGET).join("release").join(object);
        fs::copy(&from, out.join(object)).map_err(|why| format!("{}: {why}", from.display()))?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<PathBuf, String> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo does not say {name}"))
}

/// Writes a Rust expression: the runbooks by their names, in order.
fn list_runbooks(folder: &Path, to: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let failed = |path: &Path, why| format!("{}: {why}", path.display());
    let entries = fs::read_dir(folder).map_err(|why| failed(folder, why))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let rows = paths.iter().map(|path| {
        let path = path.canonicalize().map_err(|why| failed(path, why))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(format!("    ({name:?}, include_str!({:?})),\n", path.to_string_lossy()))
    });
    let rows: String = rows.collect::<Result<_, String>>()?;
    fs::write(to, format!("&[\n{rows}]\n")).map_err(|why| failed(to, why))
}

/// What `netmon_build_info` says.
fn say_what_was_built(root: &Path) {
    let first_line = |command: &mut Command| {
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
    };
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["rev-parse", "--short=12", "HEAD"]);
    let revision = first_line(&mut git).unwrap_or_else(|| "unknown".to_owned());
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let rustc = first_line(Command::new(rustc).arg("--version"));
    let rustc = rustc.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=NETMON_REVISION={revision}");
    println!("cargo::rustc-env=NETMON_RUSTC={rustc}");
}

/// A program in the search path or where cargo installs programs.
fn find(program: &str) -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(home.map(|home| home.join("bin")))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

fn toolchain() -> Option<Toolchain> {
    if libraries(DISTRIBUTION_RUSTC, &[]).is_some_and(|at| at.join(TARGET).is_dir()) {
        return Some(Toolchain::Distribution);
    }
    libraries("rustup", &["run", "nightly", "rustc"])
        .is_some_and(|at| at.join("src/rust/library/core").is_dir())
        .then_some(Toolchain::Nightly)
}

/// The directory of a compiler's libraries.
fn libraries(program: &str, arguments: &[&str]) -> Option<PathBuf> {
    let output = Command::new(program)
        .args(arguments)
        .args(["--print", "sysroot"])
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    Some(Path::new(sysroot.trim()).join("lib/rustlib"))
}

fn compile(
    source: &Path,
    target: &Path,
    toolchain: &Toolchain,
    linker: &Path,
) -> Result<(), String> {
    let mut cargo = match toolchain {
        Toolchain::Distribution => {
            let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            // The target is unstable for a stable compiler, whoever built it.
            cargo.env("RUSTC", DISTRIBUTION_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            cargo
        }
        Toolchain::Nightly => {
            let mut cargo = Command::new("rustup");
            cargo.args(["run", "nightly", "cargo"]).env_remove("RUSTC");
            cargo
        }
    };
    cargo.args(["build", "--release", "--locked", "--target", TARGET]);
    if matches!(toolchain, Toolchain::Nightly) {
        cargo.args(["-Z", "build-std=core"]);
    }
    if env::var_os("CARGO_FEATURE_DEBUG_LOG").is_some() {
        cargo.args(["--features", "debug-log"]);
    }
    let flags = format!("-Clinker={}\x1f-Clink-arg=--btf", linker.display());
    let output = cargo
        .current_dir(source)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        // What this build was started with is meant for the host.
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .map_err(|why| format!("cargo could not be started for the eBPF programs: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&output.stderr);
    for line in log.lines() {
        println!("cargo::warning={line}");
    }
    Err("the eBPF programs do not compile: see above".to_owned())
}
