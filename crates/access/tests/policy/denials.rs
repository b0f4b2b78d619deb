//! How a no is worded, and what it does not give away.

use super::world::{World, ask, identity};
use access::denial::{DenialCode, NextStep};
use access::policy::Settings;
use access::role::options::{RequireMfa, RoleOptions};
use access::role::spec::ConditionsSpec;
use access::role::{Role, RoleSpec};
use expect_test::{Expect, expect};

fn told(world: &World, user: &str, at: &str, expected: Expect) {
    let denial = world.policy.decide(&identity(user), &ask(at), world.now).unwrap_err();
    let mut text = format!("{}: {denial}\n", denial.code());
    if let Some(next) = denial.next() {
        let approvers: Vec<_> = next.approvers().iter().map(ToString::to_string).collect();
        text += &format!("next: {}\napprovers: {}\n", next.command(), approvers.join(", "));
    }
    text += &format!("log: {}\n", denial.detail());
    expected.assert_eq(&text);
}

#[test]
fn a_denial_says_which_role_to_ask_for_and_who_could_approve() {
    told(
        &World::new(),
        "alice",
        "root@db-box",
        expect![[r#"
            no_access: no access to `root@db-box`; it can be requested
            next: tsh request new --roles=dba --reason="..."
            approvers: carol
            log: no role allows it
        "#]],
    );
}

#[test]
fn a_denial_says_which_resource_to_ask_for_where_no_role_may_be() {
    told(
        &World::new(),
        "alice",
        "root@web-1",
        expect![[r#"
            no_access: no access to `root@web-1`; it can be requested
            next: tsh request new --resource=/main/node/web-1 --login=root --reason="..."
            approvers: carol
            log: no role allows it
        "#]],
    );
}

#[test]
fn what_a_deny_rule_forbids_no_request_opens() {
    told(
        &World::new(),
        "bob",
        "root@db-box",
        expect![[r#"
        no_access: no access to `root@db-box`, or it does not exist
        log: denied by role `contractor`
    "#]],
    );
}

#[test]
fn unknown_and_forbidden_are_told_alike() {
    let mut world = World::new();
    world.grant(1, "mallory", &["auditor"], &[], 1);
    for user in ["mallory", "bob"] {
        let known = world.ssh(user, "root@web-1").unwrap_err();
        let unknown = world.ssh(user, "root@web-9").unwrap_err();
        assert_eq!(known.code(), unknown.code());
        assert_eq!(known.sentence().replace("web-1", "web-9"), unknown.sentence());
        assert_eq!((known.next(), unknown.next()), (None, None));
    }
}

#[test]
fn nothing_is_suggested_that_nobody_could_approve() {
    let mut world = World::new();
    world.policy.remove_user(&"carol".parse().unwrap());
    assert_eq!(world.ssh("alice", "root@db-box").unwrap_err().next(), None);
    world.user("alice", &["dev", "security"]);
    assert_eq!(
        world.ssh("alice", "root@db-box").unwrap_err().next(),
        None,
        "nobody approves their own"
    );
}

#[test]
fn a_second_factor_is_asked_for_where_a_role_that_counts_wants_it() {
    let mut world = World::new();
    world.user("olga", &["mfa"]);
    told(
        &world,
        "olga",
        "ops@web-1",
        expect![[r#"
        mfa_required: `ops@web-1` needs a second factor, and this login showed none
        next: tsh login
        approvers: 
        log: role `mfa`
    "#]],
    );
    let mut identity = identity("olga");
    identity.mfa = true;
    assert!(world.policy.decide(&identity, &ask("ops@web-1"), world.now).is_ok());
    assert_eq!(world.ssh("olga", "root@web-1").unwrap_err().code(), DenialCode::NoAccess);
}

#[test]
fn the_cluster_may_ask_everyone_for_a_second_factor() {
    let mut world = World::new();
    let mut identity = identity("dave");
    let mut decide = |require_session_mfa, mfa| {
        world.policy.put_settings(Settings { require_session_mfa, ..Settings::default() });
        identity.mfa = mfa;
        world.policy.decide(&identity, &ask("root@lab"), world.now).map(|_| ())
    };
    assert_eq!(decide(RequireMfa::Off, false), Ok(()));
    let denial = decide(RequireMfa::Session, false).unwrap_err();
    assert_eq!(
        (denial.code(), denial.detail()),
        (DenialCode::MfaRequired, "the cluster demands it")
    );
    assert_eq!(decide(RequireMfa::Session, true), Ok(()));
}

#[test]
fn a_code_from_an_app_is_no_key_held_in_hardware() {
    let mut world = World::new();
    let spec = RoleSpec {
        name: "vault".to_owned(),
        options: RoleOptions {
            require_session_mfa: Some(RequireMfa::HardwareKey),
            ..RoleOptions::default()
        },
        allow: ConditionsSpec {
            logins: vec!["ops".to_owned()],
            node_labels: [("env".to_owned(), vec!["prod".to_owned()])].into(),
            ..ConditionsSpec::default()
        },
        ..RoleSpec::default()
    };
    let (role, warnings) = Role::new(spec).unwrap();
    assert_eq!(warnings[0].path, "spec.options.require_session_mfa");
    world.policy.put_role(role);
    world.user("olga", &["vault"]);
    let mut identity = identity("olga");
    identity.mfa = true;
    let denial = world.policy.decide(&identity, &ask("ops@web-1"), world.now).unwrap_err();
    assert_eq!((denial.code(), denial.next()), (DenialCode::MfaRequired, None));
    assert_eq!(denial.detail(), "role `vault`");
}

#[test]
fn a_certificate_that_has_run_out_opens_nothing_new() {
    let world = World::new();
    let mut identity = identity("dave");
    let permit = world.policy.decide(&identity, &ask("root@lab"), world.now).unwrap();
    let later = identity.expires;
    let denial = world.policy.decide(&identity, &ask("root@lab"), later).unwrap_err();
    assert_eq!((denial.code(), denial.next()), (DenialCode::LoginRequired, Some(&NextStep::Login)));
    assert!(
        world.policy.renew(permit.identity(), permit.ask(), None, later).is_ok(),
        "what runs may run on"
    );
    identity.expires = world.after(1);
    assert!(world.policy.decide(&identity, &ask("root@lab"), world.now).is_ok());
}

#[test]
fn a_role_may_end_sessions_with_the_certificate() {
    let mut world = World::new();
    world.role("strict", "{options: {disconnect_expired_cert: yes}, allow: {logins: [root], node_labels: {'*': '*'}}}");
    world.user("dave", &["strict"]);
    let permit = world.ssh("dave", "root@lab").unwrap();
    assert_eq!(permit.until(), Some(identity("dave").expires));
    let denial = world
        .policy
        .renew(permit.identity(), permit.ask(), None, identity("dave").expires)
        .unwrap_err();
    assert_eq!(denial.code(), DenialCode::LoginRequired);
}

#[test]
fn a_disabled_or_removed_user_gets_in_nowhere() {
    let mut world = World::new();
    let permit = world.ssh("dave", "root@lab").unwrap();
    let mut dave =
        access::identity::User::clone(world.policy.user(&"dave".parse().unwrap()).unwrap());
    dave.disabled = true;
    world.policy.put_user(dave);
    assert_eq!(world.ssh("dave", "root@lab").unwrap_err().code(), DenialCode::AccountClosed);
    world.policy.remove_user(&"dave".parse().unwrap());
    assert_eq!(world.ssh("dave", "root@lab").unwrap_err().code(), DenialCode::AccountClosed);
    assert!(world.policy.renew(permit.identity(), permit.ask(), None, world.now).is_err());
}

#[test]
fn a_role_that_wants_company_opens_no_door_alone() {
    let mut world = World::new();
    world.role(
        "watched",
        "allow: {logins: [root], node_labels: {'*': '*'}, require_session_join: [{filter: 'contains(user.roles, \"security\")', kinds: [ssh], count: 1, modes: ['*']}]}",
    );
    world.user("dave", &["watched"]);
    told(
        &world,
        "dave",
        "root@lab",
        expect![[r#"
            presence_required: lacking privileges to start unattended session: 1 more person must be present
            log: require_session_join of watched
        "#]],
    );
}
