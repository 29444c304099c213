//! What is refused, and in which words.

use netmon::config::Overrides;

use crate::load;

/// A file, and what is said of it behind the name of the file.
const FILES: &[(&str, &str)] = &[
    ("[web]\n\nlisen = []", ":3:1: unknown key \"web.lisen\": did you mean \"listen\"?"),
    ("[web]\n\tlisen = []", ":2:2: unknown key \"web.lisen\": did you mean \"listen\"?"),
    (
        "\u{feff}web.x = 1",
        ":1:5: unknown key \"web.x\": [web] has listen, enable_lifecycle, max_connections",
    ),
    ("[wbe]", ":1:2: unknown section \"wbe\": did you mean \"web\"?"),
    ("listen = 1", ":1:1: unknown key \"listen\": did you mean \"web.listen\"?"),
    (
        "# größe\n[detectors]\nsyn_flod = {}",
        ":3:1: unknown section \"detectors.syn_flod\": did you mean \"detectors.syn_flood\"?",
    ),
    (
        "[completely_different]",
        ":1:2: unknown section \"completely_different\": there are interfaces, kernel, tcp, dns, scopes, drops, state, red_flags, \
         web, metrics, log, detectors",
    ),
    (
        "[detectors.syn_flood]\nwarnign = 1",
        ":2:1: unknown key \"detectors.syn_flood.warnign\": did you mean \"warning\"?",
    ),
    ("web = 3", ":1:1: \"web\": expected the section [web], found the number 3"),
    ("[[web]]", ":1:3: \"web\": expected the section [web], found a list"),
    (
        "[web]\nmax_connections = \"many\"",
        ":2:19: \"web.max_connections\": expected a whole number, found the text \"many\"",
    ),
    (
        "[web]\nmax_connections = 1.5",
        ":2:19: \"web.max_connections\": expected a whole number, found the number 1.5",
    ),
    (
        "[web]\nmax_connections = -1",
        ":2:19: \"web.max_connections\": expected a number that is not negative, found the number -1",
    ),
    (
        "[web]\nmax_connections = 0",
        ":2:19: \"web.max_connections\": 0 is out of range: from 1 to 10000",
    ),
    (
        "[web]\nenable_lifecycle = \"yes\"",
        ":2:20: \"web.enable_lifecycle\": expected true or false, found the text \"yes\"",
    ),
    (
        "[web]\nlisten = \"127.0.0.1:1\"",
        ":2:10: \"web.listen\": expected a list, each entry an address such as \
         \"127.0.0.1:10199\", found the text \"127.0.0.1:1\"",
    ),
    (
        "[web]\nlisten = []",
        ":2:10: \"web.listen\": 0 entries is out of range: from 1 to 16 entries",
    ),
    (
        "[web]\nlisten = [\":10199\"]",
        ":2:10: \"web.listen\": \":10199\" has no address: write \"127.0.0.1:10199\" for this host \
         only, or \"[::]:10199\" for everyone",
    ),
    (
        "[web]\nlisten = [\"localhost:10199\"]",
        ":2:10: \"web.listen\": \"localhost:10199\" is a name, and only numeric addresses are \
         taken: write \"127.0.0.1:10199\"",
    ),
    (
        "[web]\nlisten = [\"a\\nb\\u001b[2J\"]",
        ":2:10: \"web.listen\": \"a\\nb\\u{1b}[2J\" is not a numeric address and port: write one \
         such as \"127.0.0.1:10199\"",
    ),
    (
        "[metrics]\nmax_series = 8001",
        ":2:14: \"metrics.max_series\": 8001 is out of range: from 1000 to 8000",
    ),
    (
        "[kernel]\ntick = 1",
        ":2:8: \"kernel.tick\": expected a duration such as \"1s\", found the number 1",
    ),
    (
        "[kernel]\ntick = \"1\"",
        ":2:8: \"kernel.tick\": \"1\" needs a unit (ms, s, m or h), such as \"250ms\" or \"1s\"",
    ),
    ("[kernel]\ntick = \"99ms\"", ":2:8: \"kernel.tick\": 99ms is out of range: from 100ms to 60s"),
    ("[kernel]\ntick = \"2m\"", ":2:8: \"kernel.tick\": 120s is out of range: from 100ms to 60s"),
    ("[kernel]\ntc = \"xdp\"", ":2:6: \"kernel.tc\": \"xdp\" is none of auto, tcx, clsact"),
    (
        "[log]\nlevel = 3",
        ":2:9: \"log.level\": expected one of error, warn, info, debug, trace, found the number 3",
    ),
    (
        "[interfaces]\ninclude = [\"eth[01]\"]",
        ":2:11: \"interfaces.include\": \"eth[01]\" is no pattern: only * and ? are wildcards",
    ),
    ("[dns]\nnames = \"full\"", ":2:9: \"dns.names\": \"full\" is none of off, hashed, plain"),
    (
        "[dns]\nports = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
        ":2:9: \"dns.ports\": 9 entries is out of range: from 0 to 8 entries",
    ),
    (
        "[dns]\nresolvers = [\"192.0.2.53:53\"]",
        ":2:13: \"dns.resolvers\": \"192.0.2.53:53\" is no numeric address: write one such as \
         \"192.0.2.53\" or \"2001:db8::53\", without a port",
    ),
    (
        "[detectors.dns_tunnel]\nallow = [\"*.example.com\"]",
        ":2:9: \"detectors.dns_tunnel.allow\": \"*.example.com\" has a wildcard: leave it out, what \
         is below a domain counts anyway",
    ),
    (
        "[scopes]\ncontainer = [\"10.244.0.1\"]",
        ":2:13: \"scopes.container\": \"10.244.0.1\" has no prefix length: write \"10.244.0.1/32\"",
    ),
    (
        "[scopes]\npublic = [10]",
        ":2:10: \"scopes.public\": expected a network such as \"10.244.0.0/16\" or \"fd00::/8\", \
         found the number 10",
    ),
    (
        "[scopes]\ncontainer = [\"10.0.0.0/8\"]\nprivate = [\"fd00::/8\", \"10.0.0.0/8\"]",
        ":3:1: \"scopes.private\" has 10.0.0.0/8, and so has \"scopes.container\": an address has \
         one scope, so leave one of them out",
    ),
    (
        "[scopes]\ncontainer = [\"fd00::/8\", \"FD00:0::/8\"]",
        ":2:1: \"scopes.container\" has fd00::/8 twice: leave one of them out",
    ),
    (
        "[detectors.syn_flood]\nexempt = [\"192.0.2.7 until 31.1.2027\"]",
        ":2:10: \"detectors.syn_flood.exempt\": \"31.1.2027\" is neither a day nor a time: write \
         \"2027-01-31\" or \"2027-01-31T18:00:00Z\"",
    ),
    (
        "[detectors.rst_storm]\nexempt = [22]",
        ":2:10: \"detectors.rst_storm.exempt\": expected text such as \"192.0.2.0/24\" or \"port 22 \
         until 2027-01-31\", found the number 22",
    ),
    (
        "[red_flags]\nsilences = [\"syn_flod until 2027-01-31\"]",
        ":2:12: \"red_flags.silences\": \"syn_flod\" is no detector: did you mean \"syn_flood\"?",
    ),
    (
        "[detectors.syn_flood]\nwarning = nan",
        ":2:11: \"detectors.syn_flood.warning\": expected a finite number, found the number NaN",
    ),
    (
        "[detectors.syn_flood]\nwarning = inf",
        ":2:11: \"detectors.syn_flood.warning\": expected a finite number, found the number inf",
    ),
    (
        "[detectors.syn_flood]\nwarning = 0",
        ":2:11: \"detectors.syn_flood.warning\": 0 is out of range: from 1 to 1000000000",
    ),
    (
        "[detectors.syn_flood]\nunanswered = 1.0",
        ":2:14: \"detectors.syn_flood.unanswered\": 1 is out of range: from 0.001 to 0.999",
    ),
    (
        "[detectors.syn_flood]\nwarning = 2000.0",
        ":2:1: \"detectors.syn_flood.warning\" is 2000, above \"detectors.syn_flood.critical\", \
         which is 1000: raise one or lower the other",
    ),
    (
        "[detectors.rst_storm]\ncritical_share = 0.05",
        ":2:1: \"detectors.rst_storm.warning_share\" is 0.1, above \
         \"detectors.rst_storm.critical_share\", which is 0.05: raise one or lower the other",
    ),
    ("[web]\n[web]", ":2:2: not valid TOML: duplicate key"),
    ("[log]\nlevel = \"info\"\nlevel = \"info\"", ":3:1: not valid TOML: duplicate key"),
    ("[web\n", ":1:5: not valid TOML: unclosed table, expected `]`"),
];

