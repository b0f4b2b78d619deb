//! Who may pass: the endpoint's `auth`, enforced before its handler runs.

use super::Failure;
use crate::{Caller, Control};
use access::identity::Identity;
use access::lock::Subject;
use access::name::RoleName;
use access::role::rules::{Rule, Verb};
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
    let caller =
        request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Anonymous { peer: None });
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
        (Auth::AdminSocket | Auth::Rule(..) | Auth::User, Caller::Anonymous { .. }) => {
            Err(Problem::unauthenticated().into())
        }
        (Auth::AdminSocket, Caller::User(identity)) => {
            present(control, identity)?;
            Err(Problem::forbidden().into())
        }
        (Auth::User, Caller::User(identity)) => present(control, identity),
        (Auth::Rule(resource, verb), Caller::User(identity)) => {
            present(control, identity)?;
            control.may(identity, resource, verb)
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
    let present = now < identity.expires
        && control.store().policy().read(|policy| {
            let Some(user) = policy.user(&identity.user).filter(|user| !user.disabled) else {
                return false;
            };
            let roles: Vec<&RoleName> = user.roles.iter().collect();
            let subject = Subject {
                user: Some(&identity.user),
                roles: &roles,
                login_session: Some(identity.login),
                ..Subject::default()
            };
            !policy.locks().any(|lock| lock.in_force(now) && lock.target.stops(&subject))
        });
    if present { Ok(()) } else { Err(Problem::unauthenticated().into()) }
}

impl Control {
    /// Whether the caller's roles have an administrative rule for `verb` on `resource`.
    ///
    /// # Errors
    /// A problem that says only that access is denied.
    pub fn may(
        &self,
        identity: &Identity,
        resource: &str,
        verb: endpoints::Verb,
    ) -> Result<(), Failure> {
        let verb = law(verb);
        let allowed = self.store().policy().read(|policy| {
            let Some(user) = policy.user(&identity.user) else { return false };
            // A rule with a condition allows nothing here and denies everything: it needs a resource to hold for.
            let about = |rules: &[Rule]| rules.iter().any(|rule| rule.is_about(resource, verb));
            let free = |rules: &[Rule]| {
                rules.iter().any(|rule| rule.condition.is_none() && rule.is_about(resource, verb))
            };
            policy.base_roles(user).any(|role| free(&role.allow().rules))
                && !policy.base_roles(user).any(|role| about(&role.deny().rules))
        });
        if allowed { Ok(()) } else { Err(Problem::forbidden().into()) }
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
