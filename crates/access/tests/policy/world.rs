//! A small company: roles in YAML, users, targets, grants.

use access::{
    ask::{Action, Ask},
    denial::Denial,
    identity::{Identity, User},
    lock::{Lock, LockTarget},
    name::{LoginId, RequestId},
    permit::Permit,
    policy::Policy,
    request::{Act, Author, Channel, Event, Outcome, Request, Requested},
    target::{Target, TargetId, TargetKind},
};
use api::role::RoleDocument;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The roles of the company. `dba` may be asked for by developers and approved by security.
pub(crate) const ROLES: &[(&str, &str)] = &[
    (
        "admin",
        "allow: {logins: [root, admin], node_labels: {'*': '*'}, db_labels: {'*': '*'}, db_users: ['*'], db_names: ['*']}",
    ),
    ("auditor", "allow: {rules: [{resources: [session], verbs: [list, read]}]}"),
    (
        "contractor",
        "deny: {node_labels: {env: prod}, logins: [root], request: {roles: [prod-root]}}",
    ),
    (
        "dba",
        "allow: {logins: [root], node_labels: {tier: db}, db_labels: {tier: db}, db_users: [dba], db_names: ['*']}",
    ),
    (
        "dev",
        "allow: {logins: ['{{internal.logins}}', dev], node_labels: {env: [dev, 'stage*']}, request: {roles: [dba], search_as_roles: [prod-root]}}",
    ),
    (
        "mfa",
        "{options: {require_session_mfa: yes}, allow: {logins: [ops], node_labels: {env: prod}}}",
    ),
    ("prod-root", "allow: {logins: [root], node_labels: {env: prod}}"),
    ("security", "allow: {review_requests: {roles: [dba, prod-root]}}"),
];

type Written = (TargetKind, &'static str, &'static [(&'static str, &'static str)]);

pub(crate) const TARGETS: &[Written] = &[
    (TargetKind::Node, "db-box", &[("env", "prod"), ("tier", "db")]),
    (TargetKind::Node, "web-1", &[("env", "prod"), ("tier", "web")]),
    (TargetKind::Node, "lab", &[("env", "dev")]),
    (TargetKind::Db, "orders", &[("env", "prod"), ("tier", "db")]),
];

pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            policy: Policy::new("main".parse().unwrap()),
            now: "2026-03-02T12:00:00Z".parse().unwrap(),
        };
        for (name, body) in ROLES {
            world.role(name, body);
        }
        for (kind, name, labels) in TARGETS {
            let labels = labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            world.policy.put_target(Target::new(
                TargetId { kind: *kind, name: name.parse().unwrap() },
                labels,
            ));
        }
        world.user("alice", &["dev"]);
        world.user("bob", &["dev", "contractor"]);
        world.user("carol", &["security"]);
        world.user("dave", &["admin"]);
        world.user("mallory", &[]);
        world
    }

    pub(crate) fn role(&mut self, name: &str, body: &str) {
        let body = if body.starts_with('{') { body.to_owned() } else { format!("{{{body}}}") };
        let document =
            RoleDocument::read(&format!("kind: role\nmetadata: {{name: {name}}}\nspec: {body}\n"));
        let (role, warnings) = document.unwrap().role().unwrap();
        assert_eq!(warnings, Vec::new());
        self.policy.put_role(role);
    }

    pub(crate) fn user(&mut self, name: &str, roles: &[&str]) {
        let mut user = User::new(name.parse().unwrap());
        user.roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        user.traits.insert("logins".to_owned(), [name.to_owned()].into());
        self.policy.put_user(user);
    }

    /// An approved request of `user`, with a grant from now for so many hours.
    pub(crate) fn grant(
        &mut self,
        id: u64,
        user: &str,
        roles: &[&str],
        resources: &[&str],
        hours: i64,
    ) -> RequestId {
        let act = Act {
            by: Author::User("carol".parse().unwrap()),
            channel: Channel::Cli,
            at: self.now,
            reason: String::new(),
        };
        let roles: Vec<_> = roles.iter().map(|role| role.parse().unwrap()).collect();
        let asked = Requested {
            id: RequestId::from_bits(id),
            user: user.parse().unwrap(),
            by: Author::User(user.parse().unwrap()),
            channel: Channel::Cli,
            at: self.now,
            roles: roles.clone(),
            resources: resources.iter().map(|id| id.parse().unwrap()).collect(),
            login_hint: None,
            reason: "ticket".to_owned(),
            answer_by: self.now + SignedDuration::from_hours(24),
            duration: SignedDuration::from_hours(hours),
            cut: None,
            assume_start: None,
            terms: Vec::new(),
            annotations: access::identity::Traits::new(),
            suggested_reviewers: Vec::new(),
            extends: None,
        };
        let until = self.now + SignedDuration::from_hours(hours);
        let approved = Event::Overridden(act, Outcome::Approved { roles, start: self.now, until });
        let request = Request::replay([Event::Requested(Box::new(asked)), approved]).unwrap();
        assert!(request.grant(self.now).is_some());
        self.policy.put_request(Arc::new(request));
        RequestId::from_bits(id)
    }

    pub(crate) fn revoke(&mut self, id: RequestId) {
        let mut request = Request::clone(self.policy.request(id).unwrap());
        let by = Author::User("carol".parse().unwrap());
        request.apply(Event::Revoked(Act {
            by,
            channel: Channel::Cli,
            at: self.now,
            reason: String::new(),
        }));
        self.policy.put_request(Arc::new(request));
    }

    pub(crate) fn lock(&mut self, name: &str, target: LockTarget, expires: Option<Timestamp>) {
        self.policy.put_lock(Lock {
            name: name.parse().unwrap(),
            target,
            message: "see INC-7".into(),
            expires,
        });
    }

    pub(crate) fn after(&self, hours: i64) -> Timestamp {
        self.now + SignedDuration::from_hours(hours)
    }

    pub(crate) fn ssh(&self, user: &str, at: &str) -> Result<Permit, Denial> {
        self.policy.decide(&identity(user), &ask(at), self.now)
    }
}

/// `root@db-box`
pub(crate) fn ask(at: &str) -> Ask {
    let (login, target) = at.split_once('@').unwrap();
    Ask::ssh(target.parse().unwrap(), login.parse().unwrap())
}

pub(crate) fn db(user: &str, name: &str, target: &str) -> Ask {
    let target = TargetId { kind: TargetKind::Db, name: target.parse().unwrap() };
    Ask { target, action: Action::Db { user: Some(user.into()), name: Some(name.into()) } }
}

pub(crate) fn identity(user: &str) -> Identity {
    Identity {
        user: user.parse().unwrap(),
        login: LoginId::from_bits(9),
        expires: "2026-03-03T00:00:00Z".parse().unwrap(),
        mfa: false,
        device: false,
    }
}
