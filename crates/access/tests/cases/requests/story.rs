//! Cases told in sentences: each sentence is something that is done, or must be so.

use super::world::{STAND_BY, World, identity, known, same, text, texts};
use access::{
    ask::Ask,
    denial::DenialCode,
    lock::{Lock, LockTarget},
    promotion::{AccessList, offered},
    request::{Command, Draft, Request},
};
use serde_json::{Value, json};

/// Steps in sentences, with what must come of them.
pub(crate) fn told(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "steps", "expect"])?;
    let steps = texts(&case["steps"]);
    if case["expect"].is_array() {
        return locked(&steps, &texts(&case["expect"]));
    }
    promoted(&steps, &case["expect"])
}

/// A grant that nothing but its end, a revocation or a lock takes away.
fn locked(steps: &[String], expect: &[String]) -> Result<(), String> {
    same("as many answers as steps", steps.len(), expect.len())?;
    let mut world = World::where_u_may_ask(&Value::Null);
    world.role("dba", &super::world::reaching_all())?;
    world.target("node", "box", &json!({}));
    let draft = Draft { roles: vec!["dba".to_owned()], ..Draft::default() };
    let mut request = world.file("u", draft).map_err(|refusal| refusal.sentence())?;
    let ask = Ask::ssh("box".parse().unwrap(), "root".parse().unwrap());
    for (step, must) in steps.iter().zip(expect) {
        match step.as_str() {
            "approve" => {
                let approve =
                    Command::Approve { reason: String::new(), assume_start: None, duration: None };
                let actor = world.actor(STAND_BY);
                world
                    .decide(&mut request, &actor, approve)
                    .map_err(|refusal| refusal.sentence())?;
            }
            // Nobody assumes a grant here, it simply holds; and no command deletes a request: history stays.
            "user assumes" | "admin deletes request" => {}
            "admin creates lock target access_request=<id>" => world.policy.put_lock(Lock {
                name: "stop".parse().unwrap(),
                target: LockTarget { request: Some(request.id()), ..LockTarget::default() },
                message: "".into(),
                expires: None,
            }),
            other => return Err(format!("nobody does `{other}`")),
        }
        let decided = world.policy.decide(&identity("u"), &ask, world.now);
        match must.as_str() {
            "granted" | "active" | "still active" => {
                let permit = decided.map_err(|denial| format!("{step}: {}", denial.detail()))?;
                same("requests", permit.requests(), &[request.id()])?;
            }
            other => {
                let sentence = other
                    .strip_prefix("sessions terminated, new ones refused: ")
                    .ok_or_else(|| format!("nobody knows what `{other}` is"))?
                    .replace("<id>", &request.id().to_string());
                let denial = decided.err().ok_or_else(|| format!("{step}: still permitted"))?;
                same("code", denial.code(), DenialCode::Locked)?;
                same("detail", denial.sentence().contains(&sentence), true)
                    .map_err(|_| format!("`{}` does not say `{sentence}`", denial.sentence()))?;
            }
        }
    }
    Ok(())
}

/// A request for a resource that becomes membership of a list.
fn promoted(steps: &[String], expect: &Value) -> Result<(), String> {
    known(expect, &["state", "requester", "request itself"])?;
    let (mut world, mut request, mut member) = (World::new(), None::<Request>, String::new());
    for step in steps {
        if let Some(resource) = step.strip_prefix("request with resources ") {
            world.let_u_ask(&Value::Null);
            let id: access::resource::ResourceId =
                resource.parse().map_err(|error| format!("{error}"))?;
            world.target(id.target_id().kind.as_str(), id.name().as_str(), &Value::Null);
            let draft = Draft { resources: vec![id], ..Draft::default() };
            request = Some(world.file("u", draft).map_err(|refusal| refusal.sentence())?);
        } else if step == "reviewer who owns list L that grants node a promotes" {
            let request = request.as_mut().ok_or("nothing was asked for yet")?;
            let list = AccessList {
                name: "L".into(),
                owners: [STAND_BY.parse().unwrap()].into(),
                grants: ["anything".parse().unwrap()].into(),
            };
            let reason = String::new();
            let actor = world.actor(STAND_BY);
            match world.decide(request, &actor, Command::Promote { list, reason }) {
                Ok(access::request::Event::Promoted(_, list)) => {
                    member = format!("member of {list}")
                }
                Ok(event) => return Err(format!("is {event:?}")),
                Err(refusal) => return Err(refusal.sentence()),
            }
        } else {
            return Err(format!("nobody does `{step}`"));
        }
    }
    let request = request.ok_or("nothing was asked for")?;
    same("state", request.status(world.now).as_str(), &text(&expect["state"]))?;
    same("requester", member, text(&expect["requester"]))?;
    same("request itself", expect["request itself"].as_str(), Some("grants nothing"))?;
    same("grants", request.grant(world.now).is_some(), false)
}

