//! Stopping: nothing that waits holds the daemon.

use crate::house::House;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What a service manager's patience is made of.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn clients_that_wait_for_events_do_not_hold_a_stopping_daemon() {
    let mut house = House::open();
    house.people(&[("alice", "engineer"), ("bob", "reviewer")]);
    let mut asking = house.program("tsh", "alice");
    asking.args(["request", "new", "--roles=dba", "--reason=later"]);
    let mut asking = asking.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(asking.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "Seeking request approval...\n");
    // And one who reads events on the administrators' socket for ever.
    let mut reader = UnixStream::connect(house.data().join("admin.sock")).unwrap();
    reader.write_all(b"GET /v1/events HTTP/1.1\r\nhost: admin\r\n\r\n").unwrap();
    let mut head = String::new();
    BufReader::new(&reader).read_line(&mut head).unwrap();
    assert_eq!(head, "HTTP/1.1 200 OK\r\n");

    let begun = Instant::now();
    assert_eq!(house.stop(), 0);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let _ = asking.kill();
    let _ = asking.wait();

    house.start();
    let pending = house.tctl(&["request", "ls"]).ok().out;
    assert!(pending.contains("PENDING"), "{pending}");
}
