//! Kubernetes: stock `kubectl` through the daemon, against an API server of the tests' own.

mod server;
mod stream;

use crate::databases::{Running, python_of};
use crate::house::{House, Ran, run};
use server::{Seen, Server};
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

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
    let id = &seen.last().unwrap().headers["audit-id"];
    let events = house.until(id, &["audit", "ls", "--request", &request, "--format", "json"]);
    assert!(events.contains("/api/v1/namespaces/default/pods"), "{events}");

    house.tsh("alice", &["request", "release", &request]).ok();
    let denied = kubectl(&house, "alice", &["get", "pods"]);
    assert!(denied.err.contains("tsh request new --roles=kube-admin"), "{denied:?}");
}

/// A kubectl that goes on until it is told to end.
fn running(house: &House, user: &str, words: &[&str]) -> Running {
    let mut command = Command::new("kubectl");
    house.environment(&mut command, user);
    Running::start(command.args(words))
}

#[test]
fn who_may_see_some_sees_those_alone() {
    let (house, server) = house();
    for words in [&["get", "pods"][..], &["get", "pods", "-A"], &["get", "pods", "-o", "json"]] {
        let listed = kubectl(&house, "wendy", words).ok().out;
        assert!(listed.contains("web-1"), "{words:?}: {listed}");
        assert!(!listed.contains("db-1") && !listed.contains("dns-1"), "{words:?}: {listed}");
    }
    let seen = server.seen();
    let lists = seen.iter().filter(|seen| seen.line.contains("/pods"));
    assert!(lists.clone().count() >= 3);
    assert!(lists.clone().all(|seen| !seen.headers["accept"].contains("protobuf")));
    assert!(seen.iter().all(|seen| seen.groups == ["view"]), "{seen:?}");

    let denied = kubectl(&house, "wendy", &["get", "pod", "db-1"]);
    assert!(denied.err.contains("Forbidden") && denied.out.is_empty(), "{denied:?}");
    let denied = kubectl(&house, "wendy", &["delete", "pods", "--all", "--wait=false"]);
    assert!(!denied.out.contains("db-1"), "{denied:?}");
    let denied =
        kubectl(&house, "wendy", &["delete", "--raw", "/kube/prod/api/v1/namespaces/default/pods"]);
    assert_ne!(denied.status, 0, "{denied:?}");
    let seen = server.seen();
    assert!(!lines(&seen).contains(&"DELETE /api/v1/namespaces/default/pods"), "{seen:?}");

    // A watch too, of what comes later.
    let mut watch = running(&house, "wendy", &["get", "pods", "-w"]);
    watch.until("web-1");
    server.tell("ADDED", "default", "db-2");
    server.tell("ADDED", "kube-system", "web-9");
    server.tell("ADDED", "default", "web-2");
    let seen = watch.until("web-2");
    assert!(!seen.contains("db-2") && !seen.contains("web-9"), "{seen}");

    // It ends when the role is hers no more.
    let began = Instant::now();
    house.tctl(&["lock", "--user", "wendy", "--message", "go home"]).ok();
    let said = watch.rest();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(said.contains("go home"), "{said}");
}

