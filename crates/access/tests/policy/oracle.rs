//! The decision against an oracle: the two passes of the law written once more, as plainly as possible,
//! over documents instead of compiled roles.

use super::world::identity;
use access::{
    ask::Ask,
    denial::DenialCode,
    identity::User,
    policy::Policy,
    role::{
        Role, RoleOptions, RoleSpec,
        options::RequireMfa,
        spec::{ConditionsSpec, LabelsSpec},
    },
    target::{Labels, Target, TargetId},
};
use proptest::{collection::vec, prelude::*, sample::select};

fn labels_spec() -> impl Strategy<Value = LabelsSpec> {
    let value = select(vec!["a", "b", "*", "a*", "^(a|b)$"]).prop_map(str::to_owned);
    let named = proptest::collection::btree_map(
        select(vec!["x", "y"]).prop_map(str::to_owned),
        vec(value, 0..3),
        0..3,
    );
    prop_oneof![
        4 => named,
        1 => Just(LabelsSpec::from([("*".to_owned(), vec!["*".to_owned()])])),
    ]
}

prop_compose! {
    fn conditions()(labels in labels_spec(), logins in vec(select(vec!["r", "s"]), 0..3)) -> ConditionsSpec {
        ConditionsSpec {
            node_labels: labels,
            logins: logins.into_iter().map(str::to_owned).collect(),
            ..ConditionsSpec::default()
        }
    }
}

prop_compose! {
    fn spec()(allow in conditions(), deny in prop_oneof![3 => Just(ConditionsSpec::default()), 1 => conditions()], mfa: bool) -> RoleSpec {
        let require = mfa.then_some(RequireMfa::Session);
        RoleSpec { allow, deny, options: RoleOptions { require_session_mfa: require, ..RoleOptions::default() }, ..RoleSpec::default() }
    }
}

fn labels() -> impl Strategy<Value = Labels> {
    proptest::collection::btree_map(
        select(vec!["x", "y"]).prop_map(str::to_owned),
        select(vec!["a", "b", "ab", "c"]).prop_map(str::to_owned),
        0..3,
    )
}

fn selects(spec: &LabelsSpec, labels: &Labels) -> bool {
    let matches = |pattern: &str, value: &str| match pattern {
        "*" => true,
        "a*" => value.starts_with('a'),
        "^(a|b)$" => value == "a" || value == "b",
        literal => literal == value,
    };
    if spec.contains_key("*") {
        return true;
    }
    !spec.is_empty()
        && spec.iter().all(|(key, patterns)| {
            labels
                .get(key)
                .is_some_and(|value| patterns.iter().any(|pattern| matches(pattern, value)))
        })
}

/// `None` is yes.
fn oracle(specs: &[RoleSpec], labels: &Labels, login: &str, mfa: bool) -> Option<DenialCode> {
    let named = |side: &ConditionsSpec| side.logins.iter().any(|own| own == login);
    if specs.iter().any(|spec| selects(&spec.deny.node_labels, labels) || named(&spec.deny)) {
        return Some(DenialCode::NoAccess);
    }
    let counting: Vec<_> = specs
        .iter()
        .filter(|spec| selects(&spec.allow.node_labels, labels) && named(&spec.allow))
        .collect();
    if counting.is_empty() {
        return Some(DenialCode::NoAccess);
    }
    let wants = counting.iter().any(|spec| spec.options.require_session_mfa.is_some());
    (wants && !mfa).then_some(DenialCode::MfaRequired)
}

fn decide(specs: &[RoleSpec], labels: &Labels, login: &str, mfa: bool) -> Option<DenialCode> {
    let mut policy = Policy::new("main".parse().unwrap());
    let mut user = User::new("u".parse().unwrap());
    for (n, spec) in specs.iter().enumerate() {
        let (role, _) = Role::new(RoleSpec { name: format!("r{n}"), ..spec.clone() }).unwrap();
        user.roles.insert(role.name().clone());
        policy.put_role(role);
    }
    policy.put_user(user);
    policy.put_target(Target::new(TargetId::node("t".parse().unwrap()), labels.clone()));
    let mut identity = identity("u");
    identity.mfa = mfa;
    let ask = Ask::ssh("t".parse().unwrap(), login.parse().unwrap());
    policy
        .decide(&identity, &ask, "2026-03-02T12:00:00Z".parse().unwrap())
        .err()
        .map(|denial| denial.code())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_decision_is_what_the_law_says(
        specs in vec(spec(), 0..4), labels in labels(), login in select(vec!["r", "s"]), mfa: bool
    ) {
        prop_assert_eq!(decide(&specs, &labels, login, mfa), oracle(&specs, &labels, login, mfa));
    }

    #[test]
    fn another_role_that_only_denies_never_opens_anything(
        mut specs in vec(spec(), 0..4), deny in conditions(), labels in labels(), login in select(vec!["r", "s"])
    ) {
        let before = decide(&specs, &labels, login, true);
        specs.push(RoleSpec { deny, ..RoleSpec::default() });
        let after = decide(&specs, &labels, login, true);
        prop_assert!(before.is_none() || after.is_some());
    }

    #[test]
    fn another_role_that_only_allows_never_closes_anything(
        mut specs in vec(spec(), 0..4), allow in conditions(), labels in labels(), login in select(vec!["r", "s"])
    ) {
        let before = decide(&specs, &labels, login, true);
        specs.push(RoleSpec { allow, ..RoleSpec::default() });
        prop_assert!(before.is_some() || decide(&specs, &labels, login, true).is_none());
    }
}
