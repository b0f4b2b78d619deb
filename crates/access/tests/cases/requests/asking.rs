//! Filing: who may ask for what, why, for how long; and what they are told they may ask for.

use super::world::{World, duration, known, reaching_all, refused, same, text, texts, traits_of};
use access::{
    capability::{LoginCapabilities, Query, requestable_roles, require_reason},
    request::{Draft, Refusal, Request},
    resource::ResourceId,
    role::Role,
};
use serde_json::{Value, json};

const USER: &str = "u";

/// Roles, a user, what there is to reach, and a request that is filed or refused.
pub(crate) fn filing(case: &Value) -> Result<(), String> {
    known(
        case,
        &[
            "id",
            "title",
            "note",
            "roles",
            "user",
            "request",
            "expect",
            "nodes",
            "inventory",
            "identity_left",
        ],
    )?;
    let (mut world, user) = world(case)?;
    let asked = &case["request"];
    known(
        asked,
        &[
            "user",
            "roles",
            "resources",
            "login_hint",
            "reason",
            "max_duration",
            "reviewers",
            "pruned_roles",
            "made_with_active_request_for",
        ],
    )?;
    for role in texts(&asked["made_with_active_request_for"]) {
        world.assume(&user, &[&role], &[]);
    }
    let draft = draft(asked);
    let expect = &case["expect"];
    if expect.get("without_reason").is_some() {
        return reasons(&mut world, &user, draft, expect);
    }
    outcome(&mut world, &user, draft, case)
}

fn outcome(world: &mut World, user: &str, draft: Draft, case: &Value) -> Result<(), String> {
    let expect = &case["expect"];
    known(
        expect,
        &[
            "error",
            "state",
            "roles",
            "roles_set",
            "system_annotations",
            "suggested_reviewers",
            "access",
            "session",
            "pending",
        ],
    )?;
    let request = match (world.file(user, draft), expect["error"].as_str()) {
        (Ok(request), None) => request,
        (Ok(request), Some(error)) => {
            return Err(format!("is {:?}, must be refused: {error}", request.asked().roles));
        }
        (Err(refusal), Some(error)) => return refused(&refusal, error),
        (Err(refusal), None) => return Err(refusal.sentence()),
    };
    if let Some(state) = expect["state"].as_str() {
        same("state", request.status(world.now).as_str(), state)?;
    }
    let roles = World::shown(&request.asked().roles);
    if expect.get("roles").is_some() {
        same("roles", &roles, &texts(&expect["roles"]))?;
    }
    if expect.get("roles_set").is_some() {
        let mut must = texts(&expect["roles_set"]);
        must.sort();
        same("roles", &roles, &must)?;
    }
    if expect.get("system_annotations").is_some() {
        same(
            "annotations",
            &request.asked().annotations,
            &traits_of(&expect["system_annotations"]),
        )?;
    }
    if expect.get("suggested_reviewers").is_some() {
        same(
            "suggested",
            &request.asked().suggested_reviewers,
            &texts(&expect["suggested_reviewers"]),
        )?;
    }
    lengths(world, &request, case)
}

fn lengths(world: &World, request: &Request, case: &Value) -> Result<(), String> {
    let expect = &case["expect"];
    if let Some(access) = expect["access"].as_str() {
        same("access", request.asked().duration, duration(access))?;
    }
    if let Some(pending) = expect["pending"].as_str() {
        same("pending", request.asked().answer_by.duration_since(world.now), duration(pending))?;
    }
    if let Some(session) = expect["session"].as_str() {
        let expires = world.now.checked_add(duration(&text(&case["identity_left"]))).unwrap();
        same("session", request.session_limit(expires, world.now), duration(session))?;
    }
    Ok(())
}

/// The same request without a reason, with white space, and with one.
fn reasons(world: &mut World, user: &str, draft: Draft, expect: &Value) -> Result<(), String> {
    known(
        expect,
        &["without_reason", "whitespace_reason", "with_reason", "capabilities.require_reason"],
    )?;
    let check = |what: &str, filed: Result<Request, Refusal>, must: &Value| match (
        filed,
        must["error"].as_str(),
    ) {
        (Ok(_), None) if *must == json!("ok") => Ok(()),
        (Err(refusal), Some(error)) => refused(&refusal, error),
        (filed, _) => Err(format!(
            "{what}: {:?}, must be {must}",
            filed.map(|request| request.asked().roles.clone())
        )),
    };
    let with = |reason: &str| Draft { reason: reason.to_owned(), ..draft.clone() };
    check("without", world.file(user, with("")), &expect["without_reason"])?;
    same(
        "whitespace_reason",
        expect["whitespace_reason"].as_str(),
        Some("same as without_reason"),
    )?;
    check("white space", world.file(user, with(" \t\n\u{a0}")), &expect["without_reason"])?;
    let filed = world.file(user, with("ticket 42"));
    let roles = filed.as_ref().map(|request| request.asked().roles.clone()).unwrap_or_default();
    check("with", filed, &expect["with_reason"])?;
    let needed = require_reason(&world.policy, &user.parse().unwrap(), &roles);
    same("require_reason", Some(needed), expect["capabilities.require_reason"].as_bool())
}

