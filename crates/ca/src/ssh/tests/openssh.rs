//! Real OpenSSH reads, takes and refuses our certificates.
//!
//! `sshd -i` serves one connection on its standard input, so `ssh` reaches it as a ProxyCommand:
//! no port, no waiting.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use expect_test::expect;
use jiff::Timestamp;
use russh::keys::ssh_key::{
    LineEnding,
    certificate::{Builder, CertType},
};

use super::{alice, hours, key, now, upstream};
use crate::{Allowed, Authorities, Authority, Step, UpstreamPlan, ssh::keys::Certificate};

/// OpenSSH looks at the machine's clock, so these tests must too.
fn today() -> Timestamp {
    let since = std::fs::metadata("/proc/self").unwrap().modified().unwrap();
    Timestamp::try_from(since).unwrap()
}

fn account() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A directory with an sshd that trusts `trusted` and a client key.
struct Target {
    dir: tempfile::TempDir,
    account: String,
}

impl Target {
    fn trusting(house: &Authorities, trusted: &str) -> Self {
        let sshd = Path::new("/usr/sbin/sshd");
        assert!(sshd.exists(), "this test needs a real sshd: apt-get install openssh-server");
        // Where sshd separates its privileges; missing where no sshd was ever started.
        let _ = fs::create_dir_all("/run/sshd");
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).unwrap();
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
        };
        let host = house.host_key();
        write("host", &host.to_openssh(LineEnding::LF).unwrap());
        let certificate =
            house.sign_host(&["db-box"], host.public_key(), today() + hours(1), today()).unwrap();
        write("host-cert.pub", &certificate.to_openssh().unwrap());
        write("ca", trusted);
        write("known", &house.known_hosts("*").unwrap());
        write("id", &key(7).to_openssh(LineEnding::LF).unwrap());
        let at = dir.path().display();
        write(
            "sshd_config",
            &format!(
                "HostKey {at}/host\nHostCertificate {at}/host-cert.pub\nTrustedUserCAKeys {at}/ca\n\
                 AuthorizedKeysFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin yes\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\n"
            ),
        );
        Self { dir, account: account() }
    }

    /// Logs in with `certificate` and runs `echo in`; stderr holds the words of both sides.
    fn try_with(&self, certificate: &Certificate) -> Output {
        self.run(certificate, &["-T"], "echo in")
    }

    fn run(&self, certificate: &Certificate, flags: &[&str], command: &str) -> Output {
        let at = self.dir.path().display();
        let line = Authorities::certificate_line(certificate).unwrap();
        fs::write(self.dir.path().join("id-cert.pub"), line).unwrap();
        Command::new("ssh")
            .args(["-F", "none"])
            .args(flags)
            .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"])
            .args(["-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", &format!("UserKnownHostsFile={at}/known")])
            .args(["-o", "GlobalKnownHostsFile=none"])
            .args(["-o", &format!("ProxyCommand=/usr/sbin/sshd -i -e -f {at}/sshd_config")])
            .args(["-i", &format!("{at}/id"), &format!("{}@db-box", self.account), command])
            .output()
            .unwrap()
    }

    fn lets_in(&self, certificate: &Certificate) -> bool {
        self.try_with(certificate).stdout == b"in\n"
    }

    fn plan(&self) -> UpstreamPlan {
        UpstreamPlan { login: self.account.parse().unwrap(), ..upstream(None) }
    }
}

#[test]
fn sshd_takes_our_upstream_certificate_and_logs_whose_session_it_is() {
    let house = Authorities::generate("demo", today()).unwrap();
    let target = Target::trusting(&house, &house.trusted_user_ca_keys().unwrap());
    let certificate =
        house.sign_upstream_ssh(&target.plan(), key(7).public_key(), today()).unwrap();
    let output = target.try_with(&certificate);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"in\n", "{log}");
    assert!(log.contains("ID countersign user=alice session=0123abcd-4567-89ab"), "{log}");
}

#[test]
fn sshd_takes_both_generations_while_a_rotation_is_under_way() {
    let house = Authorities::generate("demo", today()).unwrap();
    let sign = |house: &Authorities, target: &Target| {
        house.sign_upstream_ssh(&target.plan(), key(7).public_key(), today()).unwrap()
    };
    house.adopt(house.rotated(Authority::User, Step::Begin, today()).unwrap());
    let target = Target::trusting(&house, &house.trusted_user_ca_keys().unwrap());
    let old = sign(&house, &target);
    house.adopt(house.rotated(Authority::User, Step::Switch, today()).unwrap());
    let new = sign(&house, &target);
    assert_ne!(old.signature_key(), new.signature_key());
    assert!(target.lets_in(&old) && target.lets_in(&new));
    house.adopt(house.rotated(Authority::User, Step::Finish, today()).unwrap());
    let after = Target::trusting(&house, &house.trusted_user_ca_keys().unwrap());
    assert!(!after.lets_in(&old) && after.lets_in(&new));
}

