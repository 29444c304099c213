//! The formats of the files.
//!
//! Must not guess: a line without its end may be cut within a number, and a line
//! of values that is not as long as its line of names says nothing about any of
//! them. Invariant: any bytes are read without a panic, and what is not a number
//! leaves its counter absent.

use super::{
    counters::{Counters, Source},
    softnet::Cpu,
};

/// Lines of names, each followed by its line of values, as in snmp and netstat:
/// `Tcp: InSegs OutSegs` and `Tcp: 7 9`. Any order, any number of columns.
pub(super) fn pairs(source: Source, text: &[u8], counters: &mut Counters) {
    let mut names: Option<(&str, &str)> = None;
    for line in lines(text) {
        let Some((section, cells)) = line.and_then(|line| line.split_once(':')) else {
            names = None;
            continue;
        };
        match names.take() {
            Some((of, names)) if of == section => {
                let (names, values) =
                    (names.split_ascii_whitespace(), cells.split_ascii_whitespace());
                if names.clone().count() != values.clone().count() {
                    continue;
                }
                for (name, value) in names.zip(values) {
                    set(counters, source, section, name, value);
                }
            }
            _ => names = Some((section, cells)),
        }
    }
}

/// A name and a value on each line, as in snmp6.
pub(super) fn list(source: Source, text: &[u8], counters: &mut Counters) {
    for line in lines(text).flatten() {
        let mut words = line.split_ascii_whitespace();
        if let (Some(name), Some(value), None) = (words.next(), words.next(), words.next()) {
            set(counters, source, "", name, value);
        }
    }
}

/// A line of hexadecimal columns for each CPU, as in `softnet_stat`. None when
/// any line is damaged: a sum without a CPU would be wrong.
pub(super) fn cpus(text: &[u8]) -> Option<Vec<Cpu>> {
    let mut ends = text.rsplitn(2, |byte| *byte == b'\n');
    // Nothing may follow the end of the last line.
    if !ends.next()?.is_empty() {
        return None;
    }
    lines(text).enumerate().map(|(row, line)| cpu(row, line?)).collect()
}

/// The column with the number of the CPU. Kernels before 5.10 may not have it:
/// then the place of the line has to do.
const CPU_COLUMN: usize = 12;

fn cpu(row: usize, line: &str) -> Option<Cpu> {
    let mut columns = line.split_ascii_whitespace();
    let (processed, dropped, time_squeeze) = (columns.next()?, columns.next()?, columns.next()?);
    let number = match columns.nth(CPU_COLUMN - 3) {
        Some(column) => usize::try_from(hexadecimal(column)?).ok()?,
        None => row,
    };
    let cells = [hexadecimal(processed)?, hexadecimal(dropped)?, hexadecimal(time_squeeze)?];
    Some(Cpu { number, cells })
}

/// The lines that have an end; none in place of one that is not text.
fn lines(text: &[u8]) -> impl Iterator<Item = Option<&str>> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let whole = text.get(..whole).unwrap_or_default();
    let lines = (!whole.is_empty()).then(|| whole.split(|byte| *byte == b'\n'));
    lines.into_iter().flatten().map(|line| str::from_utf8(line).ok())
}

fn set(counters: &mut Counters, source: Source, section: &str, column: &str, value: &str) {
    if let Some(cell) = counters.cell(source, section, column) {
        *cell = decimal(value);
    }
}

