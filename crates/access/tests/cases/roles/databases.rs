//! Databases: who gets in, as which user, with which roles.

use super::world::{World, known, labels_of, same, says, sorted, texts};
use access::{
    ask::Action,
    policy::extent::Extent,
    target::{Target, TargetId, TargetKind},
};
use serde_json::{Value, json};

pub(crate) fn checks(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    for (name, database) in case["databases"].as_object().unwrap() {
        world.policy.put_target(database_of(name, database));
    }
    for check in case["checks"].as_array().unwrap() {
        let (name, database, user, must) = match check.as_array().unwrap().as_slice() {
            [name, must] => (name, None, None, must),
            [name, user, must] => (name, None, Some(user), must),
            [name, database, user, must] => (name, Some(database), Some(user), must),
            other => panic!("{other:?}"),
        };
        let id = TargetId { kind: TargetKind::Db, name: name.as_str().unwrap().parse().unwrap() };
        let text = |value: Option<&Value>| value.map(|value| value.as_str().unwrap().into());
        world.check(&id, Action::Db { user: text(user), name: text(database) }, must)?;
    }
    Ok(())
}

/// `{env: prod}`, `{static: {…}, dynamic: {…}}`, either with a `protocol`.
fn database_of(name: &str, value: &Value) -> Target {
    let mut labels = value.as_object().unwrap().clone();
    let protocol = labels.remove("protocol").map(|protocol| protocol.as_str().unwrap().into());
    let dynamic = labels.remove("dynamic").unwrap_or(json!({}));
    let fixed = labels.remove("static").unwrap_or(Value::Object(labels));
    let id = TargetId { kind: TargetKind::Db, name: name.parse().unwrap() };
    let mut target = Target::new(id, labels_of(&fixed)).with_dynamic(labels_of(&dynamic));
    target.protocol = protocol;
    target
}

pub(crate) fn extent(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    let id = world.target(TargetKind::Db, "db", &case["database_labels"]);
    let held = world.policy.held(world.user(), world.now);
    let extent = Extent::new(world.user(), held.roles(), world.policy.target(&id).unwrap());
    let expect = case["expect"].as_object().unwrap();
    if expect.contains_key("create") || expect.contains_key("error") {
        return provision(&extent, &texts(&case["asked_roles"]), &case["expect"]);
    }
    let users = extent.db_users();
    for (key, must) in expect {
        match key.as_str() {
            "allowed" => {
                let own = world.identity.user.as_str();
                let must =
                    texts(must).iter().map(|name| name.replace("<own user name>", own)).collect();
                same(key, users.allowed.clone(), sorted(must))?;
            }
            "denied" => same(key, users.denied.clone(), sorted(texts(must)))?,
            "wildcard_allowed" => same(key, users.wildcard_allowed, must.as_bool().unwrap())?,
            "wildcard_denied" => same(key, users.wildcard_denied, must.as_bool().unwrap())?,
            other => return Err(format!("nobody reads `expect.{other}`")),
        }
    }
    Ok(())
}

fn provision(extent: &Extent<'_>, asked: &[String], expect: &Value) -> Result<(), String> {
    known(expect, &["create", "db_roles", "error"])?;
    match (extent.db_provision(asked), expect["error"].as_str()) {
        (Err(error), Some(must)) => says(&error.to_string(), must),
        (Ok(provision), None) => {
            same("create", provision.is_some(), expect["create"].as_bool().unwrap())?;
            let roles = provision
                .map(|provision| provision.roles.into_iter().collect())
                .unwrap_or_default();
            same("db_roles", roles, sorted(texts(&expect["db_roles"])))
        }
        (is, must) => Err(format!("is {is:?}, must be {must:?}")),
    }
}
