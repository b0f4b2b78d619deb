//! The policy follows the store.

use access::ask::Ask;
use access::identity::{Identity, User};
use access::name::{LoginId, UserName};
use api::document::Kind;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::documents::{self, DocumentError};
use store::{Absent, Commit, Store};

use crate::house::House;

fn user(name: &str, roles: &[&str]) -> Value {
    json!({"kind": "user", "version": "v1", "metadata": {"name": name}, "spec": {"roles": roles}})
}

fn roles_of(store: &Store, name: &str) -> Option<Vec<String>> {
    let name: UserName = name.parse().unwrap();
    let roles = |user: &User| user.roles.iter().map(ToString::to_string).collect();
    store.policy().read(|policy| policy.user(&name).map(|user| roles(user)))
}

#[tokio::test]
async fn who_wrote_decides_by_what_was_written_also_after_a_restart() {
    let house = House::new();
    let store = house.open().await;
    let commit = documents::put(Kind::User, "alice", &user("alice", &["dba"]), Absent).unwrap();
    let first = store.commit(commit).await.unwrap();
    store.policy().at_least(first).await;
    assert_eq!(roles_of(&store, "alice"), Some(vec!["dba".into()]));
    let commit = documents::put(Kind::User, "alice", &user("alice", &["ops"]), first).unwrap();
    let second = store.commit(commit).await.unwrap();
    store.policy().at_least(second).await;
    assert_eq!(roles_of(&store, "alice"), Some(vec!["ops".into()]));
    store.close().await.unwrap();

    let store = house.open().await;
    assert_eq!(roles_of(&store, "alice"), Some(vec!["ops".into()]));
    let gone = store.commit(documents::remove(Kind::User, "alice", second)).await.unwrap();
    store.policy().at_least(gone).await;
    assert_eq!(roles_of(&store, "alice"), None);
    store.close().await.unwrap();
}

