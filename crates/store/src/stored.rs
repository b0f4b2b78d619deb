//! What stands behind a key: bytes, and what the law makes of them.

use std::sync::Arc;

use access::identity::User;
use access::lock::Lock;
use access::name::{LockName, RequestId, RoleName, RuleName, UserName};
use access::policy::{Policy, Settings};
use access::request::{Event, Request};
use access::role::Role;
use access::rule::Rule;
use access::target::{Target, TargetId, TargetKind};
use api::app::AppDocument;
use api::database::DatabaseDocument;
use api::event::RequestEvent;
use api::kube::KubeClusterDocument;
use api::lock::LockDocument;
use api::node::NodeDocument;
use api::problem::FieldProblem;
use api::role::RoleDocument;
use api::rule::RuleDocument;
use api::settings::ClusterSettingsDocument;
use api::user::UserDocument;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

/// The keys the policy is made of.
pub(crate) const ROLE: &str = "/role/";
pub(crate) const USER: &str = "/user/";
pub(crate) const NODE: &str = "/node/";
pub(crate) const DB: &str = "/db/";
pub(crate) const KUBE: &str = "/kube_cluster/";
pub(crate) const APP: &str = "/app/";
pub(crate) const LOCK: &str = "/lock/";
pub(crate) const SETTINGS: &str = "/cluster_settings/";
pub(crate) const RULE: &str = "/rule/";
pub(crate) const REQUEST: &str = "/request/";

/// What is stored cannot be understood: this house never wrote it, or a newer one did.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{key}` cannot be read: {why}")]
pub struct Unreadable {
    /// Where it stands.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

/// A change of the policy, understood.
pub(crate) enum Part {
    Role(Box<Role>),
    NoRole(RoleName),
    User(User),
    NoUser(UserName),
    Target(Target),
    NoTarget(TargetId),
    Lock(Lock),
    NoLock(LockName),
    Settings(Settings),
    NoSettings,
    Rule(Box<Rule>),
    NoRule(RuleName),
    Request(Arc<Request>),
    NoRequest(RequestId),
}

impl Part {
    /// What `key` says now. `None`: it is no part of the policy.
    pub(crate) fn read(key: &str, value: Option<&[u8]>) -> Result<Option<Self>, Unreadable> {
        let read = |part: Result<Self, String>| {
            part.map(Some).map_err(|why| Unreadable { key: key.to_owned(), why })
        };
        if let Some(name) = key.strip_prefix(ROLE) {
            read(match value {
                Some(value) => role(value).map(|role| Self::Role(Box::new(role))),
                None => parsed(name).map(Self::NoRole),
            })
        } else if let Some(name) = key.strip_prefix(USER) {
            read(match value {
                Some(value) => user(value).map(Self::User),
                None => parsed(name).map(Self::NoUser),
            })
        } else if let Some(name) = key.strip_prefix(NODE) {
            read(match value {
                Some(value) => node(value).map(Self::Target),
                None => parsed(name).map(|name| Self::NoTarget(TargetId::node(name))),
            })
        } else if let Some(name) = key.strip_prefix(DB) {
            read(match value {
                Some(value) => database(value).map(Self::Target),
                None => {
                    parsed(name).map(|name| Self::NoTarget(TargetId { kind: TargetKind::Db, name }))
                }
            })
        } else if let Some(name) = key.strip_prefix(KUBE) {
            read(match value {
                Some(value) => kube(value).map(Self::Target),
                None => parsed(name)
                    .map(|name| Self::NoTarget(TargetId { kind: TargetKind::KubeCluster, name })),
            })
        } else if let Some(name) = key.strip_prefix(APP) {
            read(match value {
                Some(value) => app(value).map(Self::Target),
                None => parsed(name)
                    .map(|name| Self::NoTarget(TargetId { kind: TargetKind::App, name })),
            })
        } else if let Some(name) = key.strip_prefix(LOCK) {
            read(match value {
                Some(value) => lock(value).map(Self::Lock),
                None => parsed(name).map(Self::NoLock),
            })
        } else if key.starts_with(SETTINGS) {
            read(match value {
                Some(value) => settings(value).map(Self::Settings),
                None => Ok(Self::NoSettings),
            })
        } else if let Some(name) = key.strip_prefix(RULE) {
            read(match value {
                Some(value) => rule(value).map(|rule| Self::Rule(Box::new(rule))),
                None => parsed(name).map(Self::NoRule),
            })
        } else if let Some(name) = key.strip_prefix(REQUEST) {
            read(match value {
                Some(value) => request(value).map(|(request, _)| Self::Request(Arc::new(request))),
                None => parsed(name).map(Self::NoRequest),
            })
        } else {
            Ok(None)
        }
    }

