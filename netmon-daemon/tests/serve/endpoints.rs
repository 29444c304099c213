//! Every path: status, headers, body.

use std::io::Read as _;

use flate2::read::GzDecoder;
use netmon::http::{Server, Settings};
use serde_json::json;

use crate::{
    client::{ask, get, serve, settings},
    exposition, views,
};

#[tokio::test]
async fn paths_and_methods_answer_as_documented() {
    let served = serve(Some(views::rich()), settings()).await;
    let cases = [
        ("GET", "/", 200, "text/html; charset=utf-8", "1 red flag, 1 critical"),
        ("GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "netmon_build_info"),
        ("GET", "/-/healthy", 200, "text/plain; charset=utf-8", "healthy"),
        ("GET", "/-/ready", 200, "text/plain; charset=utf-8", "ready"),
        ("GET", "/api/v1/red-flags", 200, "application/json", "syn_flood"),
        ("GET", "/api/v1/interfaces", 200, "application/json", "eth0"),
        ("GET", "/api/v1/hooks", 200, "application/json", "netmon_ingress"),
        ("POST", "/-/reload", 403, "text/plain; charset=utf-8", "web.enable_lifecycle"),
        ("GET", "/-/reload", 405, "text/plain; charset=utf-8", "use POST"),
        ("POST", "/metrics", 405, "text/plain; charset=utf-8", "use GET"),
        ("TRACE", "/", 405, "text/plain; charset=utf-8", "use GET"),
        ("GET", "/nothing", 404, "text/plain; charset=utf-8", "/metrics"),
        ("GET", "/metrics/", 404, "text/plain; charset=utf-8", "/metrics"),
        ("GET", "/../etc/passwd", 404, "text/plain; charset=utf-8", "nothing here"),
        ("GET", "/%00%ff", 404, "text/plain; charset=utf-8", "nothing here"),
        ("GET", "/metrics?name[]=x", 200, "text/plain; version=0.0.4; charset=utf-8", "netmon_"),
    ];
    for (method, path, status, kind, word) in cases {
        let answer = ask(served.addr, method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("content-type"), kind, "{method} {path}");
        assert!(answer.text().contains(word), "{method} {path}: {}", answer.text());
        let length: usize = answer.header("content-length").parse().unwrap();
        assert_eq!(length, answer.body.len(), "{method} {path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{method} {path}: {policy}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let served = serve(Some(views::small()), settings()).await;
    for path in ["/", "/metrics", "/-/healthy", "/api/v1/hooks"] {
        let whole = get(served.addr, path).await;
        let head = ask(served.addr, "HEAD", path, "").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{path}");
        assert!(!head.header("content-length").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn metrics_come_in_the_format_and_coding_that_was_asked_for() {
    let served = serve(Some(views::rich()), settings()).await;
    let openmetrics = "Accept: application/openmetrics-text;version=1.0.0;escaping=underscores\r\n";
    let cases = [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (
            openmetrics,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            "Accept: application/vnd.google.protobuf;\
             proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
             encoding=delimited",
        ),
    ];
    for (accept, kind) in cases {
        let plain = ask(served.addr, "GET", "/metrics", accept).await;
        assert_eq!(plain.header("content-type"), kind);
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(plain.header("vary"), "accept, accept-encoding");
        let packed =
            ask(served.addr, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip\r\n"))
                .await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.body.len() * 3 < plain.body.len(), "{kind}: gzip saves little");
        let mut body = Vec::new();
        GzDecoder::new(&packed.body[..]).read_to_end(&mut body).unwrap();
        assert!(body.len().abs_diff(plain.body.len()) < 200, "{kind}: another content");
    }
    let text = ask(served.addr, "GET", "/metrics", openmetrics).await;
    assert!(text.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn scrapes_are_measured() {
    let served = serve(Some(views::small()), settings()).await;
    let count = |text: &str| exposition::parse(text).sum("netmon_scrape_duration_seconds_count");
    assert_eq!(count(get(served.addr, "/metrics").await.text()), 0.0);
    assert_eq!(count(get(served.addr, "/metrics").await.text()), 1.0);
}

#[tokio::test]
async fn ready_says_what_is_missing() {
    let served = serve(None, settings()).await;
    let before = get(served.addr, "/-/ready").await;
    assert_eq!(before.status, 503);
    assert!(before.text().contains("not read yet"), "{}", before.text());
    assert_eq!(get(served.addr, "/api/v1/hooks").await.status, 503);
    assert!(get(served.addr, "/").await.text().contains("Starting"));
    // What does not depend on a snapshot is served all the same.
    let metrics = get(served.addr, "/metrics").await;
    assert!(metrics.text().contains("netmon_build_info"), "{}", metrics.text());
    assert!(!metrics.text().contains("netmon_host_packets_total"), "absent is not 0");

    let mut blind = views::small();
    blind.hooks = vec![views::hook("netmon_ingress", None)];
    served.view.send_replace(Some(blind.into()));
    let blind = get(served.addr, "/-/ready").await;
    assert_eq!(blind.status, 503);
    assert!(blind.text().contains("netmon_ingress (the kernel has no BTF)"), "{}", blind.text());
    assert!(get(served.addr, "/").await.text().contains("Blind: no program is attached"));

    served.view.send_replace(Some(views::small().into()));
    assert_eq!(get(served.addr, "/-/ready").await.status, 200);
    assert!(get(served.addr, "/").await.text().contains("Healthy"));
}

#[tokio::test]
async fn reload_hands_on_the_outcome() {
    let lifecycle = Settings { enable_lifecycle: true, ..settings() };
    let mut served = serve(Some(views::small()), lifecycle).await;
    for (outcome, status, said) in [
        (Ok(()), 200, "reloaded"),
        (Err("netmon.toml:3: unknown key `tik`".to_owned()), 500, "netmon.toml:3"),
    ] {
        let asking = tokio::spawn(ask_reload(served.addr));
        served.reloads.recv().await.unwrap().reply.send(outcome).unwrap();
        let (code, text) = asking.await.unwrap();
        assert_eq!(code, status);
        assert!(text.contains(said), "{text}");
    }
    served.settings.send_replace(settings());
    assert_eq!(ask_reload(served.addr).await.0, 403);
}

async fn ask_reload(addr: std::net::SocketAddr) -> (u16, String) {
    let answer = ask(addr, "POST", "/-/reload", "Content-Length: 0\r\n").await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test]
async fn json_fields_are_as_documented() {
    let served = serve(Some(views::rich()), settings()).await;
    for (path, fields) in [
        ("/api/v1/red-flags", "red_flags.0"),
        ("/api/v1/red-flags", "detectors.0"),
        ("/api/v1/interfaces", "interfaces.0"),
        ("/api/v1/hooks", "hooks.2"),
    ] {
        let answer = get(served.addr, path).await;
        let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(document["version"], 1, "{path}");
        let (list, index) = fields.split_once('.').unwrap();
        let row = &document[list][index.parse::<usize>().unwrap()];
        let documented = include_str!("../../../docs/http-api.md");
        for field in row.as_object().unwrap().keys() {
            assert!(documented.contains(&format!("`{field}`")), "{path}: {field} is undocumented");
        }
    }
}

#[tokio::test]
async fn a_flag_tells_whom_it_is_about() {
    let mut view = views::rich();
    view.red_flags[0].subject = Some("192.0.2.7".to_owned());
    view.red_flags[0].peer = Some("<b>".to_owned());
    view.red_flags[0].service_port = Some("tcp/22".to_owned());
    view.red_flags[1].silenced = true;
    view.red_flags[1].active = true;
    let served = serve(Some(view), settings()).await;
    let answer = get(served.addr, "/api/v1/red-flags").await;
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let ends =
        |flag: usize| ["subject", "peer"].map(|end| document["red_flags"][flag][end].as_str());
    assert_eq!(ends(0), [Some("192.0.2.7"), Some("<b>")]);
    assert_eq!(ends(1), [Some("boundary"), None]);
    let flag = &document["red_flags"][0];
    for (field, value) in [
        ("service_port", json!("tcp/22")),
        ("silenced", json!(false)),
        ("window_seconds", json!(2.0)),
        ("evidence", json!({"requests": 4000, "answers": 120})),
        ("confirm", json!("timeout 10 tcpdump -ni any -c 200 'tcp'")),
        ("runbook", json!("docs/runbooks/NetmonSynFlood.md")),
    ] {
        assert_eq!(flag[field], value, "{field}");
    }
    let suppressed = &document["detectors"][1];
    assert_eq!(suppressed["suppressed"], 2);
    let by_reason =
        json!({"allow_list": 1, "cooldown": 2, "warm_up": 3, "silenced": 4, "limit": 5});
    assert_eq!(suppressed["suppressed_by_reason"], by_reason);
    let page = get(served.addr, "/").await;
    for shown in [
        " of 192.0.2.7 with &lt;b&gt;, tcp/22 ",
        " at the boundary ",
        ">silenced<",
        "requests=4000 answers=120",
        "<code>timeout 10 tcpdump -ni any -c 200 'tcp'</code>",
        "netmon explain 2",
    ] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let addr = first.local_addrs()[0];
    let error = Server::bind(&[addr]).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {addr}: ")), "{error}");
    assert!(error.contains("web.listen"), "{error}");
    let error = Server::bind(&["192.0.2.1:9".parse().unwrap()]).await.unwrap_err().to_string();
    assert!(error.contains("no interface of this host has this address"), "{error}");
}
