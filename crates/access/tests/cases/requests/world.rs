//! The world a case is decided in: what it says, and for what it leaves open, something that is there.
//!
//! Beside the case's users stands one who may review and administer everything: no case is about that
//! person, but without one the law refuses up front what nobody could ever approve.

use access::{
    identity::{Identity, Traits, User},
    name::{LoginId, RequestId, RoleName, UserName},
    policy::Policy,
    request::{Actor, Channel, Command, Draft, Event, Refusal, Request, file},
    target::{Target, TargetId, TargetKind},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

pub(crate) const STAND_BY: &str = "stand-by";

pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
    next: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of_cluster("local")
    }

    pub(crate) fn of_cluster(cluster: &str) -> Self {
        let policy = Policy::new(cluster.parse().unwrap());
        let mut world = Self { policy, now: "2026-03-02T12:00:00Z".parse().unwrap(), next: 1 };
        let role = json!({"allow": {
            "review_requests": {"roles": ["*"]},
            "rules": [{"resources": ["access_request"], "verbs": ["update"]}],
        }});
        world.role(STAND_BY, &role).unwrap();
        world.user(STAND_BY, &[STAND_BY], &Value::Null);
        world
    }

    /// A world in which `u` may ask for anything, under these thresholds, giving these reasons for it.
    pub(crate) fn where_u_may_ask(thresholds: &Value) -> Self {
        let mut world = Self::new();
        world.let_u_ask(thresholds);
        world
    }

    pub(crate) fn let_u_ask(&mut self, thresholds: &Value) {
        let mut request = json!({"roles": ["*"], "search_as_roles": ["anything"]});
        if !thresholds.is_null() {
            request["thresholds"] = thresholds.clone();
        }
        self.role("asker", &json!({"allow": {"request": request}})).unwrap();
        self.role("anything", &reaching_all()).unwrap();
        self.user("u", &["asker"], &Value::Null);
    }

    pub(crate) fn role(&mut self, name: &str, document: &Value) -> Result<(), String> {
        self.policy.put_role(super::document::role(name, document)?);
        Ok(())
    }

    pub(crate) fn has_role(&self, name: &str) -> bool {
        name.parse::<RoleName>().is_ok_and(|name| self.policy.role(&name).is_some())
    }

    pub(crate) fn user(&mut self, name: &str, roles: &[&str], traits: &Value) {
        let mut user = User::new(name.parse().unwrap());
        user.roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        user.traits = traits_of(traits);
        self.policy.put_user(user);
    }

    /// `node/a1` → its labels.
    pub(crate) fn target(&mut self, kind: &str, name: &str, labels: &Value) {
        let labels = labels.as_object().cloned().unwrap_or_default();
        let labels = labels.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        let kind = TargetKind::from_word(kind).unwrap_or_else(|| panic!("kind {kind}"));
        self.policy.put_target(Target::new(TargetId { kind, name: name.parse().unwrap() }, labels));
    }

    pub(crate) fn actor(&self, user: &str) -> Actor {
        Actor::user(&identity(user), Channel::Cli)
    }

    pub(crate) fn file(&mut self, user: &str, draft: Draft) -> Result<Request, Refusal> {
        let id = self.id();
        let event = file(&self.policy, &self.actor(user), draft, id, self.now)?;
        let request = Request::replay([event]).unwrap();
        self.policy.put_request(Arc::new(request.clone()));
        Ok(request)
    }

    pub(crate) fn id(&mut self) -> RequestId {
        self.next += 1;
        RequestId::from_bits(self.next)
    }

    pub(crate) fn decide(
        &mut self,
        request: &mut Request,
        actor: &Actor,
        command: Command,
    ) -> Result<Event, Refusal> {
        let event = request.decide(&self.policy, actor, command, self.now)?;
        request.apply(event.clone());
        self.policy.put_request(Arc::new(request.clone()));
        Ok(event)
    }

    /// Gives `user` a grant of `role`, won by a request: asked for through a role they then lose again.
    pub(crate) fn assume(&mut self, user: &str, roles: &[&str], resources: &[&str]) -> Request {
        let name: UserName = user.parse().unwrap();
        let before = self.policy.user(&name).map(|user| User::clone(user)).unwrap();
        for role in roles.iter().filter(|role| !self.has_role(role)).copied().collect::<Vec<_>>() {
            self.role(role, &json!({})).unwrap();
        }
        let way = json!({"allow": {"request": {"roles": roles, "search_as_roles": roles}}});
        self.role("way-in", &way).unwrap();
        let mut during = before.clone();
        during.roles.insert("way-in".parse().unwrap());
        self.policy.put_user(during);
        let asked = if resources.is_empty() { roles } else { &[] };
        let draft = Draft {
            roles: asked.iter().map(|role| (*role).to_owned()).collect(),
            resources: resources.iter().map(|id| id.parse().unwrap()).collect(),
            ..Draft::default()
        };
        let mut request = self.file(user, draft).unwrap();
        let approve =
            Command::Approve { reason: String::new(), assume_start: None, duration: None };
        self.decide(&mut request, &self.actor(STAND_BY), approve).unwrap();
        assert!(request.grant(self.now).is_some());
        self.policy.put_user(before);
        self.policy.remove_role(&"way-in".parse().unwrap());
        request
    }

    /// The roles a request asks for, without what this world added.
    pub(crate) fn shown(roles: &[RoleName]) -> Vec<String> {
        roles.iter().map(ToString::to_string).filter(|role| role != STAND_BY).collect()
    }
}

pub(crate) fn reaching_all() -> Value {
    let all = json!({"*": ["*"]});
    json!({"allow": {
        "node_labels": all, "db_labels": all, "app_labels": all, "kubernetes_labels": all,
        "windows_desktop_labels": all, "logins": ["root"],
    }})
}

pub(crate) fn identity(user: &str) -> Identity {
    Identity {
        user: user.parse().unwrap(),
        login: LoginId::from_bits(7),
        expires: "2027-01-01T00:00:00Z".parse().unwrap(),
        mfa: true,
        device: true,
    }
}

pub(crate) fn traits_of(value: &Value) -> Traits {
    let traits = value.as_object().cloned().unwrap_or_default();
    traits
        .iter()
        .map(|(key, values)| (key.clone(), texts(values).into_iter().collect::<BTreeSet<_>>()))
        .collect()
}

/// `8h`, `3d`, `-1h`.
pub(crate) fn duration(text: &str) -> SignedDuration {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (number, unit) = digits.split_at(digits.len() - 1);
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        other => panic!("unit {other}"),
    };
    SignedDuration::from_hours(sign * hours * number.parse::<i64>().unwrap())
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default()
}

/// Fails for a field nobody reads: it would say something this runner does not do.
pub(crate) fn known(value: &Value, keys: &[&str]) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{value} is no object"))?;
    match fields.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("nobody reads the field `{key}`")),
        None => Ok(()),
    }
}

pub(crate) fn same<T: PartialEq + core::fmt::Debug>(
    what: &str,
    is: T,
    must: T,
) -> Result<(), String> {
    if is == must { Ok(()) } else { Err(format!("{what}: is {is:?}, must be {must:?}")) }
}

/// An error must be contained in our message; a word in capitals is a code.
pub(crate) fn refused(refusal: &Refusal, must: &str) -> Result<(), String> {
    let sentence = refusal.sentence();
    let code = must.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    if code && refusal.code().eq_ignore_ascii_case(must) || !code && sentence.contains(must) {
        return Ok(());
    }
    Err(format!("is refused with {} `{sentence}`, must be `{must}`", refusal.code()))
}
