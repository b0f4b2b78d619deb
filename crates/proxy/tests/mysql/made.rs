//! Database users that are made for their sessions.

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::servers::DATABASE;
use crate::stand::{Stand, printed, text};

async fn stand(mode: &str) -> Stand {
    let stand = Stand::open().await;
    stand.server.sql(
        DATABASE,
        "CREATE ROLE reader WITH ADMIN admin@'%'; GRANT SELECT ON orders.* TO reader; \
         CREATE ROLE writer WITH ADMIN admin@'%'; GRANT ALL ON orders.* TO writer; \
         CREATE TABLE t (n int)",
    );
    let role = |roles: &[&str]| {
        json!({
            "options": {"create_db_user_mode": mode},
            "allow": {"db_roles": roles, "db_names": ["*"], "db_labels": {"*": "*"}}
        })
    };
    stand.put("role", "reads", role(&["reader"])).await;
    stand.put("role", "writes", role(&["writer"])).await;
    stand
}

const ME: &[&str] = &["-u", "alice@orders", "-D", DATABASE, "--batch", "-N", "-e"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_lives_as_long_as_the_last_of_his_sessions() {
    let stand = stand("best_effort_drop").await;
    let alice = stand.client("alice", &["reads"]).await;
    let me = |sql| [ME, &[sql]].concat();
    let mut first =
        alice.command(&["-u", "alice@orders", "-D", DATABASE, "--batch", "-N", "--unbuffered"]);
    let mut first = first.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = first.stdin.take().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    let mut ask = async |sql: &str| {
        input.write_all(sql.as_bytes()).await.unwrap();
        lines.next_line().await.unwrap().expect("an answer")
    };
    assert_eq!(ask("select current_user();\n").await, "alice@%");

    let second = alice.run(&me("select count(*) from t")).await;
    assert_eq!(printed(&second), "0");
    let refused = alice.run(&me("insert into t values (1)")).await;
    assert!(text(&refused.stderr).contains("ERROR 1142 (42000)"), "{refused:?}");
    // Both of these have left, and he is still there: the first session can log in anew.
    stand.events_until("session.ended", |events| events.len() == 2).await;
    assert_eq!(stand.server.sql("mysql", "select count(*) from user where user = 'alice'"), "1");
    assert_eq!(ask("select 2;\n").await, "2");
    drop((input, lines));
    first.wait().await.unwrap();
    let closed = stand.events_until("db.user.closed", |events| !events.is_empty()).await;
    assert_eq!((closed.len(), &closed[0]["body"]["removed"]), (1, &json!(true)));
    let left = "select count(*) from user where user in ('alice', 'cs:alice')";
    assert_eq!(stand.server.sql("mysql", left), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_database_role_is_taken_away_is_cut() {
    let stand = stand("keep").await;
    let alice = stand.client("alice", &["reads", "writes"]).await;
    let waits = alice.command(&[ME, &["insert into t values (1); select sleep(1000)"]].concat());
    let waiting = { waits }.spawn().unwrap();
    stand.events_until("db.user.made", |events| !events.is_empty()).await;
    stand.put("user", "alice", json!({"roles": ["reads"]})).await;
    let out = waiting.wait_with_output().await.unwrap();
    assert!(!out.status.success() && text(&out.stderr).contains("has become less"), "{out:?}");
    // He is kept, and can do nothing until he comes again, with what is left to him.
    stand.events_until("db.user.closed", |events| !events.is_empty()).await;
    let held = "select group_concat(role) from roles_mapping where user = 'cs:alice'";
    assert_eq!(stand.server.sql("mysql", held), "NULL");
    let again = alice.run(&[ME, &["select count(*) from t"]].concat()).await;
    assert!(again.status.success(), "{again:?}");
    let refused = alice.run(&[ME, &["insert into t values (1)"]].concat()).await;
    assert!(text(&refused.stderr).contains("ERROR 1142 (42000)"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_user_of_the_same_name_is_left_alone() {
    let stand = stand("best_effort_drop").await;
    stand.server.sql("mysql", "CREATE USER alice@localhost IDENTIFIED BY 'hers'");
    let before = stand.server.sql("mysql", "show create user alice@localhost");
    let alice = stand.client("alice", &["reads"]).await;
    let out = alice.run(&[ME, &["select 1"]].concat()).await;
    assert!(text(&out.stderr).contains("was not made by this gateway"), "{out:?}");
    stand.events_until("session.ended", |events| !events.is_empty()).await;
    assert_eq!(stand.server.sql("mysql", "show create user alice@localhost"), before);
    assert_eq!(stand.server.sql("mysql", "select count(*) from user where user = 'alice'"), "1");
}