pub(crate) fn draft(asked: &Value) -> Draft {
    Draft {
        roles: texts(&asked["roles"]),
        resources: resources(&asked["resources"]),
        reason: asked["reason"].as_str().unwrap_or_default().to_owned(),
        login_hint: asked["login_hint"].as_str().map(|login| login.parse().unwrap()),
        duration: asked["max_duration"].as_str().map(duration),
        suggested_reviewers: texts(&asked["reviewers"]),
        ..Draft::default()
    }
}

fn resources(value: &Value) -> Vec<ResourceId> {
    texts(value)
        .iter()
        .map(|id| id.parse().unwrap_or_else(|error| panic!("{id}: {error}")))
        .collect()
}

/// The roles, the user, and what there is to reach.
fn world(case: &Value) -> Result<(World, String), String> {
    let mut world = World::new();
    let documents = case["roles"].as_object().ok_or("no roles")?;
    for (name, document) in documents {
        world.role(name, document)?;
    }
    known(&case["user"], &["name", "roles", "traits"])?;
    let user = case["user"]["name"].as_str().unwrap_or(USER).to_owned();
    let held = texts(&case["user"]["roles"]);
    world.user(
        &user,
        &held.iter().map(String::as_str).collect::<Vec<_>>(),
        &case["user"]["traits"],
    );
    let asked = &case["request"];
    // A case that describes no role but those held names what is asked for in passing: it is there.
    if documents.keys().all(|name| held.contains(name)) {
        for role in texts(&asked["roles"]).iter().filter(|role| *role != "*") {
            if !world.has_role(role) {
                world.role(role, &Value::Null)?;
            }
        }
    }
    for role in texts(&asked["pruned_roles"]) {
        if !world.has_role(&role) {
            world.role(&role, &reaching_all())?;
        }
    }
    stock(&mut world, case);
    Ok((world, user))
}

/// What there is: as listed, or, where nothing is listed, whatever the request names here, without labels.
fn stock(world: &mut World, case: &Value) {
    for (name, labels) in case["nodes"].as_object().into_iter().flatten() {
        world.target("node", name, labels);
    }
    for (id, labels) in case["inventory"].as_object().into_iter().flatten() {
        let (kind, name) = id.split_once('/').unwrap();
        world.target(kind, name, labels);
    }
    let listed = case.get("nodes").is_some() || case.get("inventory").is_some();
    for resource in resources(&case["request"]["resources"]) {
        if resource.cluster() != world.policy.cluster() {
            world.policy.put_leaf(resource.cluster().clone(), access::target::Labels::new());
        } else if !listed {
            let id = resource.target_id();
            world.target(id.kind.as_str(), id.name.as_str(), &Value::Null);
        }
    }
}

/// Which roles somebody may ask for, if they ask about some resources.
pub(crate) fn query(case: &Value) -> Result<(), String> {
    known(
        case,
        &["id", "title", "note", "roles", "user", "nodes", "inventory", "query", "expect"],
    )?;
    let asked = &case["query"];
    known(
        asked,
        &["requestable_roles", "resources", "filter_by_resource", "identity_allowed_resources"],
    )?;
    known(&case["expect"], &["requestable_roles_set"])?;
    let (mut world, user) = world(case)?;
    let resources = resources(&asked["resources"]);
    for resource in &resources {
        if resource.cluster() != world.policy.cluster() {
            world.policy.put_leaf(resource.cluster().clone(), access::target::Labels::new());
        }
    }
    let query = Query {
        resources: if asked["filter_by_resource"] == true { resources } else { Vec::new() },
        confined_to: asked.get("identity_allowed_resources").map(self::resources),
    };
    let found = World::shown(&requestable_roles(&world.policy, &user.parse().unwrap(), &query));
    let mut must = texts(&case["expect"]["requestable_roles_set"]);
    must.sort();
    same("requestable", found, must)
}

/// What the options of some roles say about requests at login.
pub(crate) fn login(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "role_options", "expect_capabilities"])?;
    let roles: Vec<Role> = case["role_options"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|options| super::document::role("r", &json!({ "options": options })))
        .collect::<Result<_, _>>()?;
    let is = LoginCapabilities::of(roles.iter().map(Role::options));
    let expect = &case["expect_capabilities"];
    known(expect, &["require_reason", "auto_request", "prompt"])?;
    same("require_reason", Some(is.require_reason), expect["require_reason"].as_bool())?;
    same("auto_request", Some(is.auto_request), expect["auto_request"].as_bool())?;
    same("prompt", Some(is.prompt.as_str()), expect["prompt"].as_str())
}
