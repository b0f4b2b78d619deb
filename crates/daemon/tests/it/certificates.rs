//! Certificates that do not hold: run out, not begun, by another house, of a closed account, of a login that was ended.
//! At every way in: plain `ssh` through `tsh proxy ssh`, without `tsh`, through a jump, and the API.

use crate::house::{House, Ran, run};
use crate::inside::Inside;
use crate::sshd::Sshd;
use jiff::SignedDuration;
use std::path::PathBuf;
use std::process::Command;

/// `ssh`'s own status, when nobody let it in.
const NOT_AUTHENTICATED: i32 = 255;
/// The status of a denial.
const DENIED: i32 = 77;
/// `tsh`, when nobody is logged in.
const NOT_LOGGED_IN: i32 = 6;

/// Someone at the doors of a house with a certificate, which may be of another.
struct Bearer<'h> {
    house: &'h House,
    user: &'h str,
    /// Where `tsh` keeps the keys and certificates.
    keys: PathBuf,
}

impl<'h> Bearer<'h> {
    fn at(house: &'h House, user: &'h str) -> Self {
        Self { house, user, keys: house.home(user).join(".tsh") }
    }

    fn file(&self, name: &str) -> String {
        self.keys.join(name).display().to_string()
    }

    /// The options of an `ssh` that never heard of `tsh`.
    fn plain(&self) -> Vec<String> {
        let (key, certificate) = (self.file("id_ed25519"), self.file("id_ed25519-cert.pub"));
        let mut args: Vec<String> = ["-F", "none", "-i", &key].map(str::to_owned).into();
        for option in [
            format!("CertificateFile={certificate}"),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=no".to_owned(),
            "UserKnownHostsFile=/dev/null".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ] {
            args.extend(["-o".to_owned(), option]);
        }
        args
    }

    fn ssh(&self) -> Command {
        let mut ssh = Command::new("ssh");
        self.house.environment(&mut ssh, self.user);
        ssh.args(self.plain());
        ssh
    }

    /// The target in the user's name.
    fn named(&self) -> Ran {
        let port = self.house.listen.port().to_string();
        let login = format!("{}@db-box", House::login());
        run(self.ssh().args(["-p", &port, "-l", &login, "127.0.0.1", "echo in"]), "")
    }

    /// `ssh -J`, with the same certificate on both legs.
    fn jumping(&self) -> Ran {
        let port = self.house.listen.port();
        let outer = self.plain().join(" ");
        let jump =
            format!("ProxyCommand=ssh {outer} -p {port} -l {} -W %h:%p 127.0.0.1", self.user);
        run(self.ssh().args(["-o", &jump, "-l", &House::login(), "db-box", "echo in"]), "")
    }

    /// The API, with the certificate and no `tsh` that looks at it first: status and body.
    fn api(&self) -> (String, serde_json::Value) {
        let url = format!("https://{}/v1/reach", self.house.listen);
        let (key, certificate) = (self.file("identity.key"), self.file("identity.crt"));
        let mut curl = Command::new("curl");
        self.house.environment(&mut curl, self.user);
        curl.args(["-sSk", "--max-time", "30", "-w", "\n%{http_code}"]);
        let answer = run(curl.args(["--cert", &certificate, "--key", &key, &url]), "").ok();
        let (body, status) = answer.out.rsplit_once('\n').unwrap();
        (status.to_owned(), serde_json::from_str(body).unwrap())
    }

    /// Says no at every door in these words.
    fn is_told(&self, sentence: &str, hint: Option<&str>) {
        let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        let mut letters = sentence.chars();
        let first = letters.next().unwrap().to_uppercase();
        let wanted = format!("Access denied\n{first}{}.\n{hint}", letters.as_str());
        let proxied = run(self.house.ssh(self.user).args(["db-box", "echo in"]), "");
        for ssh in [proxied, self.named(), self.jumping()] {
            assert_eq!(ssh.err.replace('\r', ""), wanted, "{ssh:?}");
            assert_eq!((ssh.status, ssh.out.as_str()), (DENIED, ""), "{ssh:?}");
        }
        let (status, problem) = self.api();
        assert_eq!((status.as_str(), &problem["detail"]), ("401", &sentence.into()));
        let tsh = self.house.tsh(self.user, &["ls"]);
        assert_eq!(tsh.err, format!("error: {sentence}\n{hint}"));
        assert_eq!(tsh.status, NOT_LOGGED_IN, "{tsh:?}");
    }
}

