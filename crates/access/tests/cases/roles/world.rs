//! A world with one user, who holds the roles of the case. Roles are read by the parser of documents.

pub(crate) use crate::requests::world::{known, same, texts, traits_of};

use access::{
    ask::{Action, Ask},
    denial::{Denial, DenialCode},
    identity::{Identity, User},
    name::LoginId,
    permit::Permit,
    policy::{Policy, Settings},
    role::{Role, options::RequireMfa},
    target::{Labels, Target, TargetId, TargetKind},
};
use api::role::RoleDocument;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const USER: &str = "u";

/// A role of a case: `{name?, version?, options?, allow?, deny?}`.
pub(crate) fn role(name: &str, value: &Value) -> Result<Role, String> {
    known(value, &["name", "version", "options", "allow", "deny"])?;
    let mut spec = json!({});
    for side in ["options", "allow", "deny"] {
        if let Some(written) = value.get(side) {
            spec[side] = written.clone();
        }
    }
    let name = value["name"].as_str().unwrap_or(name);
    let mut document = json!({"kind": "role", "metadata": {"name": name}, "spec": spec});
    if let Some(version) = value.get("version") {
        document["version"] = version.clone();
    }
    read(&document)
}

/// A whole document.
pub(crate) fn read(document: &Value) -> Result<Role, String> {
    let checked = RoleDocument::from_value(document).and_then(|document| document.role());
    checked.map(|(role, _)| role).map_err(|problems| {
        let all: Vec<_> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        format!("role rejected: {}", all.join("; "))
    })
}

pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) identity: Identity,
    pub(crate) now: Timestamp,
}

impl World {
    /// The roles of `case["roles"]`, held by the user with the case's name, traits and state.
    pub(crate) fn of(case: &Value) -> Result<Self, String> {
        let mut world = Self {
            policy: Policy::new("local".parse().unwrap()),
            now: "2026-03-02T12:00:00Z".parse().unwrap(),
            identity: Identity {
                user: case["user"].as_str().unwrap_or(USER).parse().unwrap(),
                login: LoginId::from_bits(1),
                expires: "2026-03-03T00:00:00Z".parse().unwrap(),
                mfa: true,
                device: true,
            },
        };
        let mut user = User::new(world.identity.user.clone());
        user.traits = traits_of(&case["traits"]);
        for (n, value) in case["roles"].as_array().unwrap().iter().enumerate() {
            let role = role(&format!("role-{n}"), value)?;
            user.roles.insert(role.name().clone());
            world.policy.put_role(role);
        }
        world.policy.put_user(user);
        world.state(&case["state"])?;
        Ok(world)
    }

    fn state(&mut self, state: &Value) -> Result<(), String> {
        if state.is_null() {
            return Ok(());
        }
        known(state, &["mfa", "device_verified", "cluster_require_mfa", "device_feature"])?;
        self.identity.mfa = state["mfa"].as_bool().unwrap_or(true);
        self.identity.device = state["device_verified"].as_bool().unwrap_or(true);
        let require_session_mfa = match &state["cluster_require_mfa"] {
            Value::Null | Value::Bool(false) => RequireMfa::Off,
            Value::Bool(true) => RequireMfa::Session,
            word => {
                word.as_str().unwrap_or_default().parse().map_err(|error| format!("{error}"))?
            }
        };
        let device_trust = state["device_feature"] != "off";
        self.policy.put_settings(Settings {
            require_session_mfa,
            device_trust,
            ..Settings::default()
        });
        Ok(())
    }

    pub(crate) fn user(&self) -> &User {
        self.policy.user(&self.identity.user).unwrap()
    }

    pub(crate) fn target(&mut self, kind: TargetKind, name: &str, labels: &Value) -> TargetId {
        let id = TargetId { kind, name: name.parse().unwrap() };
        self.policy.put_target(Target::new(id.clone(), labels_of(labels)));
        id
    }

    pub(crate) fn decide(&self, target: &TargetId, action: Action) -> Result<Permit, Denial> {
        self.policy.decide(&self.identity, &Ask { target: target.clone(), action }, self.now)
    }

    /// Decides, and compares with 1 for yes and 0 for no.
    pub(crate) fn check(
        &self,
        target: &TargetId,
        action: Action,
        must: &Value,
    ) -> Result<(), String> {
        let what = format!("{action:?} on {target}");
        let decision = self.decide(target, action);
        let detail = decision
            .as_ref()
            .err()
            .map(|denial| format!("{} ({})", denial.sentence(), denial.detail()));
        let must = must
            .as_u64()
            .map(|must| must == 1)
            .or(must.as_bool())
            .ok_or("a check ends in 0 or 1")?;
        same(&format!("{what} ({detail:?})"), decision.is_ok(), must)
    }
}

pub(crate) fn labels_of(value: &Value) -> Labels {
    let labels = value.as_object().unwrap_or_else(|| panic!("{value} is no labels"));
    labels.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// An error must be contained in our message, `…` stands for anything; "access denied" in a denial.
pub(crate) fn says(message: &str, must: &str) -> Result<(), String> {
    let mut rest = message.to_lowercase();
    for part in must.to_lowercase().split('…') {
        let Some(at) = rest.find(part) else {
            return Err(format!("says `{message}`, must say `{must}`"));
        };
        rest = rest.split_off(at + part.len());
    }
    Ok(())
}

/// What a denial is called in the cases.
pub(crate) fn denied(denial: &Denial, must: &str) -> Result<(), String> {
    match (denial.code(), must) {
        (DenialCode::NoAccess | DenialCode::NoRule, "access denied") => Ok(()),
        _ => says(denial.sentence(), must),
    }
}

pub(crate) fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}
