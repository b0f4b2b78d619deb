//! Rules on `access_request`: who sees requests, files them for others, decides them over thresholds.

use super::world::{World, identity, known, refused, same, text, texts};
use access::{
    name::UserName,
    request::{Actor, Channel, Command, Draft, Opening, Refusal, Request, can_list, may_see},
    review::Decision,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Roles, a user, and one thing that user does.
pub(crate) fn action(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "roles", "user", "existing", "action", "expect"])?;
    let mut world = World::new();
    for (name, document) in case["roles"].as_object().into_iter().flatten() {
        world.role(name, document)?;
    }
    if case.get("user").is_none() {
        world.let_u_ask(&Value::Null);
    } else {
        known(&case["user"], &["name", "roles", "assumed"])?;
        let held = texts(&case["user"]["roles"]);
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        world.user(&user(case), &held, &Value::Null);
        for role in texts(&case["user"]["assumed"]) {
            world.assume(&user(case), &[&role], &[]);
        }
    }
    let action = &case["action"];
    if *action == json!("list") {
        return list(world, case);
    }
    known(action, &["create", "review", "set_state"])?;
    let done = match action {
        _ if action.get("create").is_some() => create(&mut world, case),
        _ if action.get("review").is_some() => review(&mut world, case),
        _ => set_state(&mut world, case),
    };
    let expect = &case["expect"];
    known(expect, &["error", "state", "roles"])?;
    match (done, expect["error"].as_str()) {
        (Ok(request), None) => {
            same("state", Some(request.status(world.now).as_str()), expect["state"].as_str())?;
            match (request.approval(), expect.get("roles")) {
                (_, None) => Ok(()),
                (Some(approval), Some(roles)) => {
                    same("roles", World::shown(&approval.roles), texts(roles))
                }
                (None, Some(_)) => Err("nothing was granted".into()),
            }
        }
        (Ok(request), Some(error)) => {
            Err(format!("is {:?}, must be refused: {error}", request.state()))
        }
        (Err(No::Law(refusal)), Some(error)) => refused(&refusal, error),
        (Err(No::Words(words)), Some(error)) if words.contains(error) => Ok(()),
        (Err(No::Law(refusal)), None) => Err(refusal.sentence()),
        (Err(No::Words(words)), _) => Err(words),
    }
}

/// A no of the law, or one of the words of a call.
enum No {
    Law(Refusal),
    Words(String),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Law(refusal)
    }
}

fn user(case: &Value) -> String {
    case["user"]["name"].as_str().unwrap_or("u").to_owned()
}

fn actor(case: &Value) -> Actor {
    Actor::user(&identity(&user(case)), Channel::Api)
}

fn list(mut world: World, case: &Value) -> Result<(), String> {
    known(&case["expect"], &["visible", "error"])?;
    let me: UserName = user(case).parse().unwrap();
    let mut visible = Vec::new();
    for existing in case["existing"].as_array().into_iter().flatten() {
        known(existing, &["id", "user", "roles"])?;
        let roles = existing.get("roles").map_or_else(|| vec!["some".to_owned()], texts);
        let request = existing_of(&mut world, &text(&existing["user"]), &roles, 1);
        if may_see(&world.policy, &me, &request) {
            visible.push(existing["id"].clone());
        }
    }
    match (can_list(&world.policy, &me), case["expect"]["error"].as_str()) {
        (Ok(()), None) => same("visible", &Value::Array(visible), &case["expect"]["visible"]),
        (Ok(()), Some(error)) => Err(format!("may list, must be refused: {error}")),
        (Err(refusal), Some(error)) => {
            same("visible", visible, Vec::new())?;
            refused(&refusal, error)
        }
        (Err(refusal), None) => Err(refusal.sentence()),
    }
}