/// Digits alone: Rust would take a sign as well.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn hexadecimal(text: &str) -> Option<u64> {
    let number = u64::from_str_radix(text, 16).ok();
    number.filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that a text of the format of snmp gives, by name.
    fn given(text: &[u8]) -> Vec<(&'static str, u64)> {
        let mut counters = Counters::default();
        pairs(Source::Snmp, text, &mut counters);
        named(&counters)
    }

    fn named(counters: &Counters) -> Vec<(&'static str, u64)> {
        let fields = Counters::FIELDS.iter().zip(counters.values());
        fields.filter_map(|(field, value)| Some((field.name, value?))).collect()
    }

    #[test]
    fn pairs_of_lines() {
        type Case = (&'static str, &'static [u8], &'static [(&'static str, u64)]);
        let cases: [Case; 22] = [
            ("nothing", b"", &[]),
            ("an empty line", b"\n", &[]),
            ("one", b"Tcp: InSegs\nTcp: 7\n", &[("tcp_in_segs", 7)]),
            (
                "another order, unknown columns and sections",
                b"Ip: A InSegs\nIp: 1 2\nTcp: OutRsts New InSegs\nTcp: 3 4 5\n",
                &[("tcp_in_segs", 5), ("tcp_out_rsts", 3)],
            ),
            (
                "the same column of two sections",
                b"UdpLite: InErrors\nUdpLite: 8\nUdp: InErrors\nUdp: 9\n",
                &[("udp_in_errors", 9)],
            ),
            ("zero is a value", b"Tcp: InSegs\nTcp: 0\n", &[("tcp_in_segs", 0)]),
            (
                "the greatest number",
                b"Tcp: InSegs\nTcp: 18446744073709551615\n",
                &[("tcp_in_segs", u64::MAX)],
            ),
            (
                "one more, beside one that can be read",
                b"Tcp: InSegs OutSegs\nTcp: 18446744073709551616 4\n",
                &[("tcp_out_segs", 4)],
            ),
            ("less than nothing", b"Tcp: InSegs OutSegs\nTcp: -1 4\n", &[("tcp_out_segs", 4)]),
            ("a sign", b"Tcp: InSegs\nTcp: +1\n", &[]),
            ("no number", b"Tcp: InSegs\nTcp: x\n", &[]),
            ("fewer values than names", b"Tcp: InSegs OutSegs\nTcp: 1\n", &[]),
            ("more values than names", b"Tcp: InSegs\nTcp: 1 2\n", &[]),
            ("the end is missing", b"Tcp: InSegs\nTcp: 12", &[]),
            ("the values are missing", b"Tcp: InSegs\n", &[]),
            (
                "the values are missing, another section follows",
                b"Tcp: InSegs\nUdp: NoPorts\nUdp: 6\n",
                &[("udp_no_ports", 6)],
            ),
            ("values of another section", b"Tcp: InSegs\nUdp: 5\n", &[]),
            ("a line between", b"Tcp: InSegs\njunk\nTcp: 5\n", &[]),
            ("names twice", b"Tcp: InSegs\nTcp: InSegs\nTcp: 5\n", &[]),
            ("no text in the names", b"Tcp: InSegs \xff\nTcp: 5 6\n", &[]),
            (
                "no text elsewhere",
                b"\xff\xfe: a\n\xff\xfe: 1\nTcp: InSegs\nTcp: 5\n",
                &[("tcp_in_segs", 5)],
            ),
            (
                "more blanks",
                b"Tcp:\t InSegs  OutSegs \nTcp:  5\t6\n",
                &[("tcp_in_segs", 5), ("tcp_out_segs", 6)],
            ),
        ];
        for (name, text, expected) in cases {
            assert_eq!(given(text), expected, "{name}");
        }
    }

    #[test]
    fn a_column_belongs_to_its_file() {
        let text = b"TcpExt: TCPTimeouts InSegs\nTcpExt: 1 2\nTcp: InSegs\nTcp: 3\n";
        let mut counters = Counters::default();
        pairs(Source::Netstat, text, &mut counters);
        assert_eq!(named(&counters), [("tcp_timeouts", 1)]);
    }

    #[test]
    fn lists() {
        type Case = (&'static str, &'static [u8], &'static [(&'static str, u64)]);
        let cases: [Case; 5] = [
            ("nothing", b"", &[]),
            (
                "as the kernel writes it",
                b"Ip6InReceives                   \t2\nUdp6NoPorts                     \t7\n",
                &[("udp6_no_ports", 7)],
            ),
            ("no value", b"Udp6NoPorts\nUdp6InErrors 3\n", &[("udp6_in_errors", 3)]),
            ("two values", b"Udp6NoPorts 1 2\n", &[]),
            ("the end is missing", b"Udp6InErrors 3\nUdp6NoPorts 1", &[("udp6_in_errors", 3)]),
        ];
        for (name, text, expected) in cases {
            let mut counters = Counters::default();
            list(Source::Snmp6, text, &mut counters);
            assert_eq!(named(&counters), expected, "{name}");
        }
    }

    #[test]
    fn lines_of_cpus() {
        type Case = (&'static str, &'static [u8], Option<&'static [(usize, [u64; 3])]>);
        let cases: [Case; 10] = [
            ("nothing", b"", Some(&[])),
            (
                "Linux 6.18",
                b"021e9215 00000001 00000002 0 0 0 0 0 0 0 0 00000000 00000000 0 0\n\
                  01871564 00000000 00000003 0 0 0 0 0 0 0 0 00000000 00000005 0 0\n",
                Some(&[(0, [0x021e_9215, 1, 2]), (5, [0x0187_1564, 0, 3])]),
            ),
            (
                "Linux 5.4: no number of the CPU",
                b"a 1 2 0 0 0 0 0 0 0 0\nb 3 4 0 0 0 0 0 0 0 0\n",
                Some(&[(0, [10, 1, 2]), (1, [11, 3, 4])]),
            ),
            ("three columns", b"FFFFFFFF 0 0\n", Some(&[(0, [0xffff_ffff, 0, 0])])),
            ("wider than today", b"100000000 0 0\n", Some(&[(0, [1 << 32, 0, 0])])),
            ("two columns", b"1 2\n", None),
            ("no number", b"1 2 3\nx 2 3\n", None),
            ("a sign", b"+1 2 3\n", None),
            ("the end is missing", b"1 2 3\n1 2 3", None),
            ("no text", b"1 2 3\n\xff\n", None),
        ];
        for (name, text, expected) in cases {
            let expected = expected.map(<[_]>::to_vec);
            let given = cpus(text)
                .map(|cpus| cpus.iter().map(|cpu| (cpu.number, cpu.cells)).collect::<Vec<_>>());
            assert_eq!(given, expected, "{name}");
        }
    }

    /// A text that is cut never gives another number than the whole text.
    #[test]
    fn a_cut_text_gives_less_and_never_something_else() {
        let text: &[u8] = b"Udp: NoPorts InErrors\nUdp: 1234 56\nTcp: InSegs OutRsts\nTcp: 78 9\n";
        let whole = given(text);
        assert_eq!(whole.len(), 4);
        for len in 0..text.len() {
            assert!(given(&text[..len]).iter().all(|field| whole.contains(field)), "{len}");
        }
    }

    #[test]
    fn damage_anywhere_is_survived() {
        let text: &[u8] = b"1 2 3\nUdp: NoPorts InErrors\nUdp: 1234 56\nUdp6NoPorts 7\n";
        for at in 0..text.len() {
            for byte in [0, b'\n', b':', b' ', b'9', b'-', 0x80, 0xff] {
                let mut damaged = text.to_vec();
                damaged[at] = byte;
                let mut counters = Counters::default();
                pairs(Source::Snmp, &damaged, &mut counters);
                list(Source::Snmp6, &damaged, &mut counters);
                assert_eq!(cpus(&damaged), None, "lines of text are no CPUs");
            }
        }
    }
}