#[test]
fn programs_run_and_are_recorded() {
    let (house, _server) = house();
    let request = granted(&house, "--roles=kube-admin");
    for websockets in ["true", "false"] {
        let exec = |words: &[&str], input: &str| {
            let mut command = Command::new("kubectl");
            house.environment(&mut command, "alice");
            command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
            run(command.args(["exec", "web-1"]).args(words), input)
        };
        let said = exec(&["--", "echo", "found-me", websockets], "").ok();
        assert_eq!(said.out, format!("found-me {websockets}\n"));
        let failed = exec(&["--", "fail"], "");
        assert_eq!((failed.status, failed.err.contains("it failed")), (3, true), "{failed:?}");
        let text = "x".repeat(100_000);
        let back = exec(&["-i", "--", "cat", "100000"], &text).ok();
        assert_eq!(back.out.len(), text.len());
    }
    let mut command = Command::new("script");
    house.environment(&mut command, "alice");
    let line = "stty rows 33 cols 111; kubectl exec -it web-1 -- size";
    let sized = run(command.args(["-qec", line, "/dev/null"]), "").ok();
    assert!(sized.out.contains(r#""Width":111"#), "{sized:?}");

    let told = house.tsh("alice", &["recordings", "ls", "--request", &request, "--format=json"]);
    let recordings: serde_json::Value = serde_json::from_str(&told.ok().out).unwrap();
    let played: Vec<String> = recordings
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| house.tsh("alice", &["play", "--text", one["session"].as_str().unwrap()]).out)
        .collect();
    let all = played.concat();
    for text in ["found-me true", "found-me false", "it failed", r#""Width":111"#] {
        assert!(all.contains(text), "{text} in {all}\n{recordings:#}");
    }
}

#[test]
fn a_program_ends_with_its_grant() {
    let (house, _server) = house();
    for websockets in ["true", "false"] {
        let request = granted(&house, "--roles=kube-admin");
        let mut command = Command::new("kubectl");
        house.environment(&mut command, "alice");
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        let mut sleeping = Running::start(command.args(["exec", "web-1", "--", "sleep"]));
        sleeping.until("sleeping");
        let began = Instant::now();
        house.tsh("alice", &["request", "release", &request]).ok();
        let (status, said) = sleeping.end();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_ne!(status, 0);
        assert!(said.contains("Your access was withdrawn"), "{said}");
    }
}

#[test]
fn ports_are_forwarded() {
    let (house, _server) = house();
    let mut forward = running(&house, "dave", &["port-forward", "web-1", ":80"]);
    let line = forward.until("Forwarding from 127.0.0.1:");
    let port = line.split("127.0.0.1:").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut socket = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    socket.write_all(b"hello through a port").unwrap();
    let mut back = [0; 20];
    socket.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello through a port");
}

#[test]
fn tsh_writes_what_kubectl_reads() {
    let (house, server) = house();
    let config = house.home("dave").join(".kube/config");
    let mine = "apiVersion: v1\nkind: Config\nclusters:\n- {name: home, cluster: {server: 'https://home:6443'}}\nusers:\n- {name: home, user: {token: 'no'}}\ncontexts:\n- {name: home, context: {cluster: home, user: home}}\ncurrent-context: home\n";
    std::fs::write(&config, mine).unwrap();
    let listed = house.tsh("dave", &["kube", "ls"]).ok().out;
    assert!(listed.contains("prod") && listed.contains("always"), "{listed}");
    let told = house
        .tsh("dave", &["kube", "login", "prod", "--namespace=default", "--exec-api=v1beta1"])
        .ok()
        .out;
    assert!(told.contains("prod@"), "{told}");
    let pods = kubectl(&house, "dave", &["get", "pods", "-o", "name"]).ok().out;
    assert_eq!(pods, "pod/web-1\npod/db-1\n");
    // One connection to the cluster serves them all.
    let connections: std::collections::BTreeSet<usize> =
        server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1, "{connections:?}");
    let contexts = kubectl(&house, "dave", &["config", "get-contexts", "-o", "name"]).ok().out;
    assert!(contexts.contains("home\n") && contexts.contains("prod@"), "{contexts}");
    // Whom to be is chosen among what roles allow.
    let denied = kubectl(&house, "dave", &["get", "pods", "--as", "system:admin"]);
    assert!(denied.err.contains("Forbidden"), "{denied:?}");
    let denied =
        kubectl(&house, "dave", &["get", "pods", "--as=dave", "--as-group=system:masters"]);
    assert!(denied.err.contains("Forbidden"), "{denied:?}");
    assert!(server.seen().is_empty());
    kubectl(&house, "dave", &["get", "pods", "--as=dave", "--as-group=dba"]).ok();

    house.tsh("dave", &["kube", "logout", "prod"]).ok();
    let contexts = kubectl(&house, "dave", &["config", "get-contexts", "-o", "name"]).ok().out;
    assert_eq!(contexts, "home\n");
    assert_eq!(house.tsh("bob", &["kube", "login", "prod"]).status, 8);

    // An administrator adds a cluster from a kubeconfig; what is sealed is never shown.
    let file = house.dir.path().join("proxy.kubeconfig");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {{server: '{}', certificate-authority: ca.pem}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\n",
        server.url(),
        server::TOKEN
    );
    std::fs::write(&file, text).unwrap();
    std::fs::write(house.dir.path().join("ca.pem"), &server.ca).unwrap();
    let file = file.display().to_string();
    house.tctl(&["kube", "add", "again", "--kubeconfig", &file, "--labels", "env=prod"]).ok();
    let shown =
        house.tctl(&["get", "kube_cluster/again"]).ok().out + &house.tctl(&["kube", "ls"]).ok().out;
    assert!(shown.contains("again") && !shown.contains(server::TOKEN), "{shown}");
    house.tsh("dave", &["kube", "login", "--all", "--exec-api=v1beta1"]).ok();
    let pods = ["get", "pods", "-o", "name"];
    let context = contexts_of(&house, "dave").into_iter().find(|name| name.starts_with("again@"));
    let context = context.unwrap();
    let words = [&["--context", &context][..], &pods].concat();
    assert_eq!(kubectl(&house, "dave", &words).ok().out, "pod/web-1\npod/db-1\n");
    house.tctl(&["kube", "rm", "again"]).ok();
    assert_ne!(kubectl(&house, "dave", &words).status, 0);
}

