//! Configuration: every problem at once, each with its key path and line.

use daemon::config::{Config, Overrides, TEMPLATE};
use expect_test::{Expect, expect};
use std::path::Path;

fn check(text: &str, expected: Expect) {
    let answer = match Config::read(text, &Overrides::default(), Path::new("/data")) {
        Ok(_) => "good\n".to_owned(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    };
    expected.assert_eq(&answer);
}

#[test]
fn the_printed_template_is_good_and_holds_the_defaults() {
    let printed = Config::read(TEMPLATE, &Overrides::default(), Path::new("/data")).unwrap();
    let default = Config::read("", &Overrides::default(), Path::new("/data")).unwrap();
    assert_eq!(format!("{printed:?}"), format!("{default:?}"));
}

#[test]
fn every_problem_is_told_at_once() {
    check(
        "cluster: Prod!\nlisten: 3080\nlimits:\n  unauthenticated: 0\n  sessions: -1\n  sesions: 3\nlog: loud\nproxy_protocol:\n  trusted: [10.0.0.0/8, nowhere]\ntelemetry: on\n",
        expect![[r#"
            line 1: cluster: `Prod!`: must be up to 63 of a-z, 0-9, `.` and `-`, beginning with a letter or digit
            line 2: listen: `3080`: invalid socket address syntax
            line 4: limits.unauthenticated: `0`: must be a whole number from 1 to 1000000
            line 5: limits.sessions: `-1`: must be a whole number from 1 to 1000000
            line 6: limits.sesions: unknown key; known here: unauthenticated, unauthenticated_per_address, sessions
            line 7: log: must be a map of keys
            line 9: proxy_protocol.trusted[1]: `nowhere`: invalid IP address syntax
            line 10: telemetry: unknown key; known here: seal, proxy_protocol, limits, recording, log, data_dir, listen, mysql_listen, public_addr, diag_listen, cluster, databases_file
        "#]],
    );
}

#[test]
fn plain_mysql_clients_have_a_port_when_it_is_asked_for() {
    let address = |text: &str| {
        let config = Config::read(text, &Overrides::default(), Path::new("/data")).unwrap();
        config.mysql_addr().map(|address| address.to_string())
    };
    assert_eq!(address(""), None);
    let given = address("mysql_listen: 0.0.0.0:3036\npublic_addr: gw.example.com:443\n");
    assert_eq!(given.as_deref(), Some("gw.example.com:3036"));
    check(
        "mysql_listen: 3036\n",
        expect![[r#"
            line 1: mysql_listen: `3036`: must be ADDRESS:PORT or `off`
        "#]],
    );
}

#[test]
fn broken_yaml_names_its_line() {
    check(
        "cluster: a\n  listen: [\n",
        expect![[r#"
        line 2: error: line 2 column 9: mapping values are not allowed in this context
    "#]],
    );
    check(
        "cluster: a\ncluster: b\n",
        expect![[r#"
        line 2: error: line 2 column 1: duplicate mapping key: cluster, set DuplicateKeyPolicy in Options if acceptable
    "#]],
    );
    check(
        "- a\n",
        expect![[r#"
        line 1: the file must be a map of keys
    "#]],
    );
}
