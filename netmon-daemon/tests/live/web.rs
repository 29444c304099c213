//! A web server, nginx, that says the same to everybody and then closes the connection.

use std::{fs, net::TcpStream, process::Stdio};

use tempfile::TempDir;

use crate::{
    deadline::until_true,
    netns::{NetNs, Running},
};

/// Where it listens.
pub(crate) const PORT: u16 = 8080;

const CONFIGURATION: &str = "
daemon off;
master_process off;
error_log stderr crit;
pid nginx.pid;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_timeout 0;
    server { listen ADDRESS:PORT backlog=1024; location / { return ANSWER; } }
}
";

/// One at work.
pub(crate) struct Server {
    _process: Running,
    _folder: TempDir,
}

impl Server {
    /// Starts it, and awaits that it listens. The answer is a status and a text.
    pub(crate) fn start(namespace: &NetNs, address: &str, answer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.conf");
        let port = PORT.to_string();
        let words = [("ADDRESS", address), ("PORT", &port), ("ANSWER", answer)];
        let text = words
            .iter()
            .fold(CONFIGURATION.to_owned(), |text, (word, value)| text.replace(word, value));
        fs::write(&file, text).unwrap();
        let mut command = namespace.command("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let process = Running::spawn(command.stderr(Stdio::null()));
        until_true("nginx listens", || {
            namespace.enter(|| TcpStream::connect((address, PORT)).is_ok())
        });
        Self { _process: process, _folder: folder }
    }
}
