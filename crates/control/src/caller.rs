//! Who calls.

use access::identity::Identity;
use axum::extract::FromRequestParts;
use http::request::Parts as Head;
use std::{convert::Infallible, net::IpAddr};

/// Who calls, as far as the daemon has verified. It stands in the extensions of every HTTP request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Caller {
    /// The administrator on the daemon's host, over the admin socket, whose peer credentials were checked.
    Admin {
        /// The peer's user id.
        uid: u32,
    },
    /// Nobody we know.
    Anonymous {
        /// From where, for rate limits and the audit log.
        peer: Option<IpAddr>,
    },
    /// Someone with an identity of ours.
    User(Identity),
}

impl Caller {
    /// The name that the audit log and the rate limit know the caller by.
    pub fn name(&self, cluster: &str) -> String {
        match self {
            Self::Admin { uid } => format!("admin@{cluster}({uid})"),
            Self::Anonymous { peer: Some(peer) } => format!("anonymous@{peer}"),
            Self::Anonymous { peer: None } => "anonymous".to_owned(),
            Self::User(identity) => identity.user.to_string(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// A request whose caller nobody has verified is anonymous: forgetting to say is not a way in.
    async fn from_request_parts(head: &mut Head, _: &S) -> Result<Self, Infallible> {
        Ok(head.extensions.get::<Self>().cloned().unwrap_or(Self::Anonymous { peer: None }))
    }
}
