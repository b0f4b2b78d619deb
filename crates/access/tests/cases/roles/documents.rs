//! Role documents: what is refused, what is filled in.

use super::world::{World, read, role as role_of, same, says, traits_of};
use access::role::spec::{ConditionsSpec, LabelsSpec};
use serde_json::{Value, json};

/// A whole document, or something done to one; a part of a role is another runner's.
pub(crate) fn is_about_a_role(role: &Value) -> bool {
    role.get("metadata").is_some() || role.get("action").is_some()
}

pub(crate) fn role(case: &Value) -> Result<(), String> {
    if case["role"].get("action").is_some() {
        return action(case);
    }
    let checked = read(&case["role"]);
    match (checked, case["expect"]["error"].as_str()) {
        (Err(error), Some(must)) => says(&error, must),
        (Ok(role), None) => {
            let effective = role.allow().resolved(&traits_of(&Value::Null));
            for (field, must) in
                case["expect"]["effective"].as_object().ok_or("nothing is expected")?
            {
                same(field, shown(&effective, field)?, must.clone())?;
            }
            Ok(())
        }
        (is, must) => Err(format!("is {is:?}, must be {must:?}")),
    }
}

fn action(case: &Value) -> Result<(), String> {
    same("action", case["role"]["action"].as_str(), Some("delete role held by a user"))?;
    let world = World::of(&json!({"roles": [{"name": "held"}]}))?;
    let refused = world.policy.removable(&"held".parse().unwrap(), world.now);
    says(
        &refused.err().ok_or("it may be removed")?.to_string(),
        case["expect"]["error"].as_str().unwrap(),
    )
}

/// One field of `allow`, with its templates filled in.
pub(crate) fn template(case: &Value) -> Result<(), String> {
    let field = case["field"].as_str().unwrap();
    let role = role_of("r", &json!({"allow": {field: case["in"]}}))?;
    let resolved = role.allow().resolved(&traits_of(&case["traits"]));
    same(field, shown(&resolved, field)?, case["out"].clone())
}

fn shown(spec: &ConditionsSpec, field: &str) -> Result<Value, String> {
    let labels = |labels: &LabelsSpec| json!(labels);
    Ok(match field {
        "app_labels" => labels(&spec.app_labels),
        "db_labels" => labels(&spec.db_labels),
        "db_names" => json!(spec.db_names),
        "host_sudoers" => json!(spec.host_sudoers),
        "impersonate" => {
            let who = spec.impersonate.clone().unwrap_or_default();
            json!({"users": who.users, "roles": who.roles})
        }
        "kubernetes_groups" => json!(spec.kubernetes_groups),
        "kubernetes_labels" => labels(&spec.kubernetes_labels),
        "kubernetes_users" => json!(spec.kubernetes_users),
        "logins" => json!(spec.logins),
        "node_labels" => labels(&spec.node_labels),
        "windows_desktop_logins" => json!(spec.windows_desktop_logins),
        other => return Err(format!("nobody reads the field `{other}`")),
    })
}
