//! The doors behind HTTP: what a request names decides whether it is for a target, or for the house itself.
//!
//! ```text
//!   TLS ──► HTTP, served by the daemon ──► HttpDoors ──► a target's door
//!                                              └───────► back: the house's own API and pages
//! ```
//!
//! One connection may carry requests for several targets (RFC 9110, section 7.6), so the doors are asked for each.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use access::identity::{Identity, Lapsed};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use crate::House;
use crate::app;
use crate::kube;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer, streamed.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Who is on an HTTP connection.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Where from.
    pub(crate) peer: SocketAddr,
    /// Who the client certificate says is there, if one was shown that is ours and still good.
    pub(crate) identity: Option<Identity>,
    /// Whom it names, if it is ours and good but for the time. Only to be told so.
    pub(crate) lapsed: Option<Lapsed>,
}

/// The doors that the requests of one HTTP connection may go through. Cheap to clone; what was opened through it ends
/// when the last clone is gone.
#[derive(Clone)]
pub struct HttpDoors(Arc<Doors>);

struct Doors {
    house: Arc<House>,
    kube: kube::Front,
}

impl fmt::Debug for HttpDoors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDoors").finish_non_exhaustive()
    }
}

impl HttpDoors {
    pub(crate) fn new(house: Arc<House>, visitor: Visitor) -> Self {
        let kube = kube::Front::new(Arc::clone(&house), visitor);
        Self(Arc::new(Doors { house, kube }))
    }

    /// Answers a request that is for a target.
    ///
    /// # Errors
    /// The request itself, when it is for the house.
    pub async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Request<Incoming>> {
        if kube::Front::is_for(request.uri().path()) {
            return Ok(self.0.kube.serve(request).await);
        }
        if let Some(response) = app::misdirected(&self.0.house, &request) {
            return Ok(response);
        }
        Err(request)
    }
}