#[tokio::test]
async fn commits_that_change_no_policy_wake_nobody() {
    let house = House::new();
    let store = house.open().await;
    let mut changed = store.policy().changed();
    changed.mark_unchanged();
    let revision = store.commit(Commit::new().put("/session/1", "x")).await.unwrap();
    store.policy().at_least(revision).await;
    assert!(!changed.has_changed().unwrap());
    let commit = documents::put(Kind::User, "bob", &user("bob", &[]), Absent).unwrap();
    let revision = store.commit(commit).await.unwrap();
    store.policy().at_least(revision).await;
    assert!(changed.has_changed().unwrap());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_document_the_policy_cannot_read_does_not_get_in() {
    let error = documents::put(Kind::User, "alice", &user("../alice", &[]), Absent).unwrap_err();
    assert!(matches!(error, DocumentError::Unreadable(_)), "{error}");
    let error = documents::put(Kind::Lock, "l", &json!({"kind": "lock"}), Absent).unwrap_err();
    assert!(matches!(error, DocumentError::Unreadable(_)), "{error}");
}

#[tokio::test]
async fn a_lock_that_cannot_be_read_closes_the_house_until_it_can() {
    let house = House::new();
    let store = house.open().await;
    let commit = documents::put(Kind::User, "alice", &user("alice", &["dba"]), Absent).unwrap();
    let alice = store.commit(commit).await.unwrap();
    store.policy().at_least(alice).await;
    let broken = store.commit(Commit::new().put("/lock/broken", "{}")).await.unwrap();
    store.policy().at_least(broken).await;
    assert_eq!(roles_of(&store, "alice"), None);
    store.close().await.unwrap();

    let store = house.open().await;
    assert_eq!(roles_of(&store, "alice"), None);
    assert!(store.policy().fault().unwrap().contains("/lock/broken"));
    let mended = store.commit(Commit::new().delete("/lock/broken")).await.unwrap();
    store.policy().at_least(mended).await;
    assert_eq!(roles_of(&store, "alice"), Some(vec!["dba".into()]));
    assert_eq!(store.policy().fault(), None);
    store.close().await.unwrap();
}

#[tokio::test]
async fn taking_the_unreadable_lock_away_opens_the_house_again() {
    let house = House::new();
    let store = house.open().await;
    store
        .commit(documents::put(Kind::User, "alice", &user("alice", &["dba"]), Absent).unwrap())
        .await
        .unwrap();
    store.commit(Commit::new().put("/lock/broken", "{}")).await.unwrap();
    let mended = store.commit(Commit::new().delete("/lock/broken")).await.unwrap();
    store.policy().at_least(mended).await;
    assert_eq!(roles_of(&store, "alice"), Some(vec!["dba".into()]));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_role_as_it_is_kept_permits_what_it_says_and_no_longer_once_removed() {
    let house = House::new();
    let store = house.open().await;
    let role = json!({
        "kind": "role", "version": "v7", "metadata": {"name": "dba"},
        "spec": {"allow": {"logins": ["root"], "node_labels": {"env": "prod"}}},
    });
    let node = json!({
        "kind": "node", "version": "v1", "metadata": {"name": "db-box", "labels": {"env": "prod"}},
        "spec": {"addr": "127.0.0.1:22"},
    });
    store
        .commit(documents::put(Kind::User, "alice", &user("alice", &["dba"]), Absent).unwrap())
        .await
        .unwrap();
    store.commit(documents::put(Kind::Node, "db-box", &node, Absent).unwrap()).await.unwrap();
    let written =
        store.commit(documents::put(Kind::Role, "dba", &role, Absent).unwrap()).await.unwrap();
    store.policy().at_least(written).await;
    let now = house.hand.now();
    let identity = Identity {
        user: "alice".parse().unwrap(),
        login: LoginId::from_bits(1),
        expires: now + SignedDuration::from_hours(1),
        mfa: true,
        device: false,
    };
    let may = |login: &str| {
        let ask = Ask::ssh("db-box".parse().unwrap(), login.parse().unwrap());
        store.policy().read(|policy| policy.decide(&identity, &ask, now).is_ok())
    };
    assert!(may("root"));
    assert!(!may("postgres"));
    let gone = store.commit(documents::remove(Kind::Role, "dba", written)).await.unwrap();
    store.policy().at_least(gone).await;
    assert!(!may("root"));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_store_permits_nothing() {
    let house = House::new();
    let store = house.open().await;
    let alice = store
        .commit(documents::put(Kind::User, "alice", &user("alice", &["dba"]), Absent).unwrap());
    store.policy().at_least(alice.await.unwrap()).await;
    assert!(roles_of(&store, "alice").is_some());
    let mut changed = store.policy().changed();
    store.close().await.unwrap();
    while changed.changed().await.is_ok() {}
    assert_eq!(roles_of(&store, "alice"), None);
}

#[tokio::test]
async fn the_clusters_settings_are_followed_and_the_defaults_come_back() {
    let house = House::new();
    let store = house.open().await;
    let demanded = |store: &Store| {
        store.policy().read(|policy| policy.settings().require_session_mfa.is_required())
    };
    let spec = json!({"require_session_mfa": "session"});
    let document = json!({"kind": "cluster_settings", "version": "v1", "metadata": {"name": "cluster"}, "spec": spec});
    let commit = documents::put(Kind::ClusterSettings, "cluster", &document, Absent).unwrap();
    let mut changed = store.policy().changed();
    changed.mark_unchanged();
    let written = store.commit(commit).await.unwrap();
    store.policy().at_least(written).await;
    assert!(demanded(&store) && changed.has_changed().unwrap(), "running sessions are asked again");
    store.close().await.unwrap();

    let store = house.open().await;
    assert!(demanded(&store), "also after a restart");
    let gone = documents::remove(Kind::ClusterSettings, "cluster", written);
    let gone = store.commit(gone).await.unwrap();
    store.policy().at_least(gone).await;
    assert!(!demanded(&store));
    store.close().await.unwrap();
}
