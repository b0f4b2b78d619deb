//! The `mariadb` client.

use crate::stand::{Stand, printed, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mariadb_client_asks_and_is_answered() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    assert_eq!(printed(&alice.sql("select 1").await), "1");
    assert_eq!(printed(&alice.sql("select current_user(), database()").await), "app@%\torders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_come_in_is_told_what_to_do() {
    let stand = Stand::open().await;
    let bob = stand.client("bob", &[]).await;
    let out = bob.sql("select 1").await;
    assert!(text(&out.stderr).starts_with("ERROR 1045 (28000): Access denied\n"), "{out:?}");
}