/// A list that grants less than what was asked for.
pub(crate) fn not_offered() -> Result<(), String> {
    let mut world = World::where_u_may_ask(&Value::Null);
    world.target("node", "a", &json!({"env": "dev"}));
    world.target("node", "b", &json!({"env": "prod"}));
    world.role(
        "dev-only",
        &json!({"allow": {"node_labels": {"env": ["dev"]}, "logins": ["root"]}}),
    )?;
    let resources = vec!["/local/node/a".parse().unwrap(), "/local/node/b".parse().unwrap()];
    let draft = Draft { resources, ..Draft::default() };
    let mut request = world.file("u", draft).map_err(|refusal| refusal.sentence())?;
    let list = |name: &str, role: &str| AccessList {
        name: name.into(),
        owners: [STAND_BY.parse().unwrap()].into(),
        grants: [role.parse().unwrap()].into(),
    };
    let lists = [list("less", "dev-only"), list("enough", "anything")];
    let names: Vec<&str> =
        offered(&world.policy, &request, &lists).map(|list| &*list.name).collect();
    same("offered", names, vec!["enough"])?;
    let [less, _] = lists;
    let promote = Command::Promote { list: less, reason: String::new() };
    let actor = world.actor(STAND_BY);
    same("promoted", world.decide(&mut request, &actor, promote).is_err(), true)
}

/// Grants of several requests at once: each keeps its own confinement.
pub(crate) fn assumed(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "roles", "user", "request", "inventory", "expect"])?;
    known(&case["request"], &["assume"])?;
    let mut world = World::new();
    for (name, document) in case["roles"].as_object().into_iter().flatten() {
        world.role(name, document)?;
    }
    known(&case["user"], &["name", "roles"])?;
    let user = text(&case["user"]["name"]);
    let traits = json!({"logins": ["ops"]});
    world.user(
        &user,
        &texts(&case["user"]["roles"]).iter().map(String::as_str).collect::<Vec<_>>(),
        &traits,
    );
    let mut nodes = Vec::new();
    for (id, labels) in case["inventory"].as_object().into_iter().flatten() {
        let (kind, name) = id.split_once('/').unwrap();
        world.target(kind, name, labels);
        if kind == "node" {
            nodes.push(name.to_owned());
        }
    }
    for sentence in texts(&case["request"]["assume"]) {
        // `request-1 (resources: node/a1 via host-admin)`, `request-2 (role: host-any)`
        let inside = sentence
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'))
            .ok_or("no (…)")?;
        if let Some(role) = inside.strip_prefix("role: ") {
            world.assume(&user, &[role], &[]);
        } else if let Some((resource, role)) =
            inside.strip_prefix("resources: ").and_then(|rest| rest.split_once(" via "))
        {
            world.assume(&user, &[role], &[&format!("/local/{resource}")]);
        } else {
            return Err(format!("nobody assumes `{inside}`"));
        }
    }
    for (sentence, must) in case["expect"].as_object().into_iter().flatten() {
        let (role, at) =
            sentence.split_once(" roles outside node/").ok_or_else(|| format!("`{sentence}`?"))?;
        same("role", role, "host-admin")?;
        same("must", must.as_str(), Some("denied"))?;
        // `root` is what this role gives and the other does not.
        for node in &nodes {
            let ask = Ask::ssh(node.parse().unwrap(), "root".parse().unwrap());
            let permitted = world.policy.decide(&identity(&user), &ask, world.now).is_ok();
            same(node, permitted, node == at)?;
            let ask = Ask::ssh(node.parse().unwrap(), "ops".parse().unwrap());
            same(node, world.policy.decide(&identity(&user), &ask, world.now).is_ok(), true)?;
        }
    }
    Ok(())
}
