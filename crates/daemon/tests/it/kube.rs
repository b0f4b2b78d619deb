//! Kubernetes: stock `kubectl` through the daemon, against an API server of the tests' own.

mod server;

use crate::house::{House, Ran, run};
use server::{Seen, Server};
use std::process::Command;

/// The roles of these stories.
const ROLES: &str = include_str!("kube/roles.yaml");

/// A house with these roles and people who are logged in: alice may ask, bob answers, wendy sees some pods, dave all;
/// and the cluster `prod` behind it.
fn house() -> (House, Server) {
    let house = House::open();
    house.tctl_with(&["create", "-f", "-"], ROLES).ok();
    let people = [
        ("alice", "kube-engineer"),
        ("bob", "kube-reviewer"),
        ("dave", "kube-admin"),
        ("wendy", "kube-web"),
    ];
    for (name, role) in people {
        house.invite(name, role);
    }
    let server = Server::start();
    let ca: String = server.ca.lines().map(|line| format!("      {line}\n")).collect();
    let document = format!(
        "kind: kube_cluster\nversion: v1\nmetadata:\n  name: prod\n  labels: {{env: prod}}\nspec:\n  server: {}\n  tls:\n    ca_cert: |\n{ca}  auth: {{method: token, token: {}}}\n",
        server.url(),
        server::TOKEN
    );
    house.tctl_with(&["create", "-f", "-"], &document).ok();
    for (name, _) in people {
        configure(&house, name);
    }
    (house, server)
}

/// A kubeconfig with the certificate of the login.
fn configure(house: &House, user: &str) {
    let home = house.home(user);
    std::fs::create_dir_all(home.join(".kube")).unwrap();
    let tsh = home.join(".tsh");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: prod\n  cluster: {{server: 'https://{}/kube/prod', certificate-authority: '{}'}}\nusers:\n- name: me\n  user: {{client-certificate: '{}', client-key: '{}'}}\ncontexts:\n- name: prod\n  context: {{cluster: prod, user: me}}\n",
        house.listen,
        tsh.join("ca.pem").display(),
        tsh.join("identity.crt").display(),
        tsh.join("identity.key").display(),
    );
    std::fs::write(home.join(".kube/config"), config).unwrap();
}

fn kubectl(house: &House, user: &str, words: &[&str]) -> Ran {
    let mut command = Command::new("kubectl");
    house.environment(&mut command, user);
    run(command.args(words), "")
}

/// alice asks for the role, and bob approves; the request's id.
fn granted(house: &House, what: &str) -> String {
    let words = ["request", "new", what, "--reason=ticket #1234", "--nowait", "--format=json"];
    let view: serde_json::Value =
        serde_json::from_str(&house.tsh("alice", &words).ok().out).unwrap();
    let request = view["id"].as_str().expect("a request has an id").to_owned();
    house.tsh("bob", &["request", "review", "--approve", "--reason=go ahead", &request]).ok();
    request
}

fn lines(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.line.as_str()).collect()
}

#[test]
fn a_request_opens_a_cluster_and_its_end_closes_it() {
    let (house, server) = house();

    // Denied, with the next command; nothing reaches the cluster.
    let denied = kubectl(&house, "alice", &["get", "pods"]);
    assert_ne!(denied.status, 0, "{denied:?}");
    assert!(denied.err.contains("tsh request new --roles=kube-admin"), "{denied:?}");
    assert!(server.seen().is_empty());

    let request = granted(&house, "--roles=kube-admin");
    let listed = kubectl(&house, "alice", &["get", "pods", "-o", "name"]).ok();
    assert_eq!(listed.out, "pod/web-1\npod/db-1\n");
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.user == "alice" && seen.groups == ["dba"]), "{seen:?}");
    assert!(lines(&seen).contains(&"GET /api/v1/namespaces/default/pods?limit=500"), "{seen:?}");

    // It stands on the request, with the id that the cluster's own log has.
    let events =
        house.until("kube.request", &["audit", "ls", "--request", &request, "--format", "json"]);
    let id = &seen.last().unwrap().headers["audit-id"];
    assert!(events.contains(id) && events.contains("/api/v1/namespaces/default/pods"), "{events}");

    house.tsh("alice", &["request", "release", &request]).ok();
    let denied = kubectl(&house, "alice", &["get", "pods"]);
    assert!(denied.err.contains("tsh request new --roles=kube-admin"), "{denied:?}");
}
