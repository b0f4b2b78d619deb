//! Drivers and tools at work.

use crate::stand::{Stand, text};

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_runs_in_every_mode() {
    let stand = Stand::open().await;
    let alice = stand.client("alice", &["dba"]).await;
    let here = alice.here();
    let made = alice.run("pgbench", &["-i", "-q", "-s", "1", &here], b"").await;
    assert!(made.status.success(), "{}", text(&made.stderr));
    for mode in ["simple", "extended", "prepared"] {
        let args = ["-n", "-c", "4", "-j", "2", "-t", "50", "-M", mode, &here];
        let out = alice.run("pgbench", &args, b"").await;
        let said = text(&out.stdout);
        assert!(out.status.success(), "{mode}: {}", text(&out.stderr));
        assert!(said.contains("number of transactions actually processed: 200/200"), "{said}");
        assert!(said.contains("number of failed transactions: 0 "), "{said}");
    }
    let pipeline = "\\startpipeline\nselect 1;\nselect 2;\nselect 3;\n\\endpipeline\n";
    let script = alice.file("pipeline.sql");
    std::fs::write(&script, pipeline).unwrap();
    let args = ["-n", "-c", "2", "-t", "50", "-M", "prepared", "-f", &script, &here];
    let out = alice.run("pgbench", &args, b"").await;
    assert!(text(&out.stdout).contains("100/100"), "{}", text(&out.stderr));
}
