//! The control plane's handle and what it is made of.

use crate::http::{Limits, Meter, Routes};
use ca::{Authorities, SealKey};
use jiff::Timestamp;
use std::sync::Arc;
use store::Store;
use store::recording::{RecordingKey, Shelf};

/// The daemon's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a control plane is made of.
pub struct Parts {
    /// State, audit log, policy.
    pub store: Store,
    /// The certificate authorities.
    pub authorities: Arc<Authorities>,
    /// The key that seals secrets at rest.
    pub seal: Arc<SealKey>,
    /// The recordings.
    pub shelf: Shelf,
    /// Opens them.
    pub recording_key: RecordingKey,
    /// The daemon's clock.
    pub clock: Clock,
    /// The cluster's name.
    pub cluster: String,
    /// Where clients reach the one port, as `host:port`.
    pub public_addr: String,
    /// Where plain MySQL clients reach us, where they have a port.
    pub mysql_addr: Option<String>,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// Counts calls for the diagnostic address.
    pub meter: Arc<dyn Meter>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    parts: Arc<Parts>,
    pub(crate) gauges: Arc<crate::http::Gauges>,
    doors: Arc<crate::login::Doors>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("cluster", &self.parts.cluster).finish_non_exhaustive()
    }
}

impl Control {
    /// A control plane of these parts.
    pub fn new(parts: Parts) -> Self {
        let gauges = Arc::new(crate::http::Gauges::new(parts.limits));
        let doors = Arc::new(crate::login::Doors::new());
        Self { parts: Arc::new(parts), gauges, doors }
    }

    /// The time now, by the daemon's clock.
    pub fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }

    /// State, audit log, policy.
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The certificate authorities.
    pub fn authorities(&self) -> &Arc<Authorities> {
        &self.parts.authorities
    }

    /// The key that seals secrets at rest.
    pub fn seal(&self) -> &SealKey {
        &self.parts.seal
    }

    /// The recordings.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.parts.shelf
    }

    /// Opens them.
    pub(crate) fn recording_key(&self) -> &RecordingKey {
        &self.parts.recording_key
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.parts.cluster
    }

    /// Where clients reach the one port, as `host:port`.
    pub fn public_addr(&self) -> &str {
        &self.parts.public_addr
    }

    /// Where plain MySQL clients reach us, where they have a port.
    pub fn mysql_addr(&self) -> Option<&str> {
        self.parts.mysql_addr.as_deref()
    }

    /// Waits until this process decides by everything that was committed before this call.
    pub(crate) async fn caught_up(&self) {
        self.store().policy().at_least(self.store().revision()).await;
    }

    /// The whole API as a router. The daemon puts a [`Caller`](crate::Caller) into the extensions of every request.
    pub fn router(&self) -> axum::Router {
        self.routes().finish()
    }

    /// Every handler on its endpoint. Rooms of this crate add themselves here, one line each.
    pub(crate) fn routes(&self) -> Routes {
        let routes = Routes::new(self);
        let routes = crate::ping::routes(routes);
        let routes = crate::audit::routes(routes);
        let routes = crate::auth::routes(routes);
        let routes = crate::backup::routes(routes);
        let routes = crate::documents::routes(routes);
        let routes = crate::events::routes(routes);
        let routes = crate::login::routes(routes);
        let routes = crate::reach::routes(routes);
        let routes = crate::recordings::routes(routes);
        let routes = crate::requests::routes(routes);
        let routes = crate::sessions::routes(routes);
        let routes = crate::tokens::routes(routes);
        let routes = crate::users::routes(routes);
        crate::openapi::routes(routes)
    }

    /// Every endpoint that has a handler.
    pub fn mounted(&self) -> Vec<&'static api::endpoints::Endpoint> {
        self.routes().mounted().to_vec()
    }

    /// What logins share in this process.
    pub(crate) fn doors(&self) -> &crate::login::Doors {
        &self.doors
    }

    /// Counts calls for the diagnostic address.
    pub(crate) fn meter(&self) -> &dyn Meter {
        self.parts.meter.as_ref()
    }
}
