//! A server that answers as the name says that it is asked for: see `answer.py`.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use super::Scene;
use crate::netns::Running;

/// It at work.
pub(super) struct Answering(#[expect(dead_code, reason = "it ends with its handle")] Running);

impl Answering {
    /// Starts it at the end of the servers.
    pub(super) fn start(scene: &Scene) -> Self {
        let mut command = scene.serving().command("python3");
        command.args(["-c", include_str!("answer.py"), scene.server()]).stdout(Stdio::piped());
        let mut process = Running::spawn(&mut command);
        let mut line = String::new();
        let output = process.0.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(process)
    }
}
