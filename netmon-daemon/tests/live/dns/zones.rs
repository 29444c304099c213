//! What the authoritative server is to know: zones, and the configuration for them.

use std::{fmt::Write as _, fs, path::Path, process::Command};

/// Records of the zone that is handed over as a whole.
pub(super) const TRANSFERRED: u32 = 30_000;

/// Lengths of the text below `t<length>.plain.test`, in pieces of 250.
pub(super) const TEXTS: [usize; 5] = [500, 1000, 1250, 3000, 8000];
/// The same of one that is a red flag by itself.
pub(super) const LARGE: usize = 20_000;

/// One record of every type that is told apart, and one that is not (CAA).
const PLAIN: &str = "\
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
@ MX 10 mail
ns A 192.0.2.1
mail A 192.0.2.2
www A 192.0.2.3
www AAAA 2001:db8::3
alias CNAME www
txt TXT \"v=spf1 -all\"
1 PTR www
_sip._tcp SRV 0 5 5060 www
www HTTPS 1 . alpn=h2
null TYPE10 \\# 3 616263
www CAA 0 issue \"ca.example\"
";

/// The head of a zone that is full of something else.
const HEAD: &str = "$TTL 300\n@ SOA ns.plain.test. hostmaster.plain.test. 7 3600 600 86400 60\n\
                    @ NS ns.plain.test.\n";

/// Zones with their text, but the one that is signed.
fn zones() -> Vec<(&'static str, String)> {
    let mut plain = PLAIN.to_owned();
    for length in TEXTS.into_iter().chain([LARGE]) {
        let pieces = vec![format!("\"{}\"", "x".repeat(250)); length / 250];
        writeln!(plain, "t{length} TXT {}", pieces.join(" ")).unwrap();
    }
    // The two ways to write an address the wrong way round end in a wildcard.
    let reverse = format!("{HEAD}* PTR host.plain.test.\n");
    // A list knows few of the addresses and domains that it is asked for.
    let listed = format!("{HEAD}$GENERATE 0-255/32 $.2.0.192 A 127.0.0.2\n");
    let domains = format!("{HEAD}$GENERATE 0-500/50 shop$.example.net A 127.0.1.2\n");
    vec![
        ("plain.test", plain),
        ("big.test", format!("{HEAD}$GENERATE 1-{TRANSFERRED} h$ A 10.0.0.1\n")),
        ("10.in-addr.arpa", reverse.clone()),
        ("8.b.d.0.1.0.0.2.ip6.arpa", reverse),
        ("bl.example.org", listed),
        ("dbl.example.org", domains),
    ]
}

/// Writes zones, keys and configuration into a folder; `named.conf` is the file to
/// start with. A zone without a file gives SERVFAIL, and one that is not named REFUSED.
pub(super) fn write(folder: &Path, addresses: [&str; 2]) {
    let [four, six] = addresses;
    let mut config = format!(
        "options {{ directory \"{}\"; pid-file none; session-keyfile none; recursion no;\n\
         listen-on {{ {four}; }}; listen-on-v6 {{ {six}; }}; dnssec-validation no;\n\
         max-udp-size 4096; edns-udp-size 4096; allow-transfer {{ any; }}; notify no;\n\
         minimal-responses yes; }};\ncontrols {{ }};\n",
        folder.display()
    );
    let mut zone = |name: &str, file: &str| {
        writeln!(
            config,
            "zone \"{name}\" {{ type primary; file \"{file}\"; check-names ignore; }};"
        )
        .unwrap();
    };
    for (name, text) in zones() {
        fs::write(folder.join(name), text).unwrap();
        zone(name, name);
    }
    fs::write(folder.join("signed.text"), PLAIN).unwrap();
    sign(folder);
    zone("signed.test", "signed.test");
    zone("broken.test", "missing");
    fs::write(folder.join("named.conf"), config).unwrap();
}

/// Makes the keys of `signed.test` and signs it.
fn sign(folder: &Path) {
    let algorithm = ["-q", "-a", "ECDSAP256SHA256"];
    let steps = [
        ("dnssec-keygen", [&algorithm[..], &["-f", "KSK", "signed.test"]].concat()),
        ("dnssec-keygen", [&algorithm[..], &["signed.test"]].concat()),
        (
            "dnssec-signzone",
            vec!["-q", "-S", "-o", "signed.test", "-f", "signed.test", "signed.text"],
        ),
    ];
    for (program, arguments) in steps {
        let output = Command::new(program).args(&arguments).current_dir(folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }
}