#[test]
fn whose_certificate_has_the_wrong_time_is_told_so_at_every_door_and_opens_nothing() {
    let inside = Inside::open();
    let house = &inside.house;
    house.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(house, "db-box", "service=database");
    let dave = Bearer::at(house, "dave");
    // Every way is a way in, while the certificate holds.
    for ssh in
        [run(house.ssh("dave").args(["db-box", "echo in"]), ""), dave.named(), dave.jumping()]
    {
        assert_eq!((ssh.status, ssh.out.as_str()), (0, "in\n"), "{ssh:?}");
    }
    assert_eq!(dave.api().0, "200");

    // A login lasts 12 hours; by the clock of `tsh` and `ssh` it still does.
    inside.step(SignedDuration::from_hours(14));
    dave.is_told("your login ended 2 h ago", Some("tsh login"));
    // Forwarding and jumping on are no ways around it.
    let port = house.listen.port().to_string();
    let forward = ["-p", &port, "-l", "dave", "-W", "db-box:22", "127.0.0.1"];
    let bytes = run(dave.ssh().args(forward), "");
    assert!(!bytes.out.contains("OpenSSH"), "{bytes:?}");
    let refused =
        house.tctl(&["audit", "ls", "--code", "session.refused", "--format", "json"]).ok();
    assert!(refused.out.contains("login_required"), "{}", refused.out);

    // Set back to before the login.
    inside.step(SignedDuration::from_hours(-17));
    dave.is_told("your login begins only in 2 h, by the clock here", Some("tsh login"));
    inside.step(SignedDuration::from_hours(3));
    assert_eq!(dave.named().out, "in\n");
    let started =
        house.tctl(&["audit", "ls", "--code", "session.started", "--format", "json"]).ok();
    let started: serde_json::Value = serde_json::from_str(&started.out).unwrap();
    assert_eq!(started.as_array().unwrap().len(), 4, "{started:#}");
}

#[test]
fn a_certificate_of_another_house_is_worth_no_word() {
    let (house, other) = (House::open(), House::open());
    house.people(&[("dave", "everything")]);
    other.people(&[("dave", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    let stranger = Bearer { keys: other.home("dave").join(".tsh"), ..Bearer::at(&house, "dave") };
    for ssh in [stranger.named(), stranger.jumping()] {
        assert_eq!((ssh.status, ssh.out.as_str()), (NOT_AUTHENTICATED, ""), "{ssh:?}");
        assert!(ssh.err.contains("Permission denied"), "{ssh:?}");
        assert!(!ssh.err.contains("Access denied") && !ssh.err.contains("login ended"), "{ssh:?}");
    }
    let (status, problem) = stranger.api();
    assert_eq!(
        (status.as_str(), problem["detail"].as_str()),
        ("401", Some("you are not logged in"))
    );
    // What was taken for an attempt of dave's would lock him out, or blame him.
    let events = house.tctl(&["audit", "ls", "--code", "session.refused", "--format", "json"]).ok();
    assert!(!events.out.contains("dave"), "{}", events.out);
    assert_eq!(Bearer::at(&house, "dave").named().out, "in\n");
}

#[test]
fn a_closed_account_and_an_ended_login_are_told_apart_from_each_other() {
    let house = House::open();
    house.people(&[("dave", "everything"), ("erin", "everything"), ("frank", "everything")]);
    let _sshd = Sshd::start(&house, "db-box", "service=database");
    for user in ["dave", "erin", "frank"] {
        run(house.ssh(user).args(["db-box", "true"]), "").ok();
    }

    // Disabled.
    let dave: serde_json::Value =
        serde_json::from_str(&house.tctl(&["get", "user/dave", "--format", "json"]).ok().out)
            .unwrap();
    let mut document = dave.as_array().map_or(dave.clone(), |all| all[0].clone());
    document["spec"]["disabled"] = true.into();
    house.tctl_with(&["create", "--force", "-f", "-"], &document.to_string()).ok();
    Bearer::at(&house, "dave").is_told("this account is closed", None);

    // The login ended elsewhere, while a copy of its keys is still about.
    let erin = Bearer::at(&house, "erin");
    let profile = std::fs::read_to_string(erin.keys.join("profile.json")).unwrap();
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    let login = profile["login"].as_str().unwrap();
    house.tctl(&["lock", "--login-session", login, "--message", "laptop lost"]).ok();
    let sentence = format!("lock targeting LoginSession:\"{login}\" is in force: laptop lost");
    erin.is_told(&sentence, Some("tsh login"));

    // Removed altogether: his logins ended with him.
    house.tctl(&["users", "rm", "frank"]).ok();
    Bearer::at(&house, "frank").is_told("this account is closed", None);
}
