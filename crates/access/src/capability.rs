//! Capabilities: what a user may ask for and review, for screens and shells.

use crate::{
    identity::User,
    name::{RoleName, UserName},
    policy::Policy,
    request::{Asker, Manner, reaches, reason_needed},
    resource::ResourceId,
    role::{
        Role,
        options::{RequestAccess, RoleOptions},
    },
    target::Target,
};

/// What a user may ask for and review.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// The roles that may be asked for and are not held, sorted.
    pub requestable_roles: Vec<RoleName>,
    /// The roles through which resources may be asked for, sorted.
    pub search_as_roles: Vec<RoleName>,
    /// Whom the roles suggest as reviewers.
    pub suggested_reviewers: Vec<String>,
    /// Whether some role lets them review something.
    pub can_review: bool,
    /// What the login should do about requests.
    pub login: LoginCapabilities,
}

/// What the options of roles say about requests at login.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LoginCapabilities {
    /// Every request needs a reason.
    pub require_reason: bool,
    /// A request for everything is filed by itself.
    pub auto_request: bool,
    /// What to ask for as the reason; may be empty.
    pub prompt: String,
}

/// A question about requestable roles.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Query {
    /// Only roles that give these resources; empty asks for all roles.
    pub resources: Vec<ResourceId>,
    /// An identity confined to some resources sees these alone.
    pub confined_to: Option<Vec<ResourceId>>,
}

impl LoginCapabilities {
    /// Merges the options of roles: any that demands, demands; the first prompt is asked.
    pub fn of<'o>(options: impl IntoIterator<Item = &'o RoleOptions>) -> Self {
        let mut merged = Self::default();
        for own in options {
            match own.request_access {
                None | Some(RequestAccess::Optional) => {}
                Some(RequestAccess::Always) => merged.auto_request = true,
                Some(RequestAccess::Reason) => {
                    merged.auto_request = true;
                    merged.require_reason = true;
                }
            }
            if let (true, Some(prompt)) = (merged.prompt.is_empty(), &own.request_prompt) {
                merged.prompt.clone_from(prompt);
            }
        }
        merged
    }
}

/// What `user` may ask for and review. Nothing for someone the house does not know.
#[must_use]
pub fn capabilities(policy: &Policy, user: &UserName) -> Capabilities {
    let Some(user) = policy.user(user).filter(|user| !user.disabled) else {
        return Capabilities::default();
    };
    let asker = Asker::new(policy, user);
    let requestable_roles = requestable(policy, &asker);
    let search_as_roles = asker.all(policy, Manner::Search);
    let mut suggested_reviewers = asker.suggested_reviewers(&requestable_roles, Manner::Role);
    suggested_reviewers.extend(asker.suggested_reviewers(&search_as_roles, Manner::Search));
    suggested_reviewers.sort();
    suggested_reviewers.dedup();
    Capabilities {
        requestable_roles,
        search_as_roles,
        suggested_reviewers,
        can_review: policy.reviewing_roles().any(|role| user.roles.contains(role.name())),
        login: LoginCapabilities::of(policy.base_roles(user).map(Role::options)),
    }
}

/// The roles `user` may ask for that give all the resources of the query.
///
/// A resource the user cannot see, by a role held or a search role, is skipped silently: whether it
/// exists must not be learned here. One in another cluster switches the filter off, as its labels are
/// not known here.
#[must_use]
pub fn requestable_roles(policy: &Policy, user: &UserName, query: &Query) -> Vec<RoleName> {
    let Some(user) = policy.user(user).filter(|user| !user.disabled) else { return Vec::new() };
    let asker = Asker::new(policy, user);
    let mut roles = requestable(policy, &asker);
    if query.resources.iter().any(|resource| resource.cluster() != policy.cluster()) {
        return roles;
    }
    let visible: Vec<&Target> = query
        .resources
        .iter()
        .filter(|resource| query.confined_to.as_ref().is_none_or(|sight| sight.contains(resource)))
        .filter_map(|resource| policy.target(&resource.target_id()).map(AsRef::as_ref))
        .filter(|target| is_visible(policy, &asker, target))
        .collect();
    roles.retain(|name| {
        policy
            .role(name)
            .is_some_and(|role| visible.iter().all(|target| reaches(role, target, user)))
    });
    roles
}

/// Whether a request of `user` for these roles needs a reason.
#[must_use]
pub fn require_reason(policy: &Policy, user: &UserName, roles: &[RoleName]) -> bool {
    policy.user(user).is_some_and(|user| reason_needed(&Asker::new(policy, user), roles))
}

fn requestable(policy: &Policy, asker: &Asker<'_>) -> Vec<RoleName> {
    let mut roles = asker.all(policy, Manner::Role);
    roles.retain(|role| !asker.user.roles.contains(role));
    roles
}

fn is_visible(policy: &Policy, asker: &Asker<'_>, target: &Target) -> bool {
    let user: &User = asker.user;
    asker.roles.iter().any(|role| reaches(role, target, user))
        || asker
            .all(policy, Manner::Search)
            .iter()
            .filter_map(|name| policy.role(name))
            .any(|role| reaches(role, target, user))
}
