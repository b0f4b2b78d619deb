//! Crowds of strangers, and strangers who stop halfway: people who are known notice nothing.

use crate::house::{House, run};
use crate::sshd::Sshd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connections of nobody.
const CROWD: usize = 10_000;
/// How many of them the house has room for, by default.
const SLOTS: usize = 4096;
/// Files the test itself needs beside them.
const SPARE: u64 = 500;
/// What a person would not notice. Generous: the machine is shared.
const NOTICED: Duration = Duration::from_secs(20);

/// Lets this process have a file for each of the crowd.
fn make_room() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let wanted = CROWD as u64 + SPARE;
    assert!(
        maximum.is_none_or(|files| files >= wanted),
        "this test takes {wanted} open files, and {maximum:?} is the most: raise `ulimit -Hn`"
    );
}

/// Their addresses: enough that each stays below its own bound, and together they take every slot.
const ADDRESSES: usize = 12;

/// The `n`th stranger.
fn stranger(listen: SocketAddr, n: usize) -> Option<TcpStream> {
    let from = SocketAddr::from(([127, 0, 1, u8::try_from(n % ADDRESSES + 1).unwrap()], 0));
    let kind = rustix::net::SocketType::STREAM;
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, kind, None).ok()?;
    rustix::net::bind(&socket, &from).ok()?;
    rustix::net::connect(&socket, &listen).ok()?;
    Some(socket.into())
}

/// Whether the house has not hung up.
fn is_open(mut stranger: &TcpStream) -> bool {
    stranger.set_nonblocking(true).unwrap();
    stranger.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn ten_thousand_strangers_leave_people_alone() {
    make_room();
    let house = House::open();
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let mut live = house.ssh("dave");
    live.args(["db-box", "cat"]).stdin(std::process::Stdio::piped());
    let mut live = live.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (live.stdin.take().unwrap(), live.stdout.take().unwrap());
    let mut echo = |text: &[u8]| {
        input.write_all(text).unwrap();
        let mut back = vec![0; text.len()];
        output.read_exact(&mut back).unwrap();
        assert_eq!(back, text);
    };
    echo(b"before");
    let metrics = format!("http://{}/metrics", house.diag);
    let shown = run(std::process::Command::new("curl").args(["-sS", &metrics]), "").ok().out;
    assert!(shown.contains("\ncountersign_sessions 1\n"), "{shown}");
    assert!(shown.contains("\ncountersign_sessions_max 10000\n"), "{shown}");

    let mut crowd = Vec::with_capacity(CROWD);
    for n in 0..CROWD {
        crowd.extend(stranger(house.listen, n));
        if n % 2500 == 2499 {
            let begun = Instant::now();
            echo(b"meanwhile");
            house.tctl(&["status"]).ok();
            run(house.ssh("dave").args(["db-box", "true"]), "").ok();
            assert!(begun.elapsed() < NOTICED, "{n}: {:?}", begun.elapsed());
        }
    }
    assert_eq!(crowd.len(), CROWD, "nobody was kept waiting outside");
    // Each newcomer took the place of an older one of them.
    let still = crowd.iter().filter(|stranger| is_open(stranger)).count();
    assert!(still <= SLOTS, "{still} are still there");
    drop(crowd);
    echo(b"after");
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    let _ = live.kill();
    let _ = live.wait();
}

#[test]
fn handshakes_that_stop_halfway_are_ended_and_harm_nobody() {
    let house = House::open();
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let halves: [&[u8]; 4] = [
        // The beginning of a TLS record that promises more.
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        b"SSH-2.0-ha",
        b"countersign/1 ssh db-",
        // An SSH packet cut off; its door has a longer patience of its own.
        b"SSH-2.0-half\r\n\0\0\x04\x00\x08\x14",
    ];
    let mut open: Vec<TcpStream> = halves
        .iter()
        .cycle()
        .take(200)
        .map(|half| {
            let mut stream = TcpStream::connect(house.listen).unwrap();
            stream.write_all(half).unwrap();
            stream
        })
        .collect();
    run(house.ssh("dave").args(["db-box", "true"]), "").ok();
    house.tsh("dave", &["ls"]).ok();
    // Whoever has not said what they speak is shown the door within the time for it.
    for stream in open.drain(..halves.len() - 1) {
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let ended = std::io::copy(&mut &stream, &mut std::io::sink());
        let waits = ended.as_ref().err().map(std::io::Error::kind);
        assert_ne!(waits, Some(std::io::ErrorKind::WouldBlock), "{stream:?} is still open");
    }
}
