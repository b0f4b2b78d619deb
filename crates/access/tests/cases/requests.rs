//! Cases about requests: who may ask, who may review, what comes of it.

mod administering;
mod asking;
mod document;
mod extending;
mod limits;
mod look;
mod reviewing;
mod ruling;
mod story;
pub(crate) mod world;

use serde_json::Value;

/// Decides a case, if its shape is one of these.
pub(crate) fn run(case: &Value) -> Option<Result<(), String>> {
    let has = |key: &str| case.get(key).is_some();
    let request = |key: &str| case["request"].get(key).is_some();
    Some(match () {
        () if has("granted") && has("extend") => extending::extended(case),
        () if has("context") && has("expression") => look::expression(case),
        () if has("expression") && case["expect"] == "PARSE_ERROR" => look::broken_expression(case),
        () if has("users") && has("steps") && has("request") => reviewing::steps(case),
        () if has("thresholds") && has("steps") && has("request") => reviewing::moved_start(case),
        () if request("assume") => story::assumed(case),
        () if has("steps") => story::told(case),
        () if has("action") => administering::action(case),
        () if has("query") => asking::query(case),
        () if has("role_options") && has("expect_capabilities") => asking::login(case),
        () if has("rules") && has("request") => ruling::rules(case),
        () if has("annotations") && has("request") => ruling::on_call(case),
        () if has("requests") && has("filter") => look::filter(case),
        () if has("data") && has("filter") => look::notes_filter(case),
        () if has("data") && has("update") => look::notes(case),
        () if has("filter") => look::bad_filter(case),
        () if has("role")
            && !has("request")
            && case["expect"].get("error").is_some()
            && requestish(&case["role"]) =>
        {
            limits::role(case)
        }
        () if has("roles") && !has("request") && requestish_roles(case) => limits::roles(case),
        () if has("review") => limits::review(case),
        () if has("review_by") => limits::anyone(case),
        () if request("dry_run") => limits::dry_run(case),
        () if has("local_cluster") && has("request") => limits::clusters(case),
        () if has("request") && !has("user") && !has("roles") => limits::draft(case),
        () if has("request") && has("user") && has("roles") && case["roles"].is_object() => {
            asking::filing(case)
        }
        () if case["expect"] == "list is not offered" => story::not_offered(),
        () => return None,
    })
}

/// Whether a role is about requests; others are of the law of roles.
fn requestish(role: &Value) -> bool {
    ["allow", "deny"].iter().any(|side| {
        role[side].get("request").is_some() || role[side].get("review_requests").is_some()
    })
}

fn requestish_roles(case: &Value) -> bool {
    case["roles"].as_object().is_some_and(|roles| roles.values().any(requestish))
}
