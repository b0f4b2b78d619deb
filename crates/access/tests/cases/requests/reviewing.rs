//! Reviews, one after the other.

use super::world::{STAND_BY, World, duration, known, refused, same, text, texts};
use access::{
    promotion::AccessList,
    request::{Command, Draft, Refusal, Request},
};
use jiff::Timestamp;
use serde_json::Value;

/// Roles, users, one request, and reviews with what must come of each.
pub(crate) fn steps(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "roles", "users", "request", "steps"])?;
    known(&case["request"], &["user", "roles", "reason", "pending_ttl"])?;
    let mut world = World::new();
    for (name, document) in case["roles"].as_object().into_iter().flatten() {
        world.role(name, document)?;
    }
    for (name, roles) in case["users"].as_object().into_iter().flatten() {
        let roles = texts(roles);
        world.user(name, &roles.iter().map(String::as_str).collect::<Vec<_>>(), &Value::Null);
    }
    let asked = &case["request"];
    let draft = Draft {
        roles: texts(&asked["roles"]),
        reason: asked["reason"].as_str().unwrap_or_default().to_owned(),
        pending_ttl: asked["pending_ttl"].as_str().map(duration),
        ..Draft::default()
    };
    let mut request =
        world.file(&text(&asked["user"]), draft).map_err(|refusal| refusal.sentence())?;
    for (number, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
        self::step(&mut world, &mut request, step)
            .map_err(|why| format!("step {number}: {why}"))?;
    }
    Ok(())
}

fn step(world: &mut World, request: &mut Request, step: &Value) -> Result<(), String> {
    known(step, &["review", "expect"])?;
    let (review, expect) = (&step["review"], &step["expect"]);
    known(review, &["by", "state", "reason", "assume_start_time"])?;
    known(expect, &["can_review", "state_after", "error", "resolve_reason"])?;
    let by = text(&review["by"]);
    let command = command(world, request, review)?;
    let actor = world.actor(&by);
    if let Some(can) = expect["can_review"].as_bool() {
        same("can_review", request.can_review(&world.policy, &by.parse().unwrap()), can)?;
    }
    let before = request.clone();
    match (world.decide(request, &actor, command), expect["error"].as_str()) {
        (Ok(_), None) if expect["can_review"] == false => {
            return Err("reviewed without the right to".into());
        }
        (Ok(_), None) => {}
        (Ok(event), Some(error)) => return Err(format!("is {event:?}, must be refused: {error}")),
        (Err(refusal), Some(error)) => refused(&refusal, error)?,
        (Err(_), None) if expect["can_review"] == false => {}
        (Err(refusal), None) => return Err(refusal.sentence()),
    }
    if expect["can_review"] == false || expect.get("error").is_some() {
        same("the request after a refusal", &*request, &before)?;
    }
    if let Some(state) = expect["state_after"].as_str() {
        same("state", request.status(world.now).as_str(), state)?;
    }
    if let Some(reason) = expect["resolve_reason"].as_str() {
        same("resolve_reason", request.resolution().map(|act| act.reason.as_str()), Some(reason))?;
    }
    Ok(())
}

fn command(world: &World, request: &Request, review: &Value) -> Result<Command, String> {
    let reason = review["reason"].as_str().unwrap_or_default().to_owned();
    let assume_start = review["assume_start_time"].as_str().map(|text| start(world, text));
    Ok(match review["state"].as_str() {
        Some("APPROVED") => Command::Approve { reason, assume_start, duration: None },
        Some("DENIED") => Command::Deny { reason },
        Some("PROMOTED") => Command::Promote {
            list: AccessList {
                name: "list".into(),
                owners: [text(&review["by"]).parse().unwrap()].into(),
                grants: request.asked().roles.iter().cloned().collect(),
            },
            reason,
        },
        other => return Err(format!("state {other:?}")),
    })
}

/// `now+8h`, `+8h`.
fn start(world: &World, text: &str) -> Timestamp {
    let length =
        text.trim_start_matches("now").strip_prefix('+').unwrap_or_else(|| panic!("time {text}"));
    world.now.checked_add(duration(length)).unwrap()
}

/// Reviewers who move the start, one after the other.
pub(crate) fn moved_start(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "thresholds", "request", "steps", "expect"])?;
    known(&case["request"], &["assume_start", "access"])?;
    known(&case["expect"], &["state", "assume_start", "error"])?;
    let mut world = World::where_u_may_ask(&case["thresholds"]);
    world.role("dba", &Value::Null)?;
    let asked = &case["request"];
    let draft = Draft {
        roles: vec!["dba".into()],
        assume_start: asked["assume_start"].as_str().map(|text| start(&world, text)),
        duration: asked["access"].as_str().map(duration),
        ..Draft::default()
    };
    let outcome = moved(&mut world, draft, &case["steps"]);
    let request = match (outcome, case["expect"]["error"].as_str()) {
        (Ok(request), None) => request,
        (Ok(request), Some(error)) => {
            return Err(format!("is {:?}, must be refused: {error}", request.state()));
        }
        (Err(refusal), Some(error)) => return refused(&refusal, error),
        (Err(refusal), None) => return Err(refusal.sentence()),
    };
    if let Some(state) = case["expect"]["state"].as_str() {
        same("state", request.status(world.now).as_str(), state)?;
    }
    let begins = request.approval().map(|approval| approval.start);
    match case["expect"]["assume_start"].as_str() {
        Some(text) => same("start", begins, Some(start(&world, text))),
        None => Ok(()),
    }
}

fn moved(world: &mut World, draft: Draft, steps: &Value) -> Result<Request, Refusal> {
    let mut request = world.file("u", draft)?;
    for (number, step) in steps.as_array().into_iter().flatten().enumerate() {
        known(step, &["approve"]).unwrap();
        known(&step["approve"], &["assume_start"]).unwrap();
        let by = format!("reviewer-{number}");
        world.user(&by, &[STAND_BY], &Value::Null);
        let assume_start = step["approve"]["assume_start"].as_str().map(|text| start(world, text));
        let approve = Command::Approve { reason: String::new(), assume_start, duration: None };
        let actor = world.actor(&by);
        world.decide(&mut request, &actor, approve)?;
    }
    Ok(request)
}
