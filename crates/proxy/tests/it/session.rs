//! What people do all day: commands, exit codes, signals, input and output, files.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::stand::{PATIENCE, Reserved, Stand, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_on_the_target_and_its_status_comes_back() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.ssh(&["db-box", "echo out; echo err >&2; exit 7"]).await;
    assert_eq!(
        (text(&out.stdout), text(&out.stderr), out.status.code()),
        ("out\n".into(), "err\n".into(), Some(7))
    );

    let commands = stand.events("ssh.command").await;
    assert_eq!(commands[0]["body"]["command"], "echo out; echo err >&2; exit 7");
    assert_eq!(commands[0]["user"], "dave");
    let started = stand.events("session.started").await;
    assert_eq!(started[0]["session"], commands[0]["session"]);
    assert_eq!(started[0]["target"], "db-box");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_killed_by_a_signal_is_told_as_one() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.ssh(&["db-box", "kill -TERM $$"]).await;
    // OpenSSH says 255 for an exit-signal, as it does without us between.
    assert_eq!(out.status.code(), Some(255));
}

#[tokio::test(flavor = "multi_thread")]
async fn input_ends_before_output_does_and_arrives_whole() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let input: Vec<u8> = (0..5_000_000u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
    let out = dave.run("ssh", &["db-box", "cat; echo done"], &input).await;
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(out.stdout.len(), input.len() + 5);
    assert!(out.stdout.starts_with(&input));
    assert!(out.stdout.ends_with(b"done\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn early_input_is_kept_in_order_while_the_target_is_being_reached() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.run("ssh", &["db-box", "read a; read b; echo $b $a"], b"one\ntwo\n").await;
    assert_eq!(text(&out.stdout), "two one\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_and_terminal_reach_the_program() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let mut command = dave.command("ssh");
    command.args([
        "-tt",
        "-o",
        "SendEnv=TEST_*",
        "db-box",
        "echo $TEST_WORD; stty size; test -t 0 && echo terminal",
    ]);
    let out = command.env("TEST_WORD", "hello").output().await.unwrap();
    let shown = text(&out.stdout);
    assert!(
        shown.contains("hello\r\n") && shown.contains("terminal\r\n"),
        "{shown:?} {:?}",
        text(&out.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_reads_its_script() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.run("ssh", &["-T", "db-box"], b"echo from the shell\nexit 3\n").await;
    assert_eq!((text(&out.stdout).contains("from the shell"), out.status.code()), (true, Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_by_sftp_and_by_the_old_scp_and_are_in_the_audit_log() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let (here, there, back) =
        (dave.home.join("here"), dave.home.join("there"), dave.home.join("back"));
    let content: Vec<u8> = (0..3_000_000u32).map(|n| u8::try_from(n % 253).unwrap()).collect();
    std::fs::write(&here, &content).unwrap();
    for old in [&["-q"][..], &["-q", "-O"]] {
        let _ = std::fs::remove_file(&there);
        let _ = std::fs::remove_file(&back);
        let far = format!("db-box:{}", there.display());
        let up = [old, &[here.to_str().unwrap(), &far]].concat();
        let out = dave.run("scp", &up, b"").await;
        assert!(out.status.success(), "{}", text(&out.stderr));
        let down = [old, &[&far, back.to_str().unwrap()]].concat();
        let out = dave.run("scp", &down, b"").await;
        assert!(out.status.success(), "{}", text(&out.stderr));
        assert_eq!(std::fs::read(&back).unwrap(), content);
    }
    let batch = format!("rename {t} {t}2\nrm {t}2\n", t = there.display());
    let out = dave.run("sftp", &["-b", "-", "db-box"], batch.as_bytes()).await;
    assert!(out.status.success(), "{}", text(&out.stderr));

    let path = there.display().to_string();
    let files = stand
        .events_until("ssh.file", |events| events.iter().any(|e| e["body"]["did"] == "remove"))
        .await;
    let told: Vec<_> = files
        .iter()
        .map(|e| (e["body"]["did"].as_str().unwrap(), e["body"]["path"].as_str().unwrap()))
        .collect();
    assert!(told.contains(&("open", &path)) && told.contains(&("rename", &path)), "{told:?}");
    let written = files.iter().find(|e| e["body"]["did"] == "close").unwrap();
    assert_eq!(written["body"]["written"], 3_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn rsync_and_git_work() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let from = dave.home.join("tree");
    std::fs::create_dir_all(from.join("sub")).unwrap();
    for n in 0..200 {
        std::fs::write(from.join(format!("sub/{n}")), vec![b'x'; n * 37]).unwrap();
    }
    let ssh = format!("ssh -F {}", dave.home.join("config").display());
    let to = dave.home.join("copy");
    let target = format!("db-box:{}", to.display());
    let source = format!("{}/", from.display());
    let out = dave.run("rsync", &["-a", "--partial", "-e", &ssh, &source, &target], b"").await;
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(std::fs::read(to.join("sub/199")).unwrap().len(), 199 * 37);

    let run = |args: &[&str]| {
        let mut git = dave.command("git");
        git.args(["-c", "user.name=d", "-c", "user.email=d@x", "-c", "init.defaultBranch=main"])
            .args(args);
        git.current_dir(&from).env("GIT_SSH_COMMAND", &ssh);
        async move { git.output().await.unwrap() }
    };
    assert!(run(&["init", "-q"]).await.status.success());
    assert!(run(&["add", "."]).await.status.success());
    assert!(run(&["commit", "-qm", "all"]).await.status.success());
    let clone = dave.home.join("clone");
    let out =
        run(&["clone", "-q", &format!("db-box:{}", from.display()), clone.to_str().unwrap()]).await;
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(clone.join("sub/7").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_exchanged_again_in_the_middle_of_a_transfer() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let input = vec![b'r'; 8_000_000];
    let out = dave.run("ssh", &["-o", "RekeyLimit=1M", "db-box", "cat"], &input).await;
    assert!(out.status.success() && out.stdout == input, "{}", text(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_programs_share_one_connection() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let control = format!("ControlPath={}", dave.home.join("mux").display());
    let mut master = dave.command("ssh");
    master.args(["-M", "-o", &control, "db-box", "echo up; cat"]).stdin(Stdio::piped());
    let mut master = master.spawn().unwrap();
    let mut lines = BufReader::new(master.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("up"));
    let runs = (0..30).map(|n| {
        let (dave, control) = (&dave, &control);
        async move {
            let out = dave
                .ssh(&[
                    "-o",
                    control,
                    "-o",
                    "ControlMaster=no",
                    "db-box",
                    &format!("echo {n}; exit {n}"),
                ])
                .await;
            assert_eq!(
                (text(&out.stdout), out.status.code()),
                (format!("{n}\n"), Some(n)),
                "{}",
                text(&out.stderr)
            );
        }
    });
    futures_util::future::join_all(runs).await;
    drop(master.stdin.take());
    assert!(tokio::time::timeout(PATIENCE, master.wait()).await.unwrap().unwrap().success());
    assert_eq!(stand.events("session.started").await.len(), 1);
    assert_eq!(stand.events("ssh.command").await.len(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_reaches_the_target_without_a_program_of_ours() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.ssh(&["-J", "dave@gw", "root@db-box-by-jump", "true"]).await;
    assert_eq!(out.status.code(), Some(77), "an unknown target: {}", text(&out.stderr));
    let jump = format!("ssh -F {} -W %h:%p dave@gw", dave.home.join("config").display());
    let proxy = format!("ProxyCommand={jump}");
    let input = vec![b'j'; 6_000_000];
    let args = ["-o", &proxy, "-o", "HostName=db-box", "db-box", "cat"];
    let out = dave.run("ssh", &args, &input).await;
    assert!(out.status.success() && out.stdout == input, "{}", text(&out.stderr));
    let out = dave.ssh(&["gw", "true"]).await;
    assert_eq!(out.status.code(), Some(77));
    assert!(text(&out.stderr).contains("This is a gateway."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_can_name_the_target_too() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let out = dave.ssh(&["-l", "root@db-box", "gw", "echo plain"]).await;
    assert_eq!(text(&out.stdout), "plain\n", "{}", text(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_program_stays_until_it_is_ended() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let reserved = Reserved::port();
    let port = reserved.number();
    let mut ssh = dave.command("ssh");
    let there = dave.home.join("socket");
    let listener = tokio::net::UnixListener::bind(&there).unwrap();
    ssh.args([
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-L",
        &format!("{port}:{}", there.display()),
        "db-box",
    ]);
    let mut ssh = ssh.spawn().unwrap();
    let mut stream = loop {
        match tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => break stream,
            Err(_) => assert!(ssh.try_wait().unwrap().is_none(), "ssh -N ended"),
        }
    };
    let (mut far, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut word = [0; 4];
    far.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"ping");
    assert!(ssh.try_wait().unwrap().is_none());
}