/// A pending request of `user`, whatever their roles are.
fn existing_of(world: &mut World, user: &str, roles: &[String], thresholds: u64) -> Request {
    let name: UserName = user.parse().unwrap();
    let before = world.policy.user(&name).map(|user| access::identity::User::clone(user));
    for role in roles {
        if !world.has_role(role) {
            world.role(role, &Value::Null).unwrap();
        }
    }
    let threshold = json!([{"approve": thresholds, "deny": 1}]);
    let way = json!({"allow": {"request": {"roles": roles, "thresholds": threshold}}});
    world.role("way-in", &way).unwrap();
    world.user(user, &["way-in"], &Value::Null);
    let draft = Draft { roles: roles.to_vec(), ..Draft::default() };
    let request = world.file(user, draft).unwrap_or_else(|refusal| panic!("{refusal}"));
    if let Some(before) = before {
        world.policy.put_user(before);
    }
    world.policy.remove_role(&"way-in".parse().unwrap());
    request
}

fn create(world: &mut World, case: &Value) -> Result<Request, No> {
    let create = &case["action"]["create"];
    known(create, &["user", "roles", "state"]).map_err(No::Words)?;
    let roles = texts(&create["roles"]);
    for role in &roles {
        if !world.has_role(role) {
            world.role(role, &Value::Null).map_err(No::Words)?;
        }
    }
    let draft = Draft {
        user: Some(text(&create["user"]).parse().unwrap()),
        roles,
        opening: match create["state"].as_str() {
            None | Some("PENDING") => Opening::Pending,
            Some(state) => Opening::Decided(state.parse().unwrap()),
        },
        ..Draft::default()
    };
    let (for_whom, opening) = (draft.user.clone(), draft.opening);
    if let Some(other) = for_whom.filter(|name| world.policy.user(name).is_none()) {
        // Whoever it is for could ask for it.
        let way = json!({"allow": {"request": {"roles": draft.roles}}});
        world.role("way-in", &way).map_err(No::Words)?;
        world.user(other.as_str(), &["way-in"], &Value::Null);
    }
    let mut request = world.file(&user(case), draft)?;
    if let Opening::Decided(decision) = opening {
        let (reason, roles) = (String::new(), None);
        let over =
            Command::Override { decision, reason, roles, assume_start: None, duration: None };
        world.decide(&mut request, &actor(case), over)?;
    }
    Ok(request)
}

fn review(world: &mut World, case: &Value) -> Result<Request, No> {
    let review = &case["action"]["review"];
    known(review, &["request_user", "author", "state"]).map_err(No::Words)?;
    let of = review["request_user"].as_str().unwrap_or("v");
    let mut request = existing_of(world, of, &["dba".to_owned()], 1);
    if let Some(author) = review["author"].as_str() {
        actor(case).check_author(author)?;
    }
    let state: Result<Decision, _> = text(&review["state"]).parse();
    let command = match state.map_err(|error| No::Words(error.to_string()))? {
        Decision::Approve => {
            Command::Approve { reason: String::new(), assume_start: None, duration: None }
        }
        Decision::Deny => Command::Deny { reason: String::new() },
    };
    world.decide(&mut request, &actor(case), command)?;
    Ok(request)
}

fn set_state(world: &mut World, case: &Value) -> Result<Request, No> {
    let set = &case["action"]["set_state"];
    known(set, &["request_user", "request_roles", "state", "roles", "thresholds_need"])
        .map_err(No::Words)?;
    let asked = set.get("request_roles").map_or_else(|| vec!["dba".to_owned()], texts);
    let needed = set["thresholds_need"].as_u64().unwrap_or(1);
    let of = text(&set["request_user"]);
    let mut request = existing_of(world, &of, &asked, needed);
    let command = Command::Override {
        decision: text(&set["state"]).parse().map_err(|error| No::Words(format!("{error}")))?,
        reason: String::new(),
        roles: set
            .get("roles")
            .map(|roles| texts(roles).iter().map(|role| role.parse().unwrap()).collect()),
        assume_start: None,
        duration: None,
    };
    world.decide(&mut request, &actor(case), command)?;
    let held: BTreeSet<_> =
        request.approval().map(|approval| approval.roles.iter().collect()).unwrap_or_default();
    assert!(held.iter().all(|role| asked.contains(&role.to_string())));
    Ok(request)
}
