//! Moderated sessions.

use super::{
    deciding::refused,
    world::{World, known, role, same},
};
use access::{
    ask::Action,
    identity::User,
    join::{Mode, OnLeave, Participant, Presence, SessionKind, may_join, presence},
    role::Role,
    target::TargetKind,
};
use serde_json::{Value, json};

fn roles_of(case: &Value) -> Result<Vec<Role>, String> {
    case["roles"].as_array().unwrap().iter().map(|value| role("r", value)).collect()
}

fn kind(value: &Value) -> SessionKind {
    value.as_str().unwrap().parse().unwrap()
}

fn holder(roles: &Value) -> User {
    let mut user = User::new("p".parse().unwrap());
    user.roles = roles
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role.as_str().unwrap().parse().unwrap())
        .collect();
    user
}

/// Whether a session of a holder of the roles that want company may start with these participants.
pub(crate) fn starting(case: &Value) -> Result<(), String> {
    let roles = roles_of(case)?;
    let owners = roles.iter().filter(|role| !role.allow().require_session_join.is_empty());
    let people: Vec<(User, Mode)> = case["participants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|who| (holder(&who["roles"]), who["mode"].as_str().unwrap().parse().unwrap()))
        .collect();
    let there: Vec<_> =
        people.iter().map(|(user, mode)| Participant { user, mode: *mode }).collect();
    known(&case["expect"], &["may_start"])?;
    let enough = presence(owners, kind(&case["session"]), &there) == Presence::Enough;
    same("may_start", enough, case["expect"]["may_start"].as_bool().unwrap())
}

pub(crate) fn joining(case: &Value) -> Result<(), String> {
    let roles = roles_of(case)?;
    let joiner = holder(&case["joiner"]);
    let held: Vec<&Role> = roles.iter().filter(|role| joiner.roles.contains(role.name())).collect();
    let owners: Vec<_> = holder(&case["session"]["host_roles"]).roles.into_iter().collect();
    known(&case["session"], &["kind", "host_roles"])?;
    known(&case["expect"], &["may_join"])?;
    let must = case["expect"]["may_join"].as_bool().unwrap();
    for mode in [Mode::Moderator, Mode::Observer, Mode::Peer] {
        same(
            "may_join",
            may_join(&joiner, &held, &owners, kind(&case["session"]["kind"]), mode),
            must,
        )?;
    }
    Ok(())
}

/// `scp file host:` by a holder of all roles of the case, with nobody else there.
pub(crate) fn action(case: &Value) -> Option<Result<(), String>> {
    let host = case["action"].as_str()?.strip_prefix("scp file ")?.strip_suffix(':')?;
    let mut open = case.clone();
    // The case is about company: the host and the login are open to the role.
    for role in open["roles"].as_array_mut()? {
        role["allow"]["node_labels"] = json!({"*": "*"});
        role["allow"]["logins"] = json!(["root"]);
    }
    Some(World::of(&open).and_then(|mut world| {
        let id = world.target(TargetKind::Node, host, &json!({}));
        let action = Action::Ssh { login: "root".parse().unwrap() };
        refused(&world, &id, action, case["expect"]["error"].as_str().unwrap())
    }))
}

/// Two policies that want a holder of `a` and a holder of `b`, with only the first there.
pub(crate) fn alternatives(case: &Value) -> Result<(), String> {
    let policy = |who: &str| {
        let filter = format!("contains(user.roles, \"{who}\")");
        json!({"filter": filter, "kinds": ["ssh"], "count": 1, "modes": ["peer"]})
    };
    let together =
        role("r", &json!({"allow": {"require_session_join": [policy("a"), policy("b")]}}))?;
    let apart = [
        role("r", &json!({"allow": {"require_session_join": [policy("a")]}}))?,
        role("s", &json!({"allow": {"require_session_join": [policy("b")]}}))?,
    ];
    let (first, second) = (holder(&json!(["a"])), holder(&json!(["b"])));
    let start = |roles: &[&Role], users: &[&User]| {
        let there: Vec<_> =
            users.iter().map(|user| Participant { user, mode: Mode::Peer }).collect();
        presence(roles.iter().copied(), SessionKind::Ssh, &there) == Presence::Enough
    };
    let word = |roles: &[&Role]| match (
        start(roles, &[]),
        start(roles, &[&first]),
        start(roles, &[&first, &second]),
    ) {
        (false, true, true) => "OR",
        (false, false, true) => "AND",
        _ => "neither",
    };
    known(&case["expect"], &["same role", "different roles"])?;
    same("same role", word(&[&together]), case["expect"]["same role"].as_str().unwrap())?;
    same(
        "different roles",
        word(&[&apart[0], &apart[1]]),
        case["expect"]["different roles"].as_str().unwrap(),
    )
}

pub(crate) fn leaving(case: &Value) -> Result<(), String> {
    same("event", case["event"].as_str(), Some("moderator leaves"))?;
    for word in case["policy"]["on_leave"].as_array().unwrap() {
        let word = word.as_str().unwrap();
        let policy = json!({"filter": "true", "kinds": ["ssh"], "count": 1, "modes": ["*"], "on_leave": word});
        let role = role("r", &json!({"allow": {"require_session_join": [policy]}}))?;
        let mode: OnLeave = access::join::on_leave([&role], SessionKind::Ssh);
        same(word, mode.to_string().as_str(), case["expect"][word].as_str().unwrap())?;
    }
    Ok(())
}