    /// Puts it into the policy. A request that is over is not kept there.
    pub(crate) fn apply(self, policy: &mut Policy, now: Timestamp) {
        match self {
            Self::Role(role) => policy.put_role(*role),
            Self::NoRole(name) => policy.remove_role(&name),
            Self::User(user) => policy.put_user(user),
            Self::NoUser(name) => policy.remove_user(&name),
            Self::Target(target) => policy.put_target(target),
            Self::NoTarget(id) => policy.remove_target(&id),
            Self::Lock(lock) => policy.put_lock(lock),
            Self::NoLock(name) => policy.remove_lock(&name),
            Self::Settings(settings) => policy.put_settings(settings),
            Self::NoSettings => policy.put_settings(Settings::default()),
            Self::Rule(rule) => policy.put_rule(*rule),
            Self::NoRule(name) => policy.remove_rule(&name),
            Self::Request(request) if request.status(now).is_open() => policy.put_request(request),
            Self::Request(request) => policy.remove_request(&request.id()),
            Self::NoRequest(id) => policy.remove_request(&id),
        }
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str) -> Result<T, String> {
    name.parse().map_err(|error: T::Err| error.to_string())
}

fn shape<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|error| error.to_string())
}

fn problems(found: Vec<FieldProblem>) -> String {
    let texts = found.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
    texts.collect::<Vec<_>>().join("; ")
}

fn user(value: &[u8]) -> Result<User, String> {
    shape::<UserDocument>(value)?.user().map_err(problems)
}

fn node(value: &[u8]) -> Result<Target, String> {
    Target::try_from(&shape::<NodeDocument>(value)?).map_err(problems)
}

fn database(value: &[u8]) -> Result<Target, String> {
    Target::try_from(&shape::<DatabaseDocument>(value)?).map_err(problems)
}

fn kube(value: &[u8]) -> Result<Target, String> {
    Target::try_from(&shape::<KubeClusterDocument>(value)?).map_err(problems)
}

fn app(value: &[u8]) -> Result<Target, String> {
    Target::try_from(&shape::<AppDocument>(value)?).map_err(problems)
}

fn lock(value: &[u8]) -> Result<Lock, String> {
    Lock::try_from(&shape::<LockDocument>(value)?).map_err(problems)
}

fn settings(value: &[u8]) -> Result<Settings, String> {
    Settings::try_from(&shape::<ClusterSettingsDocument>(value)?).map_err(problems)
}

fn rule(value: &[u8]) -> Result<Rule, String> {
    Rule::try_from(&shape::<RuleDocument>(value)?).map_err(problems)
}

fn role(value: &[u8]) -> Result<Role, String> {
    let (role, _warnings) = shape::<RoleDocument>(value)?.role().map_err(problems)?;
    Ok(role)
}

/// The request that a list of events makes, and the events.
pub(crate) fn request(value: &[u8]) -> Result<(Request, Vec<Event>), String> {
    let shapes: Vec<RequestEvent> = shape(value)?;
    let events: Vec<Event> = shapes
        .into_iter()
        .map(Event::try_from)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let request = Request::replay(events.iter().cloned()).map_err(|error| error.to_string())?;
    Ok((request, events))
}

/// The events as they are stored.
pub(crate) fn write(events: &[Event]) -> Result<Vec<u8>, String> {
    let shapes: Vec<RequestEvent> = events.iter().map(RequestEvent::from).collect();
    serde_json::to_vec(&shapes).map_err(|error| error.to_string())
}
