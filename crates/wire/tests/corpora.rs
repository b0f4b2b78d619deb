//! The corpora of the fuzz targets, replayed: what strangers send, and what passes through a session.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that breaks its promise panics, and the test fails"
)]

#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;
#[path = "../../../fuzz/src/wire.rs"]
pub mod targets;

#[path = "../../../fuzz/src/kube.rs"]
pub mod kube;
#[path = "../../../fuzz/src/mysql.rs"]
pub mod mysql;

#[test]
fn mysql_handshake() {
    replay::replay("mysql_handshake", &[], mysql::mysql_handshake);
}

#[test]
fn mysql_commands() {
    replay::replay("mysql_commands", &[], mysql::mysql_commands);
}

#[test]
fn mysql_replies() {
    replay::replay("mysql_replies", &[], mysql::mysql_replies);
}

#[test]
fn mysql_script() {
    replay::replay("mysql_script", &[], mysql::mysql_script);
}

#[test]
fn first_bytes() {
    replay::replay("first_bytes", &[], targets::first_bytes);
}

#[test]
fn route() {
    replay::replay("route", &[], targets::route);
}

#[test]
fn proxy_header() {
    replay::replay("proxy_header", &[], targets::proxy_header);
}

#[test]
fn sftp() {
    replay::replay("sftp", &[], targets::sftp);
}

#[test]
fn recorded() {
    replay::replay("recorded", &[], targets::recorded);
}

#[test]
fn postgres_startup() {
    replay::replay("postgres_startup", &[], targets::postgres_startup);
}

#[test]
fn postgres_front() {
    replay::replay("postgres_front", &[], targets::postgres_front);
}

#[test]
fn postgres_auth() {
    replay::replay("postgres_auth", &[], targets::postgres_auth);
}

#[test]
fn postgres_back() {
    replay::replay("postgres_back", &[], targets::postgres_back);
}

#[test]
fn sql() {
    replay::replay("sql", &[], targets::sql);
}

#[test]
fn kube_path() {
    replay::replay("kube_path", &[], kube::kube_path);
}

#[test]
fn kube_items() {
    replay::replay("kube_items", &[], kube::kube_items);
}

#[test]
fn kube_websocket() {
    replay::replay("kube_websocket", &[], kube::kube_websocket);
}

#[test]
fn kube_spdy() {
    replay::replay("kube_spdy", &[], kube::kube_spdy);
}
