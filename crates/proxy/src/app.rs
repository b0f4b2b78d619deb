//! The application door: HTTP, WebSocket, gRPC, and TCP for what is none of these.
//!
//! ```text
//!   host name, or routing line ──► front: who asks? ──► visit: one session of a login ──► site: the application
//!   (TLS, HTTP/1.1 or HTTP/2)       each request         through the corridor, recorded     kept connections
//! ```
//!
//! Nothing reaches an application that was not admitted: each request is checked for who sends it and whether the
//! policy lets him, at that moment; what he says about himself is taken out, and what we say is put in.
//! Bodies are streamed both ways, and never held.
//!
//! Deliberately absent: caching, compression, retries of what an application may have seen, anything that reads a body.

mod answer;
mod assertion;
mod body;
mod browser;
mod calls;
mod forward;
mod front;
mod page;
mod site;
mod stored;
mod tls;
mod tunnel;
mod visit;
mod wait;

use std::sync::Arc;

use access::ask::Ask;
use access::name::TargetName;
use access::target::{TargetId, TargetKind};

pub(crate) use front::{Connection, Named};
pub use stored::{App, AppError, Apps, Claims, Scheme, StoredApps};
pub(crate) use visit::Visits;

use crate::House;
use crate::gate::Caller;
use crate::route::Secured;

/// How the names of our cookies begin.
const COOKIE: &str = "__Host-countersign";

/// Serves one connection to the application `app`.
pub(crate) async fn serve(house: Arc<House>, app: TargetName, named: Named, secured: Secured) {
    let Secured { stream, identity, lapsed, peer, severer, slot, ahead, .. } = secured;
    stream.get_ref().0.keep_alive();
    let stream = crate::route::Ahead::new(ahead.freeze(), stream);
    let is_tcp = house.gate.speaks(&app).as_deref() == Some("tcp");
    let connection =
        Connection::new(house, app.clone(), named, peer, severer, identity, lapsed, slot);
    match (is_tcp, named, connection.identity.clone()) {
        (true, Named::Line, Some(identity)) => {
            let caller = Caller { identity, ask: Ask::app(app), peer, client: "".into() };
            tunnel::tcp(&connection, stream, caller).await;
        }
        (true, Named::Line, None) => {
            let no = b"countersign: you are not logged in: tsh login\r\n";
            let _: Option<()> = crate::route::part(stream, no).await;
        }
        (true, Named::Host, _) | (false, _, _) => connection.serve(stream).await,
    }
}

/// Tells a browser that takes a connection to the house, or to another name of its certificate, for an application's to
/// come by one of the application's own (421, RFC 9110, section 15.5.20): only there it is watched over.
pub(crate) fn misdirected(
    house: &House,
    request: &http::Request<hyper::body::Incoming>,
) -> Option<http::Response<crate::http::Body>> {
    let named = request.headers().get(http::header::HOST);
    let host = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => named?.to_str().ok()?.parse().ok()?,
    };
    house.app_at(host.host())?;
    let why = "this connection is for another host name";
    let status = http::StatusCode::MISDIRECTED_REQUEST;
    let response = answer::Problem::new(status, "misdirected", why).json();
    Some(response.map(http_body_util::BodyExt::boxed_unsync))
}

impl House {
    /// Where the house itself is opened: `https://gw.example.com`.
    pub(crate) fn public_url(&self) -> String {
        match self.public_addr.strip_suffix(":443") {
            Some(host) => format!("https://{host}"),
            None => format!("https://{}", self.public_addr),
        }
    }

    /// The application that a host name leads to: by a name of its own, or by its name below one of ours. It may not
    /// exist: then whoever asks is refused like everybody who may not reach it.
    pub(crate) fn app_at(&self, host: &str) -> Option<TargetName> {
        let host = host.to_ascii_lowercase();
        if let Some(app) = self.gate.app_at(&host) {
            return Some(app);
        }
        let name = crate::route::target_in(&host, &self.names)?;
        let name: TargetName = name.parse().ok()?;
        let is = |kind| self.gate.knows(&TargetId { kind, name: name.clone() });
        // A cluster is reached by its name too; an application of the same name comes first.
        (is(TargetKind::App) || !is(TargetKind::KubeCluster)).then_some(name)
    }
}
