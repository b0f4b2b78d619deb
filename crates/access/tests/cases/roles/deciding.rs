//! Hosts, applications, desktops and other clusters: who gets in.

use super::world::{World, denied, known, labels_of, same, says, sorted, texts};
use crate::requests::world::World as Requests;
use access::{
    ask::Action,
    policy::extent::Extent,
    target::{Target, TargetId, TargetKind},
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn hosts(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    for (name, server) in case["servers"].as_object().unwrap() {
        known(server, &["labels", "ns"])?;
        let id = TargetId { kind: TargetKind::Node, name: name.parse().unwrap() };
        let mut target = Target::new(id, labels_of(&server["labels"]));
        target.namespace = server["ns"].as_str().unwrap_or("default").into();
        world.policy.put_target(target);
    }
    if let Some(identity) = case.get("identity") {
        known(identity, &["allowed_resources"])?;
        confine(&mut world, &texts(&identity["allowed_resources"]));
    }
    for check in case["checks"].as_array().unwrap() {
        let [server, login, must] = check.as_array().unwrap().as_slice() else { panic!("{check}") };
        let id =
            TargetId { kind: TargetKind::Node, name: server.as_str().unwrap().parse().unwrap() };
        world.check(&id, Action::Ssh { login: login.as_str().unwrap().parse().unwrap() }, must)?;
    }
    Ok(())
}

/// What confines an identity to resources is a grant for them: the user holds the roles by it alone.
fn confine(world: &mut World, resources: &[String]) {
    let roles: Vec<String> = world.user().roles.iter().map(ToString::to_string).collect();
    let mut requests = Requests::new();
    requests.now = world.now;
    for role in world.policy.roles() {
        requests.policy.put_role(role.clone());
    }
    for target in world.policy.targets() {
        requests.policy.put_target(target.clone());
    }
    requests.user(world.identity.user.as_str(), &[], &Value::Null);
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let request = requests.assume(world.identity.user.as_str(), &roles, &resources);
    world.policy.put_request(Arc::new(request));
    let mut user = world.user().clone();
    user.roles.clear();
    world.policy.put_user(user);
}

pub(crate) fn logins(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    let id = world.target(TargetKind::Node, "host", &case["resource_labels"]);
    known(&case["expect"], &["logins_set"])?;
    let logins = world.policy.logins(&world.identity.user, &id, world.now);
    let logins: Vec<_> = logins.iter().map(ToString::to_string).collect();
    same("logins", logins, sorted(texts(&case["expect"]["logins_set"])))
}

pub(crate) fn host_account(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    let id = world.target(TargetKind::Node, "host", &case["server_labels"]);
    let held = world.policy.held(world.user(), world.now);
    let extent = Extent::new(world.user(), held.roles(), world.policy.target(&id).unwrap());
    known(&case["expect"], &["groups", "error"])?;
    match (extent.host_account(), case["expect"]["error"].as_str()) {
        (Ok(account), None) => same(
            "groups",
            account.groups.into_iter().collect(),
            sorted(texts(&case["expect"]["groups"])),
        ),
        (Err(error), Some(must)) => says(&error.to_string(), must),
        (is, must) => Err(format!("is {is:?}, must be {must:?}")),
    }
}

pub(crate) fn apps(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    for check in case["checks"].as_array().unwrap() {
        let (what, must) = (&check[0], &check[1]);
        let labels = if what.is_object() { what.clone() } else { json!({}) };
        let id = world.target(TargetKind::App, "app", &labels);
        world.check(
            &id,
            Action::App { aws_role_arn: what.as_str().map(Into::into), call: None },
            must,
        )?;
    }
    Ok(())
}

pub(crate) fn desktops(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    for check in case["checks"].as_array().unwrap() {
        let id = world.target(TargetKind::Desktop, "desktop", &check[0]);
        world.check(
            &id,
            Action::Desktop { login: check[1].as_str().unwrap().parse().unwrap() },
            &check[2],
        )?;
    }
    Ok(())
}

pub(crate) fn leaves(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    for (name, labels) in case["leaf_clusters"].as_object().unwrap() {
        world.policy.put_leaf(name.parse().unwrap(), labels_of(labels));
    }
    for (name, must) in case["expect"].as_object().unwrap() {
        let reached =
            world.policy.reaches_leaf(&world.identity.user, &name.parse().unwrap(), world.now);
        same(name, reached, must.as_bool().unwrap())?;
    }
    Ok(())
}

/// `access denied` as a decision on a target.
pub(crate) fn refused(
    world: &World,
    id: &TargetId,
    action: Action,
    must: &str,
) -> Result<(), String> {
    match world.decide(id, action) {
        Ok(permit) => Err(format!("is permitted by {:?}, must be `{must}`", permit.roles())),
        Err(denial) => denied(&denial, must),
    }
}
