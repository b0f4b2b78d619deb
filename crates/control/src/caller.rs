//! Who calls.

use access::{
    identity::{Identity, Lapsed},
    request::Actor,
};
use api::audit::NewEvent;
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
        /// Whom his certificate names, if it is ours and good but for the time. He is nobody all the same; this is
        /// only for telling him why.
        lapsed: Option<Box<Lapsed>>,
    },
    /// Someone with an identity of ours.
    User(Identity),
}

impl Caller {
    /// Nobody, from nowhere.
    pub const NOBODY: Self = Self::Anonymous { peer: None, lapsed: None };

    /// The name that the audit log and the rate limit know the caller by. No user can be called like
    /// the two that are not users.
    pub fn name(&self) -> String {
        match self {
            Self::Admin { uid } => Actor::operator(*uid).author().to_string(),
            Self::Anonymous { peer: Some(peer), .. } => format!("system:anonymous/{peer}"),
            Self::Anonymous { peer: None, .. } => "system:anonymous".to_owned(),
            Self::User(identity) => identity.user.to_string(),
        }
    }

    /// The event with the caller as who did it, and the login it was done with.
    pub fn sign(&self, event: NewEvent) -> NewEvent {
        match self {
            Self::Admin { .. } | Self::Anonymous { .. } => event.user(self.name()),
            Self::User(identity) => event.user(&identity.user).login(identity.login),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// A request whose caller nobody has verified is anonymous: forgetting to say is not a way in.
    async fn from_request_parts(head: &mut Head, _: &S) -> Result<Self, Infallible> {
        Ok(head.extensions.get::<Self>().cloned().unwrap_or(Self::NOBODY))
    }
}