#[test]
fn a_wrong_file_is_refused_with_line_column_and_advice() {
    for (text, expected) in FILES {
        let error = load(text, &[], &Overrides::default()).err().map(|error| error.to_string());
        let error = error.unwrap_or_else(|| "accepted".to_owned());
        let said = error.split_once("netmon.toml").map_or(error.as_str(), |(_, said)| said);
        assert_eq!(said, *expected, "{text}");
    }
}

#[test]
fn a_wrong_variable_is_refused_by_its_name() {
    for (name, value, expected) in [
        (
            "NETMON_WEB__LISEN",
            "x",
            "NETMON_WEB__LISEN: no such setting: did you mean NETMON_WEB__LISTEN?",
        ),
        (
            "NETMON_SECRET",
            "x",
            "NETMON_SECRET: no such setting: write NETMON_SECTION__KEY, such as NETMON_WEB__LISTEN",
        ),
        (
            "NETMON_WEB_LISTEN",
            "x",
            "NETMON_WEB_LISTEN: no such setting: did you mean NETMON_WEB__LISTEN?",
        ),
        (
            "NETMON_web__listen",
            "x",
            "NETMON_web__listen: no such setting: did you mean NETMON_WEB__LISTEN?",
        ),
        (
            "NETMON_WEB__MAX_CONNECTIONS",
            "",
            "NETMON_WEB__MAX_CONNECTIONS: \"web.max_connections\": expected a whole number, found \
             the text \"\"",
        ),
        (
            "NETMON_WEB__MAX_CONNECTIONS",
            "10001",
            "NETMON_WEB__MAX_CONNECTIONS: \"web.max_connections\": 10001 is out of range: from 1 \
             to 10000",
        ),
        (
            "NETMON_DETECTORS__SYN_FLOOD__ENABLED",
            "1",
            "NETMON_DETECTORS__SYN_FLOOD__ENABLED: \"detectors.syn_flood.enabled\": expected true \
             or false, found the text \"1\"",
        ),
        (
            "NETMON_DETECTORS__SYN_FLOOD__WARNING",
            "NaN",
            "NETMON_DETECTORS__SYN_FLOOD__WARNING: \"detectors.syn_flood.warning\": expected a \
             finite number, found the number NaN",
        ),
        (
            "NETMON_DETECTORS__SYN_FLOOD__CRITICAL",
            "50",
            "NETMON_DETECTORS__SYN_FLOOD__CRITICAL: \"detectors.syn_flood.warning\" is 100, above \
             \"detectors.syn_flood.critical\", which is 50: raise one or lower the other",
        ),
    ] {
        let error = load("", &[(name, value)], &Overrides::default()).err();
        let error = error.map(|error| error.to_string());
        assert_eq!(error, Some(format!("environment variable {expected}")), "{name}={value}");
    }
}

#[test]
fn more_networks_than_there_is_room_for_are_refused() {
    let list = |first: u8| {
        let networks = (0..20).map(|number| format!("\"{first}.{number}.0.0/16\""));
        networks.collect::<Vec<_>>().join(", ")
    };
    let text = format!("[scopes]\ncontainer = [{}]\npublic = [{}]", list(10), list(11));
    let error = load(&text, &[], &Overrides::default()).err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(
        error.ends_with(
            "netmon.toml:2:1: [scopes] has 40 networks, and there is room for 32: write wider ones"
        ),
        "{error}"
    );
}

#[test]
fn what_is_repeated_of_a_value_is_short() {
    let text = format!("[log]\nlevel = \"{}\"", "x".repeat(100_000));
    let error = load(&text, &[], &Overrides::default()).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.len() < 300));
    let key = format!("{} = 1", "k".repeat(100_000));
    let error = load(&key, &[], &Overrides::default()).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.len() < 300));
}
