//! Cases about roles: what they select, allow, deny, and give.

mod administering;
mod databases;
mod deciding;
mod documents;
mod joining;
mod kube;
mod options;
mod selecting;
mod world;

use serde_json::Value;

/// Decides a case, if its shape is one of these. Roles stand in a list, or there are none.
pub(crate) fn run(case: &Value) -> Option<Result<(), String>> {
    let has = |key: &str| case.get(key).is_some();
    let all = |keys: &[&str]| keys.iter().all(|key| has(key));
    let roles = case["roles"].is_array();
    Some(match () {
        () if all(&["pattern", "input"]) => selecting::pattern(case),
        () if all(&["selector", "labels"]) => selecting::labels(case),
        () if all(&["expression", "labels"]) => selecting::expression(case),
        () if all(&["field", "in", "out"]) => documents::template(case),
        () if all(&["role_options", "expect"]) => options::merged(case),
        () if all(&["kubernetes_resources", "request"]) => kube::resource(case),
        () if has("role") && documents::is_about_a_role(&case["role"]) => documents::role(case),
        () if all(&["policy", "event"]) => joining::leaving(case),
        () if case["expect"].get("same role").is_some() => joining::alternatives(case),
        () if case["title"]
            .as_str()
            .is_some_and(|title| title.contains("default of kubernetes_resources")) =>
        {
            kube::defaults(case)
        }
        () if has("steps") && case["steps"][0].get("roles").is_some() => {
            administering::filter(case)
        }
        () if !roles => return None,
        () if all(&["resource", "verbs", "context"]) => administering::categories(case),
        () if all(&["servers", "checks"]) => deciding::hosts(case),
        () if all(&["databases", "checks"]) => databases::checks(case),
        () if has("resource_labels") => deciding::logins(case),
        () if has("server_labels") => deciding::host_account(case),
        () if has("database_labels") => databases::extent(case),
        () if has("leaf_clusters") => deciding::leaves(case),
        () if has("participants") => joining::starting(case),
        () if has("joiner") => joining::joining(case),
        () if has("action") => kube::action(case).or_else(|| joining::action(case))?,
        () if has("cluster_labels") || kube::impersonates(case) => kube::cluster(case),
        () if has("checks") => match case["checks"][0].as_array().map(Vec::as_slice) {
            Some([_, _, about, _]) if about.is_object() => administering::checks(case),
            Some([labels, login, _]) if labels.is_object() && login.is_string() => {
                deciding::desktops(case)
            }
            Some([what, _]) if what.is_object() || what.is_string() => deciding::apps(case),
            _ => return None,
        },
        () => return None,
    })
}
