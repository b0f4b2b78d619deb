//! An API server to test against: what `kubectl` needs of one, over TLS, for whoever shows the token.
//!
//! It checks what a real one checks of us: the token, and that somebody is impersonated. It keeps what it was asked.

use super::stream;
use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The token that the proxy must show.
pub(crate) const TOKEN: &str = "sealed-token-of-the-proxy";

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What was asked, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// Which connection it came on.
    pub(crate) connection: usize,
}

/// A running API server. It stops when it is dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) ca: String,
    pub(crate) state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
pub(crate) struct State {
    seen: Mutex<Vec<Seen>>,
    /// Namespace and name.
    pods: Mutex<Vec<(String, String)>>,
    /// What watchers are told after what is there: lines, in order.
    pub(crate) changes: watch::Sender<Vec<String>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
        .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let pods = [("default", "web-1"), ("default", "db-1"), ("kube-system", "dns-1")];
        let pods = pods.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).to_vec();
        let state = Arc::new(State { pods: Mutex::new(pods), ..State::default() });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        runtime.spawn(serve(listener, acceptor, Arc::clone(&state)));
        Self { addr, ca: made.cert.pem(), state, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// Everything that was asked since the last time.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }

    /// Tells every watcher.
    pub(crate) fn tell(&self, kind: &str, namespace: &str, name: &str) {
        let line = event(kind, pod(namespace, name));
        self.state.changes.send_modify(|lines| lines.push(line));
    }
}

async fn serve(
    listener: tokio::net::TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
    state: Arc<State>,
) {
    let mut connection = 0;
    while let Ok((stream, _)) = listener.accept().await {
        connection += 1;
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = hyper::service::service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(answer(&state, request, connection).await) }
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ended =
                builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(state: &Arc<State>, request: Request<Incoming>, connection: usize) -> Answer {
    let text = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if text("authorization") != format!("Bearer {TOKEN}") {
        return status(401, "Unauthorized", "who are you?");
    }
    let groups = request.headers().get_all("impersonate-group").iter();
    let headers = request.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let seen = Seen {
        line: format!("{} {}", request.method(), request.uri().path_and_query().unwrap()),
        user: text("impersonate-user"),
        groups: groups.map(|group| group.to_str().unwrap().to_owned()).collect(),
        headers: headers.collect(),
        connection,
    };
    if seen.user.is_empty() {
        return status(403, "Forbidden", "the proxy asks for itself");
    }
    state.seen.lock().unwrap().push(seen);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let table = text("accept").contains("as=Table");
    let path = request.uri().path().trim_matches('/').to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let pods = state.pods.lock().unwrap().clone();
    match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["version"]) => ok(&json!({"major": "1", "minor": "32", "gitVersion": "v1.32.0"})),
        ("GET", ["api"]) => ok(&json!({"kind": "APIVersions", "versions": ["v1"]})),
        ("GET", ["apis"]) => ok(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
        ("GET", ["api", "v1"]) => ok(&resources()),
        ("GET", ["api", "v1", "namespaces"]) => {
            let names: std::collections::BTreeSet<_> = pods.iter().map(|(one, _)| one).collect();
            let items: Vec<Value> =
                names.into_iter().map(|name| json!({"metadata": {"name": name}})).collect();
            ok(
                &json!({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": items}),
            )
        }
        ("GET", ["api", "v1", "pods"]) => list(state, &pods, &query, table),
        ("GET", ["api", "v1", "namespaces", namespace, "pods"]) => {
            let pods: Vec<_> = pods.into_iter().filter(|(one, _)| one == namespace).collect();
            list(state, &pods, &query, table)
        }
        ("POST", ["api", "v1", "namespaces", _, "pods"]) => {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut answer = ok(&serde_json::from_slice(&body).unwrap());
            *answer.status_mut() = hyper::StatusCode::CREATED;
            answer
        }
        ("DELETE", ["api", "v1", "namespaces", _, "pods", ..]) => {
            ok(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
        }
        ("GET", ["api", "v1", "namespaces", namespace, "pods", name])
            if pods.iter().any(|(one, other)| one == namespace && other == name) =>
        {
            if table {
                ok(&as_table(vec![pod(namespace, name)]))
            } else {
                ok(&pod(namespace, name))
            }
        }
        (_, ["api", "v1", "namespaces", _, "pods", _, "exec" | "attach" | "portforward"]) => {
            stream::answer(request)
        }
        ("GET", ["api", "v1", "namespaces", _, "pods", name, "log"]) => {
            let line = format!("log of {name}\n");
            let lines = query.contains("follow=true").then(|| state.changes.subscribe());
            streamed(vec![line], lines, "text/plain")
        }
        _ => status(404, "NotFound", &format!("there is no {path}")),
    }
}

fn list(state: &State, pods: &[(String, String)], query: &str, table: bool) -> Answer {
    let name =
        query.split('&').find_map(|pair| pair.strip_prefix("fieldSelector=metadata.name%3D"));
    let pods = pods.iter().filter(|(_, one)| name.is_none_or(|name| name == one));
    let items: Vec<Value> = pods.map(|(namespace, name)| pod(namespace, name)).collect();
    if query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1")) {
        let lines = items
            .into_iter()
            .map(|item| event("ADDED", if table { as_table(vec![item]) } else { item }));
        return streamed(lines.collect(), Some(state.changes.subscribe()), "application/json");
    }
    if table {
        return ok(&as_table(items));
    }
    ok(
        &json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}),
    )
}

pub(crate) fn pod(namespace: &str, name: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": "7"},
        "spec": {"containers": [{"name": "main", "image": "main"}]},
        "status": {"phase": "Running"},
    })
}

fn as_table(items: Vec<Value>) -> Value {
    let rows = items.into_iter().map(|item| {
        let name = item["metadata"]["name"].clone();
        json!({"cells": [name], "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}})
    });
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"},
        "columnDefinitions": [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}],
        "rows": rows.collect::<Vec<_>>(),
    })
}

fn event(kind: &str, object: Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn resources() -> Value {
    let resource = |name: &str, kind: &str, namespaced: bool| {
        json!({
            "name": name, "singularName": "", "namespaced": namespaced, "kind": kind,
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        })
    };
    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        resource("namespaces", "Namespace", false),
        resource("pods", "Pod", true),
        resource("secrets", "Secret", true),
    ]})
}

/// Lines, and then those that come, for ever.
fn streamed(
    lines: Vec<String>,
    more: Option<watch::Receiver<Vec<String>>>,
    kind: &'static str,
) -> Answer {
    let start = (lines, 0_usize, more);
    let frames = unfold(start, |(mut lines, told, mut more)| async move {
        if !lines.is_empty() {
            let line = lines.remove(0);
            let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(line)));
            return Some((frame, (lines, told, more)));
        }
        let changes = more.as_mut()?;
        let all = changes.wait_for(|all| all.len() > told).await.ok()?.clone();
        let frame = Ok(Frame::data(Bytes::from(all[told..].concat())));
        Some((frame, (lines, all.len(), more)))
    });
    let mut answer = Response::new(StreamBody::new(Box::pin(frames)).boxed_unsync());
    answer.headers_mut().insert("content-type", kind.parse().unwrap());
    answer
}

fn ok(body: &Value) -> Answer {
    let body = Full::new(Bytes::from(body.to_string()));
    let mut answer = Response::new(body.boxed_unsync());
    answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
    answer
}

pub(crate) fn status(code: u16, reason: &str, message: &str) -> Answer {
    let mut answer = ok(&json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "message": message, "code": code,
    }));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap();
    answer
}
