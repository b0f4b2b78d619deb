//! "Hold the line": people at a door ask for access through the control plane, like everybody else.

use access::display::shown;
use access::name::RequestId;
use access::request::{Channel, Draft, State, Status};
use control::requests::{self, Who};
use control::{Caller, Control};
use futures_util::future::BoxFuture;
use proxy::{AskForAccess, Filed, Question, Standing};

/// Files requests for people at a door.
#[derive(Debug)]
pub(crate) struct Desk(pub(crate) Control);

impl AskForAccess for Desk {
    fn file(&self, question: Question) -> BoxFuture<'_, Result<Filed, String>> {
        Box::pin(async move {
            let caller = Caller::User(question.caller.identity.clone());
            let who = Who::new(&caller, Channel::Proxy).ok_or("nobody is there")?;
            let draft = Draft {
                roles: question.wish.roles.iter().map(ToString::to_string).collect(),
                resources: question.wish.resources,
                reason: question.reason,
                login_hint: question.wish.login.and_then(|login| login.parse().ok()),
                ..Draft::default()
            };
            let kept =
                requests::file(&self.0, &who, draft).await.map_err(|error| error.to_string())?;
            let view = requests::show(&self.0, &caller, kept.request.id())
                .await
                .map_err(|error| error.to_string())?;
            let asked = view.missing.map(|missing| missing.reviewers).unwrap_or_default();
            Ok(Filed { request: kept.request.id(), asked })
        })
    }

    fn standing(&self, request: RequestId) -> BoxFuture<'_, Standing> {
        Box::pin(async move {
            let kept = match self.0.store().requests().load(request).await {
                Ok(Some(kept)) => kept.request,
                Ok(None) => return Standing::Decided("The request is gone.".to_owned()),
                Err(error) => {
                    tracing::error!(%error, %request, "a request cannot be read");
                    return Standing::Decided(
                        "The request cannot be read. Tell an administrator.".to_owned(),
                    );
                }
            };
            match kept.status(self.0.now()) {
                Status::Approved | Status::Pending => Standing::Waiting,
                Status::Expired => Standing::Decided("Nobody answered in time.".to_owned()),
                Status::Cancelled => Standing::Decided("The request was cancelled.".to_owned()),
                Status::Denied => Standing::Decided(denied(kept.state())),
                Status::Promoted | Status::Released | Status::Revoked => {
                    Standing::Decided("The request has ended.".to_owned())
                }
            }
        })
    }
}

/// `Denied by carol: use the replica.`
fn denied(state: &State) -> String {
    match state {
        State::Denied(act) if !act.reason.trim().is_empty() => {
            format!("Denied by {}: {}", shown(&act.by.to_string()), shown(act.reason.trim()))
        }
        State::Denied(act) => format!("Denied by {}.", shown(&act.by.to_string())),
        State::Approved(_)
        | State::Cancelled(_)
        | State::Pending
        | State::Promoted(..)
        | State::Released(..)
        | State::Revoked(..) => "Denied.".to_owned(),
    }
}
