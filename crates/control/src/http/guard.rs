//! Who may pass: the endpoint's `auth`, enforced before its handler runs.

use super::Failure;
use crate::{Caller, Control};
use access::denial::{Denial, NextStep};
use access::expr::Residual;
use access::identity::{Identity, Lapsed};
use access::policy::administer::About;
use access::role::rules::Verb;
use api::endpoints::{self, Auth, Endpoint};
use api::problem::Problem;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

pub(super) async fn guard(
    State((control, endpoint)): State<(Control, &'static Endpoint)>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::NOBODY);
    let response = match pass(&control, endpoint.auth, &caller) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(endpoint);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    };
    let code = response.extensions().get::<Problem>().map_or("ok", |problem| problem.code.as_str());
    control.meter().called(endpoint.operation, response.status().as_u16(), code);
    response
}

fn pass(control: &Control, auth: Auth, caller: &Caller) -> Result<(), Failure> {
    match (auth, caller) {
        (Auth::Public, _)
        | (Auth::AdminSocket | Auth::Rule(..) | Auth::User, Caller::Admin { .. }) => Ok(()),
        (Auth::AdminSocket | Auth::Rule(..) | Auth::User, Caller::Anonymous { lapsed, .. }) => {
            Err(nobody(control, lapsed.as_deref()))
        }
        (Auth::AdminSocket, Caller::User(identity)) => {
            present(control, identity)?;
            Err(Problem::forbidden().into())
        }
        (Auth::User, Caller::User(identity)) => present(control, identity),
        (Auth::Rule(resource, verb), Caller::User(identity)) => {
            present(control, identity)?;
            control.may_some(identity, resource, verb)
        }
    }
}

/// Whether a caller whose call was let in would still be let in: streams ask this again and again.
pub(crate) fn still(control: &Control, caller: &Caller) -> Result<(), Failure> {
    pass(control, Auth::User, caller)
}

/// Whether an identity still stands for someone: not run out, not locked out, and its user is there.
fn present(control: &Control, identity: &Identity) -> Result<(), Failure> {
    let now = control.now();
    if now >= identity.expires {
        return Err(turned_away(&Lapsed::ended(identity).denial(now)));
    }
    let policy = control.store().policy();
    policy.read(|policy| policy.welcome(identity, now)).map_err(|denial| turned_away(&denial))
}

/// Nobody, as far as this call goes: he is told why if he has proven to be someone.
fn nobody(control: &Control, lapsed: Option<&Lapsed>) -> Failure {
    match lapsed {
        Some(lapsed) => turned_away(&lapsed.denial(control.now())),
        None => Problem::unauthenticated().into(),
    }
}

fn turned_away(denial: &Denial) -> Failure {
    let mut problem = Problem::unauthenticated();
    denial.sentence().clone_into(&mut problem.detail);
    problem.hint = denial.next().map(NextStep::command);
    problem.into()
}

/// Documents whose handlers ask once more, with the document at hand, what a rule with a condition says of it.
const BY_DOCUMENT: [&str; 7] =
    ["access_monitoring_rule", "app", "cluster_settings", "db", "lock", "node", "role"];

impl Control {
    /// Whether the caller's roles let her do `verb` to every `resource`. A rule with a condition is not enough.
    ///
    /// # Errors
    /// A problem that says only that access is denied.
    pub fn may(
        &self,
        identity: &Identity,
        resource: &str,
        verb: endpoints::Verb,
    ) -> Result<(), Failure> {
        match self.visible(identity, resource, verb) {
            Residual::Known(true) => Ok(()),
            Residual::Depends(_) | Residual::Known(false) => Err(Problem::forbidden().into()),
        }
    }

    /// The same, or to some of them: then the handler asks for each with [`Control::caller_may_document`].
    fn may_some(
        &self,
        identity: &Identity,
        resource: &str,
        verb: endpoints::Verb,
    ) -> Result<(), Failure> {
        match self.visible(identity, resource, verb) {
            Residual::Depends(_) if BY_DOCUMENT.contains(&resource) => Ok(()),
            Residual::Known(true) => Ok(()),
            Residual::Depends(_) | Residual::Known(false) => Err(Problem::forbidden().into()),
        }
    }

    /// The same for any caller: the administrator on the host may, nobody else without a rule.
    ///
    /// # Errors
    /// A problem that says only that access is denied.
    pub(crate) fn caller_may_some(
        &self,
        caller: &Caller,
        resource: &str,
        verb: endpoints::Verb,
    ) -> Result<(), Failure> {
        match caller {
            Caller::Admin { .. } => Ok(()),
            Caller::Anonymous { .. } => Err(Problem::unauthenticated().into()),
            Caller::User(identity) => self.may_some(identity, resource, verb),
        }
    }

    fn visible(&self, identity: &Identity, resource: &str, verb: endpoints::Verb) -> Residual {
        let now = self.now();
        self.store()
            .policy()
            .read(|policy| policy.visible(&identity.user, resource, law(verb), now))
    }

    /// The same for any caller: the administrator on the host may, nobody else without a rule.
    ///
    /// # Errors
    /// A problem that says only that access is denied.
    pub fn caller_may(
        &self,
        caller: &Caller,
        resource: &str,
        verb: endpoints::Verb,
    ) -> Result<(), Failure> {
        match caller {
            Caller::Admin { .. } => Ok(()),
            Caller::Anonymous { .. } => Err(Problem::unauthenticated().into()),
            Caller::User(identity) => self.may(identity, resource, verb),
        }
    }

    /// Whether the caller may do `verb` to this one document.
    ///
    /// # Errors
    /// A problem that says only that access is denied.
    pub(crate) fn caller_may_document(
        &self,
        caller: &Caller,
        (resource, verb): (&str, endpoints::Verb),
        about: &About<'_>,
    ) -> Result<(), Failure> {
        let Caller::User(identity) = caller else { return self.caller_may(caller, resource, verb) };
        let now = self.now();
        let allowed = self
            .store()
            .policy()
            .read(|policy| policy.may(&identity.user, resource, law(verb), about, now).is_ok());
        if allowed { Ok(()) } else { Err(Problem::forbidden().into()) }
    }
}

fn law(verb: endpoints::Verb) -> Verb {
    match verb {
        endpoints::Verb::Create => Verb::Create,
        endpoints::Verb::Delete => Verb::Delete,
        endpoints::Verb::List => Verb::List,
        endpoints::Verb::Read => Verb::Read,
        endpoints::Verb::Update => Verb::Update,
    }
}
