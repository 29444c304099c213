//! The clients: dnsperf for many questions, dig for what dnsperf cannot ask.
//!
//! dnsperf's `-e` always offers 4,096 bytes, and a run ends when every query was
//! answered or given up after `-t` seconds; it never asks again. Two traps: without a
//! larger `-q` it waits when a hundred queries are open, and over TCP it loses track of
//! some when the server ends the connection, as dnsmasq does after a hundred queries;
//! see [`SHORT`].

use std::{collections::BTreeMap, fs};

use crate::netns::NetNs;

/// Over what is asked, as dnsperf and as netmon call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A run of dnsperf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) server: &'a str,
    pub(crate) transport: Transport,
    /// Queries a second.
    pub(crate) rate: u32,
    /// How often the questions are asked.
    pub(crate) rounds: u64,
    /// More options.
    pub(crate) options: &'a [&'a str],
}

/// The option that ends a connection before dnsmasq does.
pub(super) const SHORT: [&str; 2] = ["-O", "num-queries-per-conn=50"];

/// What dnsperf says that it did.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    /// Answers by code, with the codes as netmon calls them.
    pub(crate) answers: BTreeMap<String, u64>,
}

impl Load<'_> {
    /// Asks these questions, each a name and a type.
    pub(crate) fn run<'q>(
        &self,
        namespace: &NetNs,
        questions: impl IntoIterator<Item = &'q str>,
    ) -> Report {
        let questions: Vec<&str> = questions.into_iter().collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("questions");
        fs::write(&file, questions.join("\n")).unwrap();
        let (rate, rounds) = (self.rate.to_string(), self.rounds.to_string());
        let words = ["dnsperf", "-s", self.server, "-m", self.transport.name(), "-Q", &rate, "-n"];
        let words = [&words[..], &[&rounds, "-d", file.to_str().unwrap()], self.options].concat();
        let report = Report::parse(&String::from_utf8(namespace.run(words)).unwrap());
        assert_eq!(report.sent, self.rounds * questions.len() as u64, "{report:?}");
        report
    }
}

impl Report {
    fn parse(text: &str) -> Self {
        // "Response codes:       NOERROR 1300 (81.25%), SERVFAIL 100 (6.25%)"
        let codes = text.split_once("Response codes:").unwrap_or_else(|| panic!("{text}")).1;
        let codes = codes.lines().next().unwrap().split("),");
        let answers = codes.filter_map(|code| {
            let (name, count) = code.trim().split_once(' ')?;
            Some((name.to_lowercase(), first_number(count)))
        });
        Self {
            sent: figure(text, "Queries sent:"),
            completed: figure(text, "Queries completed:"),
            answers: answers.collect(),
        }
    }
}

/// What dig says to some questions, each as its words, in one go. It asks again over
/// TCP by itself when an answer was cut, unless told otherwise.
pub(super) fn dig(namespace: &NetNs, server: &str, questions: &[String]) -> String {
    let words = ["dig".to_owned(), format!("@{server}")];
    let asked = questions.iter().flat_map(|question| question.split(' ')).map(str::to_owned);
    String::from_utf8(namespace.run(words.into_iter().chain(asked))).unwrap()
}

/// The number behind a word of a report.
fn figure(report: &str, word: &str) -> u64 {
    let (_, rest) = report.split_once(word).unwrap_or_else(|| panic!("{word} in {report}"));
    first_number(rest.trim_start())
}

fn first_number(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}
