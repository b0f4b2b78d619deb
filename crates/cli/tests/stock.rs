//! Stock OpenSSH reads our configuration and takes our socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use cli::home::Home;
use cli::profile::{KNOWN_HOSTS, Profile, SSH_CONFIG};
use cli::{keys, ssh_config};

/// A home of someone who is logged in to `proxy`, its name full of what shells and ssh stumble over.
fn home(dir: &Path, proxy: &str) -> Home {
    let home = Home::at(&dir.join("it's 100% home"));
    let profile = Profile {
        proxy: proxy.to_owned(),
        pin: String::new(),
        cluster: "example".to_owned(),
        user: "alice".to_owned(),
        login: String::new(),
        expires: Some(jiff::Timestamp::MAX),
        targets: [("db-box".to_owned(), vec!["root".to_owned()]), ("web-1".to_owned(), vec![])]
            .into(),
    };
    profile.save(&home).unwrap();
    let keys = keys::Keys::generate("alice").unwrap();
    home.write("id_ed25519", &keys.ssh_private).unwrap();
    home.write(KNOWN_HOSTS, &ssh_config::known_hosts(&[keys.ssh_public])).unwrap();
    home.write(
        SSH_CONFIG,
        &ssh_config::text(&profile, &home, Path::new(env!("CARGO_BIN_EXE_tsh"))),
    )
    .unwrap();
    home
}

fn ssh(home: &Home, words: &[&str]) -> Output {
    Command::new("ssh")
        .arg("-F")
        .arg(home.file(SSH_CONFIG))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("OpenSSH's client is installed")
}

#[test]
fn ssh_understands_every_line() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path(), "127.0.0.1:1");
    for (host, user) in
        [("db-box", Some("root")), ("db-box.example", Some("root")), ("web-1", None)]
    {
        let answer = ssh(&home, &["-G", host]);
        let text = String::from_utf8(answer.stdout).unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        for line in [
            "proxyusefdpass yes",
            "identitiesonly yes",
            "stricthostkeychecking true",
            "preferredauthentications keyboard-interactive,publickey",
            "ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{host}: `{line}` is missing in\n{text}"
            );
        }
        if let Some(user) = user {
            assert!(text.lines().any(|found| found == format!("user {user}")), "{text}");
        }
    }
}

#[test]
fn another_host_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path(), "127.0.0.1:1");
    let text = String::from_utf8(ssh(&home, &["-G", "github.com"]).stdout).unwrap();
    assert!(!text.contains("tsh") && !text.contains("proxycommand"), "{text}");
}

/// The routing line comes from `tsh`, the banner behind it from `ssh`, on one connection; `tsh` is gone by then.
#[test]
fn ssh_speaks_on_the_socket_it_was_handed() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = home(dir.path(), &listener.local_addr().unwrap().to_string());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut reader = BufReader::new(&stream);
        let (mut route, mut banner) = (String::new(), String::new());
        reader.read_line(&mut route).unwrap();
        reader.read_line(&mut banner).unwrap();
        (&stream).write_all(b"SSH-1.0-too-old\r\n").unwrap();
        (route, banner)
    });
    let answer = ssh(&home, &["-o", "BatchMode=yes", "db-box", "true"]);
    let (route, banner) = server.join().unwrap();
    assert_eq!(route, "countersign/1 ssh db-box\n");
    assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner}");
    let told = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(!answer.status.success() && told.contains("Protocol major versions differ"), "{told}");
}

#[test]
fn an_expired_login_is_told_through_ssh() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path(), "127.0.0.1:1");
    let mut profile = Profile::load(&home).unwrap().unwrap();
    profile.expires = Some(jiff::Timestamp::UNIX_EPOCH);
    profile.save(&home).unwrap();
    let told =
        String::from_utf8(ssh(&home, &["-o", "BatchMode=yes", "db-box", "true"]).stderr).unwrap();
    assert!(
        told.starts_with("error: your login has expired\nhint: log in with: tsh login --proxy 127.0.0.1:1 --user alice\n"),
        "{told}"
    );
}

#[test]
fn without_descriptor_passing_bytes_are_carried_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = home(dir.path(), &listener.local_addr().unwrap().to_string());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let mut lines = vec![String::new(), String::new(), String::new()];
        for line in &mut lines {
            reader.read_line(line).unwrap();
        }
        (&stream).write_all(b"answer").unwrap();
        lines
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_tsh"))
        .args(["proxy", "ssh", "--stdio", "web-1"])
        .env("TSH_HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"question\n").unwrap();
    let answer = child.wait_with_output().unwrap();
    // The end of standard input arrives as a half-close: the third line is its end.
    assert_eq!(server.join().unwrap(), ["countersign/1 ssh web-1\n", "question\n", ""]);
    assert_eq!((answer.stdout.as_slice(), answer.status.success()), (&b"answer"[..], true));
}

/// The words with which `tsh` starts the stock programs: here a script that prints them.
#[test]
fn tsh_ssh_becomes_the_stock_ssh() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path(), "127.0.0.1:1");
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["ssh", "scp"] {
        let path = bin.join(name);
        std::fs::write(&path, "#!/bin/sh\nshift 2\nwhile [ \"$1\" = -o ]; do shift 2; done\nprintf '[%s]' \"$@\"\nexit 7\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
    for (words, given) in [
        (&["ssh", "root@db-box", "echo a b", "c"][..], "[-l][root][--][db-box][echo a b][c]"),
        (&["ssh", "-l", "root", "new-box"], "[-l][root][--][new-box]"),
        (&["ssh", "db-box", "ls", "-l"], "[--][db-box][ls][-l]"),
        (&["ssh", "db-box", "--", "-L", "80:x:80", "-N"], "[-L][80:x:80][-N][--][db-box]"),
        (&["scp", "-r", "a", "db-box:/b"], "[-r][a][db-box:/b]"),
    ] {
        let told = Command::new(env!("CARGO_BIN_EXE_tsh"))
            .args(words)
            .env("TSH_HOME", home.path())
            .env("PATH", format!("{}:/bin:/usr/bin", bin.display()))
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&told.stdout),
            given,
            "{words:?}: {}",
            String::from_utf8_lossy(&told.stderr)
        );
        assert_eq!(told.status.code(), Some(7), "the exit code is that of the program");
    }
    let told = Command::new(env!("CARGO_BIN_EXE_tsh"))
        .args(["ssh", "--", "-oProxyCommand=evil"])
        .env("TSH_HOME", home.path())
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2), "no target can be an option");
}
