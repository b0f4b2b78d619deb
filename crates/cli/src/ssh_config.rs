//! The `ssh_config` that lets stock `ssh`, `scp`, `rsync`, `git` and Ansible go through us.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::home::Home;
use crate::profile::{KNOWN_HOSTS, Profile, SSH_CERTIFICATE, SSH_CONFIG, SSH_KEY};

/// AES-GCM first: the proxy spends 0.4 as much CPU on it as on ChaCha20 wherever there is AES in hardware.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com";

/// Writes the configuration for `profile`; `program` is this `tsh`.
#[must_use]
pub fn text(profile: &Profile, home: &Home, program: &Path) -> String {
    let mut text = format!(
        "# Written by tsh for {} on {}; it is rewritten by `tsh login`, `tsh ls` and `tsh config`.\n",
        profile.user, profile.cluster
    );
    // One possible login is not worth a question; with more, ssh's own choice would be a guess.
    let mut by_login: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, logins) in profile.targets.iter().filter(|(name, _)| is_pattern_safe(name)) {
        if let [login] = logins.as_slice()
            && is_pattern_safe(login)
        {
            by_login.entry(login).or_default().push(name);
        }
    }
    let cluster = &profile.cluster;
    for (login, names) in by_login {
        let patterns: Vec<String> =
            names.iter().map(|name| format!("{name} {name}.{cluster}")).collect();
        let _written = write!(text, "\nHost {}\n    User {login}\n", patterns.join(" "));
    }
    let mut hosts: Vec<&str> =
        profile.targets.keys().map(String::as_str).filter(|name| is_pattern_safe(name)).collect();
    let everywhere = format!("*.{cluster}");
    hosts.push(&everywhere);
    let _written = write!(text, "\nHost {}\n{}", hosts.join(" "), options(home, program, "    "));
    text
}

/// The options of one `Host` block, each on a line behind `indent`.
#[must_use]
pub fn options(home: &Home, program: &Path, indent: &str) -> String {
    let file = |name: &str| quoted(&home.file(name));
    let lines = [
        format!("ProxyCommand {}", proxy_command(home, program)),
        "ProxyUseFdpass yes".to_owned(),
        // Asked first, the server may hold the line: ask for a reason, file the request, wait for its approval.
        "PreferredAuthentications keyboard-interactive,publickey".to_owned(),
        format!("IdentityFile {}", file(SSH_KEY)),
        format!("CertificateFile {}", file(SSH_CERTIFICATE)),
        "IdentitiesOnly yes".to_owned(),
        format!("UserKnownHostsFile {}", file(KNOWN_HOSTS)),
        "GlobalKnownHostsFile /dev/null".to_owned(),
        "StrictHostKeyChecking yes".to_owned(),
        "CheckHostIP no".to_owned(),
        "UpdateHostKeys no".to_owned(),
        format!("Ciphers {CIPHERS}"),
    ];
    lines.iter().fold(String::new(), |text, line| text + indent + line + "\n")
}

/// The command by which `ssh` reaches a target; a home other than `~/.tsh` is named in it.
fn proxy_command(home: &Home, program: &Path) -> String {
    let program = shell(&program.display().to_string()).replace('%', "%%");
    if home.is_ordinary() {
        return format!("{program} proxy ssh %h:%p");
    }
    let home = shell(&home.path().display().to_string()).replace('%', "%%");
    format!("{program} proxy ssh --home {home} %h:%p")
}

/// The `known_hosts` of our own blocks: every name there is vouched for by the host authorities, by nobody else.
#[must_use]
pub fn known_hosts(authorities: &[String]) -> String {
    authorities
        .iter()
        .fold(String::new(), |text, line| text + "@cert-authority * " + line.trim() + "\n")
}

/// The line for `~/.ssh/config`.
#[must_use]
pub fn include(home: &Home) -> String {
    format!("Include {}", quoted(&home.file(SSH_CONFIG)))
}

/// A path as an ssh_config argument: `%` is doubled where tokens are expanded, blanks need quotes.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}

/// A word for the shell that runs the `ProxyCommand`.
fn shell(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@' | '~' | ':')
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whether a name can stand in an ssh_config: it is no pattern, no second word and no second line.
fn is_pattern_safe(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn profile(targets: &[(&str, &[&str])]) -> Profile {
        Profile {
            proxy: "gw:3080".into(),
            pin: String::new(),
            cluster: "example".into(),
            user: "alice".into(),
            login: String::new(),
            expires: None,
            targets: targets
                .iter()
                .map(|(name, logins)| {
                    ((*name).to_owned(), logins.iter().map(|l| (*l).to_owned()).collect())
                })
                .collect(),
        }
    }

    #[test]
    fn bare_names_of_targets_go_through_us() {
        let profile =
            profile(&[("db-box", &["root"]), ("web-1", &["deploy", "root"]), ("web-2", &[])]);
        let home = Home::find(&|name| (name == "HOME").then(|| "/home/alice".to_owned()));
        expect![[r"
            # Written by tsh for alice on example; it is rewritten by `tsh login`, `tsh ls` and `tsh config`.

            Host db-box db-box.example
                User root

            Host db-box web-1 web-2 *.example
                ProxyCommand /usr/bin/tsh proxy ssh %h:%p
                ProxyUseFdpass yes
                PreferredAuthentications keyboard-interactive,publickey
                IdentityFile /home/alice/.tsh/id_ed25519
                CertificateFile /home/alice/.tsh/id_ed25519-cert.pub
                IdentitiesOnly yes
                UserKnownHostsFile /home/alice/.tsh/known_hosts
                GlobalKnownHostsFile /dev/null
                StrictHostKeyChecking yes
                CheckHostIP no
                UpdateHostKeys no
                Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com
        "]]
        .assert_eq(&text(&profile, &home, Path::new("/usr/bin/tsh")));
    }

    #[test]
    fn a_home_elsewhere_is_named_to_the_proxy_command() {
        let home = Home::at(Path::new("/tmp/it's here"));
        let text = options(&home, Path::new("/opt/100%/tsh"), "");
        assert!(
            text.starts_with(
                "ProxyCommand '/opt/100%%/tsh' proxy ssh --home '/tmp/it'\\''s here' %h:%p\n"
            ),
            "{text}"
        );
        assert!(text.contains("IdentityFile \"/tmp/it's here/id_ed25519\"\n"), "{text}");
    }

    #[test]
    fn a_name_cannot_add_an_option() {
        let profile = profile(&[
            ("x\n  ProxyCommand evil", &["root"]),
            ("*", &["root"]),
            ("-oX", &[]),
            ("ok", &["a b"]),
        ]);
        let text = text(&profile, &Home::at(Path::new("/h")), Path::new("/tsh"));
        assert!(text.contains("\nHost ok *.example\n"), "{text}");
        assert!(!text.contains("evil") && !text.contains("    User "), "{text}");
    }
}
