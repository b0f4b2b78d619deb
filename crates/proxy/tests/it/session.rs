//! What people do all day: commands, exit codes, signals, input and output.

use crate::stand::{Stand, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_on_the_target_and_its_status_comes_back() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.ssh(&["db-box", "echo out; echo err >&2; exit 7"]).await;
    assert_eq!((text(&out.stdout), text(&out.stderr), out.status.code()), ("out\n".into(), "err\n".into(), Some(7)));
}
