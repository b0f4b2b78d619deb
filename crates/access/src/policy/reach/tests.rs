//! Looking near a target finds what looking everywhere finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, which is what it is for")]

use super::{Reach, Wanted};
use crate::{
    identity::User,
    lock::{Lock, LockTarget},
    name::UserName,
    policy::Policy,
    request::{Asker, Manner},
    role::{
        Role,
        spec::{ConditionsSpec, LabelsSpec, RequestSpec, RoleSpec},
    },
    target::{Labels, Target, TargetId, TargetKind},
};
use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::select};

/// The same with every role looked at for every target.
fn at_length(policy: &Policy, name: &UserName, now: Timestamp) -> Vec<Reach> {
    let user = policy.user(name).unwrap();
    let (held, asker) = (policy.held(user, now), Asker::new(policy, user));
    let all = |manner| -> Vec<&Role> {
        policy.roles().filter(|role| asker.may_ask(role.name(), manner)).collect()
    };
    let reached = policy.targets().filter_map(|target| {
        let wanted = Wanted { roles: all(Manner::Role), searches: all(Manner::Search) };
        policy.reach_of(&held, &wanted, target, now)
    });
    reached.collect()
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

fn selected() -> impl Strategy<Value = LabelsSpec> {
    let value = words(&["a", "b", "c", "a*", "^(a|b)$", "{{external.team}}", "*"]);
    let key = words(&["x", "y", "{{external.key}}"]);
    prop_oneof![
        8 => proptest::collection::btree_map(key, vec(value, 0..3), 0..3),
        1 => Just([("*".to_owned(), vec!["*".to_owned()])].into()),
    ]
}

prop_compose! {
    fn conditions()(
        node_labels in selected(), db_labels in selected(), expression: bool,
        logins in vec(words(&["r", "s"]), 0..3), db_users in vec(words(&["d", "*"]), 0..2),
    ) -> ConditionsSpec {
        let node_labels_expression = expression.then(|| "labels[\"x\"] == \"a\"".to_owned());
        ConditionsSpec { node_labels, node_labels_expression, db_labels, logins, db_users, ..ConditionsSpec::default() }
    }
}

prop_compose! {
    fn roles()(
        bodies in vec((conditions(), prop_oneof![4 => Just(ConditionsSpec::default()), 1 => conditions()]), 1..7),
        ask in vec(words(&["r-*", "r-1", "r-2"]), 0..3), search in vec(words(&["r-*", "r-3"]), 0..3),
    ) -> Vec<RoleSpec> {
        let asker = ConditionsSpec {
            request: Some(RequestSpec { roles: ask, search_as_roles: search, ..RequestSpec::default() }),
            ..ConditionsSpec::default()
        };
        let named = |(n, (allow, deny))| RoleSpec { name: format!("r-{n}"), allow, deny, ..RoleSpec::default() };
        let asker = RoleSpec { name: "asker".to_owned(), allow: asker, ..RoleSpec::default() };
        bodies.into_iter().enumerate().map(named).chain([asker]).collect()
    }
}

fn labels() -> impl Strategy<Value = Labels> {
    proptest::collection::btree_map(words(&["x", "y", "z"]), words(&["a", "b", "ab", "c"]), 0..3)
}

proptest! {
    #[test]
    fn looking_near_a_target_finds_what_looking_everywhere_finds(
        roles in roles(), nodes in vec(labels(), 0..5), databases in vec(labels(), 0..3),
        team in vec(words(&["a", "c", "*"]), 0..2), key in vec(words(&["x", "y"]), 0..2), locked: bool,
    ) {
        let mut policy = Policy::new("main".parse().unwrap());
        for spec in roles {
            policy.put_role(Role::new(spec).unwrap().0);
        }
        for (kind, labels) in nodes.into_iter().map(|labels| (TargetKind::Node, labels))
            .chain(databases.into_iter().map(|labels| (TargetKind::Db, labels)))
        {
            let name = format!("t-{}", policy.targets().count()).parse().unwrap();
            policy.put_target(Target::new(TargetId { kind, name }, labels));
        }
        let mut user = User::new("alice".parse().unwrap());
        user.roles = ["asker", "r-0"].map(|role| role.parse().unwrap()).into();
        user.traits = [("team", team), ("key", key)].map(|(name, values)| (name.to_owned(), values.into_iter().collect())).into();
        let name = user.name.clone();
        policy.put_user(user);
        if locked {
            let target = LockTarget { role: Some("r-1".parse().unwrap()), ..LockTarget::default() };
            policy.put_lock(Lock { name: "l".parse().unwrap(), target, message: "".into(), expires: None });
        }
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        prop_assert_eq!(policy.reach(&name, now), at_length(&policy, &name, now));
    }
}
