//! `rules`: administration of the house's own documents.

use super::world::{World, denied, known, labels_of, same, texts, traits_of};
use access::{expr::Residual, policy::administer::About, role::rules::Verb};
use serde_json::{Value, json};

fn verb(value: &Value) -> Verb {
    value.as_str().unwrap().parse().unwrap()
}

/// `[resource, verb, {user, resource}, 0 or 1]`.
pub(crate) fn checks(case: &Value) -> Result<(), String> {
    let mut logged = Vec::new();
    for check in case["checks"].as_array().unwrap() {
        let [resource, wanted, about, must] = check.as_array().unwrap().as_slice() else {
            panic!("{check}")
        };
        known(about, &["user", "resource"])?;
        let mut world = World::of(case)?;
        let mut user = world.user().clone();
        user.traits = traits_of(&about["user"]["traits"]);
        world.policy.put_user(user);
        let labels = about["resource"].get("labels").map(labels_of).unwrap_or_default();
        let about = About { labels: Some(&labels), ..About::default() };
        let resource = resource.as_str().unwrap();
        let answer =
            world.policy.may(&world.identity.user, resource, verb(wanted), &about, world.now);
        same(&check.to_string(), answer.is_ok(), must == 1)?;
        logged.extend(answer.unwrap_or_default().iter().map(|action| action.text.to_string()));
    }
    match case["expect_log"].as_str() {
        Some(must) => same("log", logged, vec![must.to_owned()]),
        None => Ok(()),
    }
}

/// Whether all verbs may be done to a document nobody named (exact), or could be to some (category).
pub(crate) fn categories(case: &Value) -> Result<(), String> {
    let world = World::of(case)?;
    same("context", case["context"].as_str(), Some("no specific resource"))?;
    known(&case["expect"], &["exact", "category"])?;
    let (user, resource) = (&world.identity.user, case["resource"].as_str().unwrap());
    let verbs = case["verbs"].as_array().unwrap();
    let exact = verbs.iter().all(|wanted| {
        world.policy.may(user, resource, verb(wanted), &About::default(), world.now).is_ok()
    });
    let category = verbs
        .iter()
        .all(|wanted| world.policy.may_some(user, resource, verb(wanted), world.now).is_ok());
    same("exact", exact, case["expect"]["exact"].as_bool().unwrap())?;
    same("category", category, case["expect"]["category"].as_bool().unwrap())
}

/// Rules on sessions, added one by one, and the filter of a query that is left of them.
pub(crate) fn filter(case: &Value) -> Result<(), String> {
    let mut roles: Vec<Value> = Vec::new();
    let mut previous = String::new();
    for step in case["steps"].as_array().unwrap() {
        known(step, &["roles", "add", "result", "user_without_label", "user_with_label"])?;
        let written =
            texts(&step["roles"]).into_iter().chain(step["add"].as_str().map(str::to_owned));
        roles.extend(written.map(|text| rule(&text)));
        let mut shown = None;
        for (key, labelled) in
            [("user_without_label", false), ("user_with_label", true), ("result", true)]
        {
            let Some(must) = step[key].as_str() else { continue };
            let mut world = World::of(&json!({"roles": roles}))?;
            let mut user = world.user().clone();
            if labelled {
                user.labels.insert("can-audit-guest".to_owned(), "yes".to_owned());
            }
            world.policy.put_user(user);
            let must = must
                .replace("<user>", world.identity.user.as_str())
                .replace("(previous)", &format!("({previous})"));
            let left = world.policy.visible(&world.identity.user, "session", Verb::List, world.now);
            let is = match left {
                Residual::Known(true) => "everything".to_owned(),
                Residual::Known(false) => {
                    let denial = world.policy.may_some(
                        &world.identity.user,
                        "session",
                        Verb::List,
                        world.now,
                    );
                    denied(&denial.err().ok_or("is permitted")?, &must)?;
                    must.clone()
                }
                Residual::Depends(filter) => filter.to_string(),
            };
            same(key, &is, &must)?;
            shown = Some(is);
        }
        previous = shown.unwrap_or(previous);
    }
    Ok(())
}

/// `<expression> (allow)`, `allow <expression>`, `deny <expression>`, `allow with no where`.
fn rule(text: &str) -> Value {
    let (side, expression) = match text.strip_suffix(" (allow)") {
        Some(expression) => ("allow", expression),
        None => text.split_once(' ').unwrap(),
    };
    let mut rule = json!({"resources": ["session"], "verbs": ["list"]});
    if expression != "with no where" {
        rule["where"] = json!(expression);
    }
    json!({side: {"rules": [rule]}})
}
