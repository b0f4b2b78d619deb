//! Limits: what is too long, too many, or cannot be meant.

use super::world::{STAND_BY, World, duration, known, refused, same, text, texts};
use access::request::{Command, Draft};
use serde_json::Value;

/// A request of someone who may ask for anything.
pub(crate) fn draft(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "request", "expect"])?;
    let asked = &case["request"];
    known(asked, &["max_duration", "reason_len", "resources", "reason", "roles"])?;
    let mut world = World::where_u_may_ask(&Value::Null);
    world.role("dba", &Value::Null)?;
    let resources: Vec<String> = match &asked["resources"] {
        Value::Number(count) => {
            (0..count.as_u64().unwrap()).map(|n| format!("/local/node/n{n}")).collect()
        }
        named => texts(named),
    };
    let mut draft = Draft {
        resources: resources.iter().map(|id| id.parse().unwrap()).collect(),
        reason: asked["reason_len"]
            .as_u64()
            .map(|len| "r".repeat(len.try_into().unwrap()))
            .unwrap_or_default(),
        duration: asked["max_duration"].as_str().map(duration),
        ..Draft::default()
    };
    if draft.resources.is_empty() {
        draft.roles.push("dba".to_owned());
    }
    for resource in &draft.resources {
        let id = resource.target_id();
        world.target(id.kind.as_str(), id.name.as_str(), &Value::Null);
        world.policy.put_leaf(resource.cluster().clone(), access::target::Labels::new());
    }
    known(&case["expect"], &["error", "resources"])?;
    match (world.file("u", draft), case["expect"]["error"].as_str()) {
        (Ok(_), Some(error)) => Err(format!("is filed, must be refused: {error}")),
        (Err(refusal), Some(error)) => refused(&refusal, error),
        (Err(refusal), None) => Err(refusal.sentence()),
        (Ok(request), None) => {
            let is: Vec<String> =
                request.asked().resources.iter().map(ToString::to_string).collect();
            same("resources", is, texts(&case["expect"]["resources"]))
        }
    }
}

/// A request for what is in another cluster.
pub(crate) fn clusters(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "local_cluster", "leaf_clusters", "request", "expect"])?;
    known(&case["request"], &["resources"])?;
    let mut world = World::of_cluster(&text(&case["local_cluster"]));
    world.let_u_ask(&Value::Null);
    for leaf in texts(&case["leaf_clusters"]) {
        world.policy.put_leaf(leaf.parse().unwrap(), access::target::Labels::new());
    }
    let draft = super::asking::draft(&case["request"]);
    for resource in &draft.resources {
        let id = resource.target_id();
        world.target(id.kind.as_str(), id.name.as_str(), &Value::Null);
    }
    match (world.file("u", draft), case["expect"]["error"].as_str()) {
        (Ok(_), None) => same("expect", case["expect"].as_str(), Some("ok")),
        (Ok(_), Some(error)) => Err(format!("is filed, must be refused: {error}")),
        (Err(refusal), Some(error)) => refused(&refusal, error),
        (Err(refusal), None) => Err(refusal.sentence()),
    }
}

/// A role that must not get in.
pub(crate) fn role(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "role", "expect"])?;
    rejected(super::document::role("r", &case["role"]), &case["expect"])
}

/// Roles of which one must not get in.
pub(crate) fn roles(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "roles", "expect"])?;
    let roles = case["roles"].as_object().into_iter().flatten();
    let all: Result<Vec<_>, _> =
        roles.map(|(name, document)| super::document::role(name, document)).collect();
    rejected(all, &case["expect"])
}

fn rejected<T>(role: Result<T, String>, expect: &Value) -> Result<(), String> {
    known(expect, &["error"])?;
    let error = text(&expect["error"]);
    match role {
        Ok(_) => Err(format!("got in, must be refused: {error}")),
        Err(why) if why.contains(&error) => Ok(()),
        Err(why) => Err(format!("is refused with `{why}`, must be `{error}`")),
    }
}

/// A review that is too long.
pub(crate) fn review(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "review", "expect"])?;
    known(&case["review"], &["reason_len"])?;
    known(&case["expect"], &["error"])?;
    let mut world = World::where_u_may_ask(&Value::Null);
    world.role("dba", &Value::Null)?;
    let draft = Draft { roles: vec!["dba".to_owned()], ..Draft::default() };
    let mut request = world.file("u", draft).map_err(|refusal| refusal.sentence())?;
    let len = case["review"]["reason_len"].as_u64().unwrap();
    let reason = "r".repeat(len.try_into().unwrap());
    let actor = world.actor(STAND_BY);
    match world.decide(&mut request, &actor, Command::Deny { reason }) {
        Ok(_) => Err("got in".into()),
        Err(refusal) => refused(&refusal, &text(&case["expect"]["error"])),
    }
}

/// A review by someone who was not suggested.
pub(crate) fn anyone(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "request", "review_by", "expect"])?;
    known(&case["request"], &["reviewers"])?;
    same("review_by", case["review_by"].as_str(), Some("someone else with review_requests"))?;
    same("expect", case["expect"].as_str(), Some("accepted"))?;
    let mut world = World::where_u_may_ask(&Value::Null);
    world.role("dba", &Value::Null)?;
    let suggested_reviewers = texts(&case["request"]["reviewers"]);
    let draft = Draft { roles: vec!["dba".to_owned()], suggested_reviewers, ..Draft::default() };
    let mut request = world.file("u", draft).map_err(|refusal| refusal.sentence())?;
    assert!(!request.asked().suggested_reviewers.iter().any(|name| name == STAND_BY));
    let approve = Command::Approve { reason: String::new(), assume_start: None, duration: None };
    let actor = world.actor(STAND_BY);
    world.decide(&mut request, &actor, approve).map_err(|refusal| refusal.sentence())?;
    same("state", request.status(world.now).as_str(), "APPROVED")
}

/// A request that is only tried: everything is calculated, nothing is kept.
pub(crate) fn dry_run(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "request", "expect"])?;
    known(&case["request"], &["dry_run", "roles"])?;
    let expect = &case["expect"];
    known(expect, &["stored", "returned", "audit"])?;
    known(&expect["returned"], &["roles", "thresholds", "max_duration", "suggested_reviewers"])?;
    let mut world = World::new();
    world.role("dba", &Value::Null)?;
    let document = serde_json::json!({"allow": {"request": {
        "roles": ["dba"], "max_duration": "3d", "suggested_reviewers": ["someone"],
        "thresholds": [{"approve": 2, "deny": 1}],
    }}});
    world.role("asker", &document)?;
    world.user("u", &["asker"], &Value::Null);
    let draft = Draft { roles: texts(&case["request"]["roles"]), ..Draft::default() };
    let id = world.id();
    let event = access::request::file(&world.policy, &world.actor("u"), draft, id, world.now)
        .map_err(|refusal| refusal.sentence())?;
    same("stored", Some(world.policy.request(id).is_some()), expect["stored"].as_bool())?;
    same("audit", expect["audit"].as_str(), Some("none"))?;
    let access::request::Event::Requested(asked) = event else {
        return Err(format!("is {event:?}"));
    };
    same("roles", World::shown(&asked.roles), texts(&expect["returned"]["roles"]))?;
    same(
        "thresholds",
        asked.terms.iter().map(|term| term.thresholds[0].approve).collect(),
        vec![2],
    )?;
    same("duration", asked.duration, duration("8h"))?;
    same("suggested", asked.suggested_reviewers, vec!["someone".to_owned()])
}
