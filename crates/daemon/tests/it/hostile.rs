//! What the daemon says when it cannot start, and what strangers cannot do to it.

use crate::house::{House, run};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_port_in_use_is_named() {
    let house = House::build();
    let _taken = TcpListener::bind(house.listen).unwrap();
    let told = run(&mut house.command(), "");
    assert_eq!(told.status, 1);
    assert!(
        told.err.contains(&house.listen.to_string()) && told.err.contains("in use"),
        "{}",
        told.err
    );
}

#[test]
fn a_port_that_the_kernel_chose_is_told_and_answers() {
    let mut house = House::build();
    let any = "127.0.0.1:0".parse().unwrap();
    (house.listen, house.diag, house.mysql) = (any, any, any);
    house.start();
    let greeting = house.daemon.as_ref().unwrap().greeting.clone();
    let after = |word: &str| {
        let mut words = greeting.split_whitespace().skip_while(|one| *one != word);
        words.nth(1).unwrap().parse::<std::net::SocketAddr>().unwrap()
    };
    for word in ["on", "diag", "mysql", "--proxy"] {
        assert_ne!(after(word).port(), 0, "{greeting}");
        TcpStream::connect(after(word)).unwrap();
    }
    assert_eq!(after("on"), after("--proxy"), "{greeting}");
    // Links and the log-in lines lead there.
    let added = house.tctl(&["users", "add", "alice", "--logins", "root"]).ok();
    assert!(added.out.contains(&format!("https://{}/", after("on"))), "{added:?}");
}

#[test]
fn a_data_directory_that_others_can_read_is_refused_with_the_cure() {
    let house = House::build();
    std::fs::create_dir_all(house.data()).unwrap();
    std::fs::set_permissions(house.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = run(&mut house.command(), "");
    assert_eq!(told.status, 1);
    assert!(told.err.contains("chmod 0700"), "{}", told.err);
}

#[test]
fn a_second_daemon_on_the_same_directory_is_refused() {
    let house = House::open();
    let told = run(&mut house.command(), "");
    assert_eq!(told.status, 1);
    assert!(told.err.contains("another daemon"), "{}", told.err);
}

#[test]
fn the_wrong_seal_key_is_told_apart_from_damage() {
    let mut house = House::open();
    house.stop();
    std::fs::write(house.data().join("seal.key"), format!("{}\n", "ab".repeat(32))).unwrap();
    let told = run(&mut house.command(), "");
    assert_eq!(told.status, 1);
    assert!(told.err.contains("seal key"), "{}", told.err);
}

#[test]
fn every_problem_of_the_configuration_is_told_before_a_socket_opens() {
    let house = House::build();
    let file = house.dir.path().join("bad.yaml");
    std::fs::write(&file, "listen: nowhere\ntelemetry: true\n").unwrap();
    let told = run(house.command().arg("--config").arg(&file), "");
    assert_eq!(told.status, 2);
    assert!(told.err.contains("line 2: telemetry: unknown key"), "{}", told.err);
    assert!(!house.data().exists());
}

#[test]
fn strangers_bytes_harm_nobody() {
    let house = House::open();
    let inputs: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"SSH-2.0-x\r\n\0\0\0\x0c".to_vec(),
        b"SSH-".repeat(100_000),
        b"countersign/1 ssh \n".to_vec(),
        [b"countersign/1 ssh ".as_slice(), &[b'a'; 4096], b"\n"].concat(),
        b"countersign/9 ssh db\n".to_vec(),
        vec![0x16, 3, 1, 0xff, 0xff],
        vec![0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f],
        (0..=255).cycle().take(100_000).collect(),
        Vec::new(),
    ];
    for input in &inputs {
        let mut stranger = TcpStream::connect(house.listen).unwrap();
        // The far side may have had enough before we have said it all.
        let _ = stranger.write_all(input);
        let _ = stranger.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stranger.read_to_end(&mut answer);
    }
    house.tctl(&["status"]).ok();
}

#[test]
fn thousands_of_silent_connections_leave_room_for_users() {
    let house = House::open();
    // From several loopback addresses, as many as one address may have and more.
    let mut silent = Vec::new();
    for _ in 0..1500 {
        match TcpStream::connect(house.listen) {
            Ok(stream) => silent.push(stream),
            Err(_) => break,
        }
    }
    assert!(silent.len() > 1000);
    let told = run(house.program("tctl", "root").arg("status"), "");
    assert_eq!(told.status, 0, "{told:?}");
    drop(silent);
    house.people(&[("alice", "engineer")]);
}