fn contexts_of(house: &House, user: &str) -> Vec<String> {
    let told = kubectl(house, user, &["config", "get-contexts", "-o", "name"]).ok().out;
    told.lines().map(str::to_owned).collect()
}

#[test]
fn a_request_for_one_pod_opens_that_one() {
    let (house, _server) = house();
    let denied = kubectl(
        &house,
        "alice",
        &["get", "--raw", "/kube/prod/api/v1/namespaces/default/pods/db-1"],
    );
    assert!(denied.err.contains("tsh request new"), "{denied:?}");
    let cluster = contexts_cluster(&house);
    let resource = format!("--resource=/{cluster}/kube:ns:pods/prod/default/db-1");
    granted(&house, &resource);
    assert_eq!(kubectl(&house, "alice", &["get", "pods", "-o", "name"]).ok().out, "pod/db-1\n");
    kubectl(&house, "alice", &["get", "pod", "db-1"]).ok();
    let denied = kubectl(&house, "alice", &["get", "pod", "web-1"]);
    assert!(denied.err.contains("tsh request new"), "{denied:?}");
}

/// The name of the house, which resource ids begin with.
fn contexts_cluster(house: &House) -> String {
    let told = house.tsh("alice", &["status", "--format=json"]).ok().out;
    let status: serde_json::Value = serde_json::from_str(&told).unwrap();
    status["cluster"].as_str().expect(&told).to_owned()
}

