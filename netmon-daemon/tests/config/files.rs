//! Files that are none, through the real binary: one line, status 78, no hang.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// `netmon check` with a clean environment.
fn check(path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netmon"))
        .env_clear()
        .args(["check", "--config"])
        .arg(path)
        .output()
        .unwrap()
}

/// What is said of a path that `make` fills, behind the name of the path.
fn said(make: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netmon.toml");
    make(&path);
    let output = check(&path);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(output.stdout.is_empty());
    let line = said.strip_suffix('\n').unwrap();
    assert!(!line.contains(char::is_control), "{line:?}");
    let before = format!("netmon: {}", path.display());
    line.strip_prefix(&before).unwrap_or(line).to_owned()
}

#[test]
fn what_is_no_file_is_refused() {
    assert_eq!(said(|_| {}), ": there is no such file");
    assert_eq!(said(|path| fs::create_dir(path).unwrap()), ": is a directory: name a TOML file");
    // Opening a FIFO that nobody writes to would wait for ever.
    let fifo = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    assert_eq!(said(fifo), ": is no regular file: name a TOML file");
    let dangling = |path: &Path| std::os::unix::fs::symlink("nowhere", path).unwrap();
    assert_eq!(said(dangling), ": there is no such file");
    let endless = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    assert_eq!(said(endless), ": is no regular file: name a TOML file");
    let loops = |path: &Path| std::os::unix::fs::symlink(path, path).unwrap();
    assert!(said(loops).starts_with(": cannot be read: Too many levels of symbolic links"));
}

#[test]
fn what_is_no_text_is_refused() {
    let long = |path: &Path| fs::write(path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(said(long), ": is longer than 1 MiB, which no configuration is");
    let latin = |path: &Path| fs::write(path, b"[web]\n# gr\xf6\xdfe\n").unwrap();
    assert_eq!(said(latin), ":2:5: not valid UTF-8: save the file as UTF-8");
    let nul = |path: &Path| fs::write(path, b"[web]\n\0\n").unwrap();
    assert!(said(nul).starts_with(":2:2: not valid TOML: "));
    let just_fits = |path: &Path| {
        let mut text = vec![b'#'; 1 << 20];
        text[..8].copy_from_slice(b"[wbe] \n#");
        fs::write(path, text).unwrap();
    };
    assert_eq!(said(just_fits), ":1:2: unknown section \"wbe\": did you mean \"web\"?");
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    // Root may read everything, so the reader gives that up first.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netmon.toml");
    fs::write(&path, "").unwrap();
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(&path, 0o000);
    if fs::read(&path).is_err() {
        let output = check(&path);
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(": cannot be read: Permission denied"), "{said}");
    } else {
        eprintln!("SKIPPED: this user may read everything");
    }
    mode(&path, 0o600);
}

#[test]
fn names_of_files_are_shown_on_one_line() {
    let output = check(Path::new("/no\nwhere\u{1b}[2J"));
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "netmon: /no\\nwhere\\u{1b}[2J: there is no such file\n"
    );
}
