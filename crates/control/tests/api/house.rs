//! A control plane for one test.

use access::identity::Identity;
use access::name::LoginId;
use api::document::Kind;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use ca::{Authorities, SealKey};
use control::http::{Limits, NoMeter};
use control::{Caller, Control, Parts};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use store::recording::{RecordingKey, Shelf};
use store::{Options, Store};
use tower::ServiceExt as _;

/// The whole, and the directory it lives in.
pub(crate) struct House {
    pub(crate) control: Control,
    pub(crate) store: Store,
    pub(crate) shelf: Shelf,
    router: Router,
    clock: Arc<Mutex<Timestamp>>,
    pub(crate) dir: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl House {
    /// An empty house, at nine o'clock.
    pub(crate) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let start: Timestamp = "2026-11-07T09:00:00Z".parse().unwrap();
        let clock = Arc::new(Mutex::new(start));
        let hand = Arc::clone(&clock);
        let tick: store::Clock = Arc::new(move || *hand.lock().unwrap());
        let path = dir.path().join("data");
        let store = Store::open(&path, Options::new("main".parse().unwrap(), Arc::clone(&tick)))
            .await
            .unwrap();
        let recording_key = RecordingKey::generate();
        let shelf =
            Shelf::open_with(&dir.path().join("recordings"), recording_key.recipient(), 0).unwrap();
        let control = Control::new(Parts {
            shelf: shelf.clone(),
            recording_key,
            store: store.clone(),
            authorities: Arc::new(Authorities::generate("main", start).unwrap()),
            seal: Arc::new(SealKey::generate().unwrap()),
            clock: tick,
            cluster: "main".to_owned(),
            mysql_addr: None,
            public_addr: "gw.example.com:443".to_owned(),
            limits: Limits::default(),
            meter: Arc::new(NoMeter),
        });
        let router = control.router();
        Self { control, store, shelf, router, clock, dir }
    }

    /// A user record with these roles.
    pub(crate) async fn person(&self, name: &str, roles: &[&str]) {
        let document = serde_json::json!({
            "kind": "user", "version": "v1", "metadata": {"name": name},
            "spec": {"roles": roles, "traits": {"logins": [name]}},
        });
        let seen =
            self.store.documents().load(Kind::User, name).await.unwrap().map(|user| user.revision);
        let commit = store::documents::put(Kind::User, name, &document, seen).unwrap();
        let revision = self.store.commit(commit).await.unwrap();
        self.store.policy().at_least(revision).await;
    }

    /// Moves the clock.
    pub(crate) fn later(&self, minutes: i64) {
        let mut clock = self.clock.lock().unwrap();
        *clock += SignedDuration::from_mins(minutes);
    }

    /// A caller with an identity of ours.
    pub(crate) fn user(&self, name: &str) -> Caller {
        let expires = self.control.now() + SignedDuration::from_hours(12);
        Caller::User(Identity {
            user: name.parse().unwrap(),
            login: LoginId::from_bits(7),
            expires,
            mfa: true,
            device: false,
        })
    }

    /// One call, its answer not read yet.
    pub(crate) async fn respond(&self, caller: Caller, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(caller);
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// One call, with any body.
    pub(crate) async fn send(&self, caller: Caller, request: Request<Body>) -> Answer {
        let response = self.respond(caller, request).await;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: head.status, headers: head.headers, body }
    }

    /// One call without a body.
    pub(crate) async fn get(&self, caller: Caller, path: &str) -> Answer {
        self.send(caller, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// One call with a JSON body.
    pub(crate) async fn call(
        &self,
        caller: Caller,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(caller, request).await
    }
}

pub(crate) const ADMIN: Caller = Caller::Admin { uid: 0 };
pub(crate) const NOBODY: Caller = Caller::NOBODY;

impl Answer {
    /// The problem's code, or the status where there is none.
    pub(crate) fn code(&self) -> String {
        self.body["code"].as_str().map_or_else(|| self.status.as_u16().to_string(), str::to_owned)
    }
}
