//! Authorities are renewed while people work: what is open goes on, what is new works with hosts and servers that were
//! told of both generations, and what the old one signed is worth nothing once it is forgotten.

use crate::databases::servers::Postgres;
use crate::databases::{add, authority};
use crate::house::{House, Ran, run};
use crate::sshd::Sshd;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// `ssh`'s own status, when nobody let it in.
const NOT_AUTHENTICATED: i32 = 255;

fn rotate(house: &House, kind: &str, step: &str) {
    house.tctl(&["auth", "rotate", "--type", kind, "--step", step]).ok();
}

fn exported(house: &House, kind: &str) -> String {
    house.tctl(&["auth", "export", "--type", kind]).ok().out
}

/// Another identity of dave, as the authorities sign and know each other now, in a home of its own.
fn identity(house: &House, home: &'static str) -> &'static str {
    let out = house.home(home).join(".tsh").display().to_string();
    house.tctl(&["auth", "sign", "--user", "dave", "--ttl", "12h", "--out", &out]).ok();
    home
}

fn ssh(house: &House, home: &str) -> Ran {
    run(house.ssh(home).args(["db-box", "echo in"]), "")
}

#[track_caller]
fn is_in(told: &Ran) {
    assert_eq!((told.status, told.out.as_str()), (0, "in\n"), "{told:?}");
}

/// A session that answers as long as it lives.
struct Live {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Live {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output) }
    }

    #[track_caller]
    fn answers(&mut self, question: &str, answer: &str) {
        writeln!(self.input, "{question}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), answer);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_opens_hosts_is_renewed_under_a_running_session() {
    let house = House::open();
    house.people(&[("dave", "everything")]);
    let sshd = Sshd::start(&house, "db-box", "service=database");
    let mut live = Live::start(house.ssh("dave").args(["db-box", "cat"]));
    live.answers("before", "before");

    let old = exported(&house, "ssh-user");
    rotate(&house, "ssh-user", "begin");
    sshd.trust(&exported(&house, "ssh-user"));
    is_in(&ssh(&house, "dave"));
    rotate(&house, "ssh-user", "switch");
    is_in(&ssh(&house, "dave"));
    // The new one signs: a host that was not told of it lets nobody in, and dave learns whom to tell.
    sshd.trust(&old);
    let refused = ssh(&house, "dave");
    assert!(refused.err.contains("The target did not accept this login"), "{refused:?}");
    rotate(&house, "ssh-user", "finish");
    let new = exported(&house, "ssh-user");
    assert!(!old.is_empty() && !new.contains(old.trim()), "{new}");
    sshd.trust(&new);
    is_in(&ssh(&house, "dave"));
    live.answers("after", "after");
}

#[test]
fn what_proves_hosts_and_people_is_renewed_under_a_running_session() {
    let house = House::open();
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let mut live = Live::start(house.ssh("dave").args(["db-box", "cat"]));
    live.answers("before", "before");

    rotate(&house, "ssh-host", "begin");
    // Whoever logs in from now on knows both, and sees nothing of the switch.
    let knowing = identity(&house, "knowing");
    rotate(&house, "ssh-host", "switch");
    is_in(&ssh(&house, knowing));
    let _other = Sshd::start(&house, "new-box", "service=database");
    let to_new_box = |home| {
        // What `tsh config` printed before does not name it.
        let _ = std::fs::remove_file(house.home(home).join("ssh_config"));
        run(house.ssh(home).args(["new-box", "echo in"]), "")
    };
    is_in(&to_new_box(knowing));
    rotate(&house, "ssh-host", "finish");
    let refused = ssh(&house, knowing);
    assert!(refused.err.contains("The target did not prove that it is itself"), "{refused:?}");
    is_in(&to_new_box(knowing));

    rotate(&house, "ssh-identity", "begin");
    rotate(&house, "ssh-identity", "switch");
    let new = identity(&house, "new");
    is_in(&to_new_box(knowing));
    is_in(&to_new_box(new));
    rotate(&house, "ssh-identity", "finish");
    let refused = to_new_box(knowing);
    assert_eq!((refused.status, refused.out.as_str()), (NOT_AUTHENTICATED, ""), "{refused:?}");
    assert!(refused.err.contains("Permission denied"), "{refused:?}");
    is_in(&to_new_box(new));
    live.answers("after", "after");
}

/// `psql` of one of dave's identities.
fn psql(house: &House, home: &str) -> Command {
    let mut command = Command::new("psql");
    house.environment(&mut command, home);
    command
        .env("PGSERVICEFILE", house.home(home).join(".tsh/pg_service.conf"))
        .env("PGSERVICE", "orders")
        .args(["-XqAt", "-v", "ON_ERROR_STOP=1"]);
    command
}

fn select(house: &House, home: &str) -> Ran {
    run(psql(house, home).args(["-c", "select 'in'"]), "")
}

#[test]
fn the_authorities_of_databases_are_renewed_under_a_running_session() {
    let house = crate::databases::house();
    let server = Postgres::trusting(&authority(&house));
    add(&house, "postgres", &server.addr(), server.ca_pem());
    let login = |home| {
        let words = ["db", "login", "orders", "--db-user=app", "--db-name=orders"];
        house.tsh(home, &words).ok();
    };
    login("dave");
    let mut live = Live::start(&mut psql(&house, "dave"));
    live.answers("select 'before';", "before");

    let old = authority(&house);
    rotate(&house, "database", "begin");
    server.trust(&authority(&house));
    is_in(&select(&house, "dave"));
    rotate(&house, "database", "switch");
    is_in(&select(&house, "dave"));
    server.trust(&old);
    let refused = select(&house, "dave");
    assert!(refused.err.contains("did not accept"), "{refused:?}");
    rotate(&house, "database", "finish");
    server.trust(&authority(&house));
    is_in(&select(&house, "dave"));

    rotate(&house, "tls", "begin");
    let knowing = identity(&house, "knowing");
    login(knowing);
    rotate(&house, "tls", "switch");
    is_in(&select(&house, knowing));
    let new = identity(&house, "new");
    login(new);
    is_in(&select(&house, new));
    rotate(&house, "tls", "finish");
    let refused = select(&house, knowing);
    assert_ne!(refused.status, 0, "{refused:?}");
    assert!(refused.err.contains("FATAL") && refused.err.contains("tsh login"), "{refused:?}");
    is_in(&select(&house, new));
    live.answers("select 'after';", "after");
}