#[test]
fn sshd_refuses_everything_else_of_ours() {
    let house = Authorities::generate("demo", today()).unwrap();
    let stranger = Authorities::generate("other", today()).unwrap();
    let target = Target::trusting(&house, &house.trusted_user_ca_keys().unwrap());
    let plan = target.plan();
    let key = key(7);
    let sign = |house: &Authorities, plan: &UpstreamPlan, at| {
        house.sign_upstream_ssh(plan, key.public_key(), at).unwrap()
    };
    assert!(target.lets_in(&sign(&house, &plan, today())));
    let other = UpstreamPlan { login: "nobody-here".parse().unwrap(), ..plan.clone() };
    let identity =
        house.sign_identity_ssh(&alice(today() + hours(1)), key.public_key(), today()).unwrap();
    let seconds = |at: Timestamp| u64::try_from(at.as_second()).unwrap();
    let (from, until) = (seconds(today() - hours(1)), seconds(today() + hours(1)));
    let mut odd =
        Builder::new([1u8; 16], key.public_key().key_data().clone(), from, until).unwrap();
    odd.valid_principal(target.account.as_str()).unwrap();
    odd.critical_option("unknown@example.com", "x").unwrap();
    let odd = odd.sign(house.ring().user.active.private()).unwrap();
    let mut host =
        Builder::new([1u8; 16], key.public_key().key_data().clone(), from, until).unwrap();
    host.valid_principal(target.account.as_str()).unwrap();
    host.cert_type(CertType::Host).unwrap();
    let host = host.sign(house.ring().user.active.private()).unwrap();
    for (why, certificate) in [
        ("another house's", sign(&stranger, &plan, today())),
        ("expired", sign(&house, &plan, today() - hours(1))),
        ("not yet valid", sign(&house, &plan, today() + hours(1))),
        ("for another login", sign(&house, &other, today())),
        ("an identity certificate", identity),
        ("with an unknown critical option", odd),
        ("a host's", host),
    ] {
        assert!(!target.lets_in(&certificate), "{why}");
    }
}

#[test]
fn an_identity_certificate_opens_nothing_even_where_its_authority_is_trusted_by_mistake() {
    let house = Authorities::generate("demo", today()).unwrap();
    let mistaken = house.ring().identity.active.line("mistake").unwrap();
    let target = Target::trusting(&house, &mistaken);
    let mut identity = alice(today() + hours(1));
    identity.user = target.account.parse().unwrap();
    let certificate = house.sign_identity_ssh(&identity, key(7).public_key(), today()).unwrap();
    assert!(!target.lets_in(&certificate));
}

#[test]
fn a_certificate_grants_only_what_the_plan_allows() {
    let house = Authorities::generate("demo", today()).unwrap();
    let target = Target::trusting(&house, &house.trusted_user_ca_keys().unwrap());
    let terminal = |allowed| {
        let plan = UpstreamPlan { allowed, ..target.plan() };
        let certificate = house.sign_upstream_ssh(&plan, key(7).public_key(), today()).unwrap();
        let output = target.run(&certificate, &["-tt"], "tty");
        String::from_utf8_lossy(&output.stdout).contains("/dev/pts/")
    };
    assert!(!terminal(Allowed::default()));
    assert!(terminal(Allowed { pty: true, ..Allowed::default() }));
}

#[test]
fn ssh_keygen_reads_an_identity_certificate_as_we_meant_it() {
    let house = Authorities::generate("demo", now()).unwrap();
    let certificate =
        house.sign_identity_ssh(&alice(now() + hours(12)), key(7).public_key(), now()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("id-cert.pub");
    fs::write(&path, Authorities::certificate_line(&certificate).unwrap()).unwrap();
    let output = Command::new("ssh-keygen")
        .args(["-L", "-f"])
        .arg(&path)
        .env("TZ", "UTC")
        .output()
        .expect("this test needs ssh-keygen: apt-get install openssh-client");
    let text = String::from_utf8(output.stdout).unwrap();
    // What differs from run to run: the file, the authority's key and the serial number.
    let shown: String = text
        .lines()
        .filter(|line| !["Signing CA", "Serial", "id-cert.pub"].iter().any(|it| line.contains(it)))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    expect![[r#"
        Type: ssh-ed25519-cert-v01@openssh.com user certificate
        Public key: ED25519-CERT SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE
        Key ID: "alice@example.com@01234567-89ab-cdef"
        Valid: from 2026-11-22T11:59:00 to 2026-11-23T00:00:00
        Principals:
        countersign-identity:alice@example.com
        Critical Options: (none)
        Extensions:
        countersign-login@countersign UNKNOWN OPTION: 0000001230313233343536372d383961622d63646566 (len 22)
        countersign-mfa@countersign UNKNOWN FLAG OPTION
    "#]].assert_eq(&shown);
}
