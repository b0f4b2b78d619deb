//! What may be said to a database.

use super::world::{World, identity};
use access::{
    ask::Ask,
    permit::Permit,
    role::options::{CreateDbUser, RecordMode, RecordValues},
    statement::{StatementClass, StatementClasses},
};

const ORDERS: &str = "allow: {db_labels: {tier: db}, db_users: [app], db_names: [shop]}";

fn permit(world: &World) -> Permit {
    let ask = Ask::db("orders".parse().unwrap(), "app", Some("shop"));
    world.policy.decide(&identity("ann"), &ask, world.now).unwrap()
}

fn may(permit: &Permit, class: StatementClass) -> bool {
    permit.terms().allow_statement(StatementClasses::of(class))
}

#[test]
fn a_role_that_says_nothing_allows_every_statement() {
    let mut world = World::new();
    world.role("reader", ORDERS);
    world.user("ann", &["reader"]);
    let permit = permit(&world);
    assert!(permit.terms().allow_every_statement());
    assert!(!permit.terms().is_read_only());
    assert_eq!(permit.options().record_db_values, RecordValues::Full);
}

#[test]
fn read_only_leaves_reading_and_nothing_unknown() {
    let mut world = World::new();
    world.role("reader", &format!("{{options: {{db_read_only: true}}, {ORDERS}}}"));
    world.user("ann", &["reader"]);
    let permit = permit(&world);
    for class in StatementClass::ALL {
        let reads = StatementClasses::READ_ONLY.contains(class);
        assert_eq!(may(&permit, class), reads, "{class}");
    }
    assert!(permit.terms().is_read_only());
    let both = StatementClasses::of(StatementClass::Read).with(StatementClass::Write);
    assert!(!permit.terms().allow_statement(both), "a select that also writes");
}

#[test]
fn a_grant_widens_what_a_standing_role_leaves() {
    let mut world = World::new();
    world.role("reader", &format!("{{options: {{db_read_only: true}}, {ORDERS}}}"));
    world.role("writer", &format!("{{options: {{db_deny_statements: [ddl, grant]}}, {ORDERS}}}"));
    world.user("ann", &["reader"]);
    world.grant(1, "ann", &["writer"], &[], 1);
    let permit = permit(&world);
    assert!(may(&permit, StatementClass::Write));
    assert!(!may(&permit, StatementClass::Ddl));
    assert!(!may(&permit, StatementClass::Unknown), "whoever denies anything denies the unknown");
}

#[test]
fn two_roles_are_not_added_up_within_one_statement() {
    let mut world = World::new();
    let deny = |classes: &str| format!("{{options: {{db_deny_statements: {classes}}}, {ORDERS}}}");
    world.role("no-ddl", &deny("[ddl]"));
    world.role("no-write", &deny("[write]"));
    world.user("ann", &["no-ddl", "no-write"]);
    let permit = permit(&world);
    assert!(may(&permit, StatementClass::Ddl) && may(&permit, StatementClass::Write));
    let both = StatementClasses::of(StatementClass::Ddl).with(StatementClass::Write);
    assert!(
        !permit.terms().allow_statement(both),
        "CREATE TABLE … AS needs one role for all of it"
    );
}

#[test]
fn the_least_revealing_recording_of_values_and_the_strictest_mode_win() {
    let mut world = World::new();
    let record = |what: &str| format!("{{options: {{record_session: {what}}}, {ORDERS}}}");
    world.role("a", &record("{db: best_effort, db_values: full}"));
    world.role("b", &record("{default: best_effort, db_values: masked}"));
    world.user("ann", &["a", "b"]);
    assert_eq!(permit(&world).options().record_db_values, RecordValues::Masked);
    assert_eq!(permit(&world).options().record, RecordMode::BestEffort);
    world.role("c", &record("{db: strict}"));
    world.user("ann", &["a", "b", "c"]);
    assert_eq!(permit(&world).options().record, RecordMode::Strict);
}

#[test]
fn a_user_is_made_for_the_session_by_the_roles_that_carry_it() {
    let mut world = World::new();
    let keep = "options: {create_db_user_mode: keep}";
    let on = "db_labels: {tier: db}, db_names: ['*']";
    world.role("maker", &format!("{{{keep}, allow: {{{on}, db_roles: [reporting, admin]}}}}"));
    world.role("no-admin", "deny: {db_roles: [admin]}");
    world.user("ann", &["maker", "no-admin"]);
    let ask = |user| Ask::db("orders".parse().unwrap(), user, Some("shop"));
    let decide = |ask| world.policy.decide(&identity("ann"), &ask, world.now);
    let made = decide(ask("ann")).unwrap().terms().db_provision.clone().unwrap();
    assert_eq!(made.mode, CreateDbUser::Keep);
    assert_eq!(made.roles, ["reporting".to_owned()].into());
    assert!(decide(ask("app")).is_err(), "nobody is anyone but themselves");
}