/// Says this to the port as this user, and gives back the answer's first line and all of it.
fn raw(house: &House, user: &str, text: &[u8]) -> String {
    let tsh = house.home(user).join(".tsh");
    let file = |name: &str| tsh.join(name).display().to_string();
    let mut command = Command::new("openssl");
    let address = house.listen.to_string();
    command.args(["s_client", "-quiet", "-no_ign_eof", "-connect", &address, "-alpn", "http/1.1"]);
    command.args([
        "-CAfile",
        &file("ca.pem"),
        "-cert",
        &file("identity.crt"),
        "-key",
        &file("identity.key"),
    ]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may answer and close before it has read it all.
    let _ = stdin.write_all(text).and_then(|()| stdin.flush());
    let mut out = Vec::new();
    // The server closes when it has answered what it does not take.
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    drop(stdin);
    let _ = child.wait();
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn nothing_is_smuggled_past_a_rule() {
    let (house, server) = house();
    let close = "host: x\r\nconnection: close\r\n";
    for (path, status) in [
        ("/kube/prod/api/v1/namespaces/default/pods/web-1/../../../kube-system/secrets", "400"),
        ("/kube/prod/api/v1/namespaces/default/pods/%2e%2e/secrets", "400"),
        ("/kube/prod/api/v1/namespaces/default/pods/..%2fsecrets", "400"),
        ("/kube/prod/api/v1//namespaces/default/secrets", "400"),
        ("/kube/prod/api/v1/watch/namespaces/default/secrets", "400"),
        ("/kube/prod/api/v1/namespaces/default/pods?watch=true&watch=false", "400"),
        ("/kube/prod/api/v1/namespaces/default/secrets", "403"),
        ("/kube/prod/metrics", "403"),
        ("/kube/no-such/api/v1/namespaces/default/pods", "403"),
        ("/kube/%2e%2e/v1/users", "403"),
        ("/kube/", "403"),
    ] {
        let answer = raw(&house, "wendy", format!("GET {path} HTTP/1.1\r\n{close}\r\n").as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert!(answer.contains(r#""kind":"Status""#), "{path}: {answer}");
    }
    // What would be a second request hides in no body, and no header grows without end.
    let get = "GET /kube/prod/api/v1/namespaces/default/pods/web-1 HTTP/1.1\r\nhost: x\r\n";
    let hidden = "GET /kube/prod/api/v1/namespaces/default/secrets HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for head in [
        format!("{get}x: {}\r\n\r\n", "a".repeat(128 * 1024)),
        format!("{get}x: a\r\n folded: b\r\n\r\n"),
        format!("{get}transfer-encoding: chunked\r\ncontent-length: abc\r\n\r\n{hidden}"),
        format!("{get}content-length: 5\r\ncontent-length: 6\r\n\r\n{hidden}"),
        format!("{get}transfer-encoding: chunked, identity\r\n\r\n{hidden}"),
    ] {
        let answer = raw(&house, "wendy", head.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{head:.200}: {answer}");
    }
    let forged = format!(
        "{get}connection: close\r\nauthorization: Bearer x\r\nx-remote-user: admin\r\nx-remote-group: system:masters\r\nimpersonate-extra-a: b\r\n\r\n"
    );
    let answer = raw(&house, "wendy", forged.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = server.seen();
    // A request whose head was allowed may have been begun before its body broke off.
    let allowed = "GET /api/v1/namespaces/default/pods/web-1";
    assert!(lines(&seen).iter().all(|line| *line == allowed), "{seen:?}");
    let headers = &seen.last().unwrap().headers;
    assert!(
        !headers.keys().any(|name| name.starts_with("x-remote") || name.contains("extra")),
        "{headers:?}"
    );
}

/// Lists, and runs a program over a WebSocket.
const PYTHON: &str = "
from kubernetes import client, config
from kubernetes.stream import stream
config.load_kube_config()
core = client.CoreV1Api()
print(sorted(pod.metadata.name for pod in core.list_namespaced_pod('default').items))
print(stream(core.connect_get_namespaced_pod_exec, 'web-1', 'default', command=['echo', 'from', 'python'], stdout=True, stderr=True, stdin=False, tty=False))
";

#[test]
fn the_python_client_is_served() {
    let (house, _server) = house();
    house.tsh("dave", &["kube", "login", "prod"]).ok();
    let said = python_of(&house, "dave", PYTHON, &[]).ok();
    assert!(said.out.contains("['db-1', 'web-1']") && said.out.contains("from python"), "{said:?}");
}

#[test]
fn a_local_port_needs_no_certificate() {
    let (house, _server) = house();
    let mut command = house.program("tsh", "dave");
    let mut port = Running::start(command.args(["proxy", "kube", "prod", "--format=json"]));
    let told = port.until("server");
    let server = told.split('"').find(|word| word.starts_with("http://")).expect(&told).to_owned();
    let words = ["--kubeconfig=/dev/null", "--server", &server, "get", "pods", "-o", "name"];
    assert_eq!(kubectl(&house, "dave", &words).ok().out, "pod/web-1\npod/db-1\n");
}
