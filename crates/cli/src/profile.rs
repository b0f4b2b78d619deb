//! Who is logged in where: `profile.json` in the home directory. Nothing in it is secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::home::Home;

/// The profile's file.
pub const PROFILE: &str = "profile.json";
/// The private key for SSH; the certificate lies beside it, where `ssh` looks for it.
pub const SSH_KEY: &str = "id_ed25519";
/// The certificate for SSH.
pub const SSH_CERTIFICATE: &str = "id_ed25519-cert.pub";
/// The public key for SSH.
pub const SSH_PUBLIC: &str = "id_ed25519.pub";
/// The private key for TLS, PKCS #8 in PEM.
pub const TLS_KEY: &str = "identity.key";
/// The certificate for TLS, in PEM.
pub const TLS_CERTIFICATE: &str = "identity.crt";
/// The authorities that sign the server's TLS certificate, in PEM.
pub const TLS_AUTHORITIES: &str = "ca.pem";
/// The authorities that sign host keys, as `known_hosts` lines.
pub const KNOWN_HOSTS: &str = "known_hosts";
/// The generated configuration for `ssh`.
pub const SSH_CONFIG: &str = "ssh_config";

/// A login, and the names last seen with it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Profile {
    /// The server, `host:port`.
    pub proxy: String,
    /// What was agreed to at the first login: `sha256:` and the digest of the authority's public key.
    pub pin: String,
    /// The cluster's name.
    pub cluster: String,
    /// Who is logged in.
    pub user: String,
    /// The name of the login itself; `status` and `logout` use it.
    #[serde(default)]
    pub login: String,
    /// When the certificates end; `None` when logged out.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// The targets that can be reached or asked for, and the logins possible there, as last seen.
    #[serde(default)]
    pub targets: BTreeMap<String, Vec<String>>,
}

impl Profile {
    /// Reads the profile; `None` if nobody ever logged in.
    ///
    /// # Errors
    /// It cannot be read or is damaged.
    pub fn load(home: &Home) -> Result<Option<Self>, Error> {
        let Some(text) = home.read(PROFILE)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Error::internal(format!("`{}` is damaged", home.file(PROFILE).display()))
                .because(error)
                .hint("log in again: tsh login --proxy HOST:PORT --user NAME")
        })
    }

    /// Writes the profile.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, home: &Home) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal("cannot write the profile").because(error))?;
        home.write(PROFILE, &(text + "\n"))
    }

    /// The profile of someone whose login holds at `now`.
    ///
    /// # Errors
    /// Nobody is logged in, or not any more.
    pub fn logged_in(home: &Home, now: Timestamp) -> Result<Self, Error> {
        let Some(profile) = Self::load(home)? else {
            return Err(Error::not_logged_in("you are not logged in"));
        };
        match profile.expires {
            Some(expires) if now < expires => Ok(profile),
            Some(_) => Err(profile.refusal("your login has expired")),
            None => Err(profile.refusal("you are logged out")),
        }
    }

    fn refusal(&self, sentence: &str) -> Error {
        Error::new(crate::exit::Exit::NotLoggedIn, sentence)
            .hint(format!("log in with: tsh login --proxy {} --user {}", self.proxy, self.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(expires: Option<&str>) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("tsh"));
        let profile = Profile {
            proxy: "gw:3080".into(),
            pin: "sha256:00".into(),
            cluster: "example".into(),
            user: "alice".into(),
            login: String::new(),
            expires: expires.map(|text| text.parse().unwrap()),
            targets: BTreeMap::new(),
        };
        profile.save(&home).unwrap();
        (dir, home)
    }

    #[test]
    fn an_expired_login_says_how_to_renew_it() {
        let (_dir, home) = profile(Some("2019-11-07T20:00:00Z"));
        let before = "2019-11-07T19:59:59Z".parse().unwrap();
        assert_eq!(Profile::logged_in(&home, before).unwrap().user, "alice");
        let error = Profile::logged_in(&home, "2019-11-07T20:00:00Z".parse().unwrap()).unwrap_err();
        expect_test::expect![[r"
            error: your login has expired
            hint: log in with: tsh login --proxy gw:3080 --user alice
        "]]
        .assert_eq(&error.message());
        assert_eq!(error.exit().code(), 6);
    }

    #[test]
    fn a_damaged_profile_is_named() {
        let (_dir, home) = profile(None);
        home.write(PROFILE, "{").unwrap();
        assert!(
            Profile::load(&home).unwrap_err().to_string().ends_with("profile.json` is damaged")
        );
    }
}
