//! What someone holds at one moment: the roles of their record, and their grants.

use super::Policy;
use crate::{
    ask::{Action, KubeCall},
    identity::User,
    lock::{Lock, Subject},
    name::{RequestId, RoleName},
    resource::{ResourceId, kube_plural},
    role::Role,
    target::TargetId,
};
use jiff::Timestamp;

/// The roles of a user at one moment.
#[derive(Clone, Debug)]
pub struct Held<'p> {
    pub(super) user: &'p User,
    pub(super) base: Vec<&'p Role>,
    pub(super) granted: Vec<Granted<'p>>,
    pub(super) scoped: Vec<Scoped<'p>>,
    /// Grants that a lock holds back.
    pub(super) withheld: Vec<(&'p Lock, Scoped<'p>)>,
}

/// A role held by a grant, everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'p> {
    /// The role.
    pub role: &'p Role,
    /// By which request.
    pub request: RequestId,
    /// Until when, exclusively.
    pub until: Timestamp,
}

/// Roles held by a grant, for some resources alone.
#[derive(Clone, Debug)]
pub struct Scoped<'p> {
    /// The roles.
    pub roles: Vec<&'p Role>,
    /// Where; empty is everywhere.
    pub resources: &'p [ResourceId],
    /// By which request.
    pub request: RequestId,
    /// Until when, exclusively.
    pub until: Timestamp,
}

impl Policy {
    /// What `user` holds at `now`. A lock on a request holds back what it grants.
    #[must_use]
    pub fn held<'p>(&'p self, user: &'p User, now: Timestamp) -> Held<'p> {
        let mut held = Held {
            user,
            base: self.base_roles(user).collect(),
            granted: Vec::new(),
            scoped: Vec::new(),
            withheld: Vec::new(),
        };
        for request in self.requests_of(&user.name) {
            let Some(grant) = request.grant(now) else { continue };
            let subject = Subject {
                user: Some(&user.name),
                request: Some(grant.request),
                ..Subject::default()
            };
            let on_request = self.locks.values().find(|lock| {
                lock.in_force(now) && lock.target.request.is_some() && lock.target.stops(&subject)
            });
            let roles: Vec<_> =
                grant.roles.iter().filter_map(|name| self.role(name).map(AsRef::as_ref)).collect();
            let (request, until) = (grant.request, grant.until);
            let whole = Scoped { roles, resources: grant.resources, request, until };
            if let Some(lock) = on_request {
                held.withheld.push((lock, whole));
            } else if whole.resources.is_empty() {
                held.granted.extend(whole.roles.iter().map(|role| Granted {
                    role,
                    request,
                    until,
                }));
            } else {
                held.scoped.push(whole);
            }
        }
        held
    }

    /// The first lock in force that stops `subject`.
    #[must_use]
    pub fn lock_on(&self, subject: &Subject<'_>, now: Timestamp) -> Option<&Lock> {
        self.locks.values().find(|lock| lock.in_force(now) && lock.target.stops(subject))
    }
}

impl<'p> Held<'p> {
    /// The roles held everywhere: by record, and by grants of roles.
    pub fn roles(&self) -> impl Iterator<Item = &'p Role> + Clone {
        self.base.iter().copied().chain(self.granted.iter().map(|granted| granted.role))
    }

    /// The names of [`Held::roles`], each once, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&'p RoleName> {
        let mut names: Vec<_> = self.roles().map(Role::name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The roles held by record.
    #[must_use]
    pub fn base(&self) -> &[&'p Role] {
        &self.base
    }

    /// The roles held by grants, everywhere.
    #[must_use]
    pub fn granted(&self) -> &[Granted<'p>] {
        &self.granted
    }

    /// The roles held by grants, for some resources.
    #[must_use]
    pub fn scoped(&self) -> &[Scoped<'p>] {
        &self.scoped
    }

    /// Whose they are.
    #[must_use]
    pub const fn user(&self) -> &'p User {
        self.user
    }
}

impl Scoped<'_> {
    /// Whether the grant is for this target, and for this part of it where it names parts.
    pub(super) fn covers(&self, policy: &Policy, target: &TargetId, action: &Action) -> bool {
        self.resources.is_empty()
            || self.resources.iter().any(|resource| {
                resource.cluster() == policy.cluster()
                    && resource.target_id() == *target
                    && match (resource.kube(), action) {
                        (None, _) => true,
                        (Some(_), Action::Kube { resource: None, .. }) => true,
                        (Some(part), Action::Kube { resource: Some(call), .. }) => {
                            inside(&part, call)
                        }
                        (
                            Some(_),
                            Action::App { .. }
                            | Action::Db { .. }
                            | Action::Desktop { .. }
                            | Action::Ssh { .. },
                        ) => false,
                    }
            })
    }
}

/// Whether a call touches the part of a cluster that was asked for. Who asks for a namespace asks for
/// what is inside it.
fn inside(part: &crate::resource::KubePart<'_>, call: &KubeCall) -> bool {
    let same = |asked: &str, touched: &str| asked == "*" || asked == touched;
    // Of a collection, the part that was asked for.
    let among = |asked: &str, touched: &str| call.part || same(asked, touched);
    let kind = kube_plural(&call.kind);
    let namespace = call.namespace.as_deref();
    if part.resource == "namespaces"
        && namespace.map_or(call.part, |namespace| same(part.name, namespace))
    {
        return true;
    }
    let place = match (part.namespace, namespace) {
        (None, None) => true,
        (Some(asked), Some(touched)) => same(asked, touched),
        (Some(_), None) => call.part,
        (None, Some(_)) => false,
    };
    part.is_of(kind, &call.api_group) && place && among(part.name, &call.name)
}
