//! What stays of a login: files that only their owner can read.

use super::Entered;
use crate::error::Error;
use crate::home::Home;
use crate::output::one_line;
use crate::profile::{
    KNOWN_HOSTS, Profile, SSH_CERTIFICATE, SSH_KEY, SSH_PUBLIC, TLS_AUTHORITIES, TLS_CERTIFICATE,
    TLS_KEY,
};
use crate::{client, ssh_config};

/// Writes keys, certificates and authorities, and the profile last: it says that the rest is there.
pub(crate) fn keep(home: &Home, entered: &Entered) -> Result<Profile, Error> {
    let Entered { address, pin, keys, answer } = entered;
    check(entered)?;
    home.write(SSH_KEY, &keys.ssh_private)?;
    home.write(SSH_PUBLIC, &(keys.ssh_public.trim().to_owned() + "\n"))?;
    home.write(SSH_CERTIFICATE, &(answer.ssh_certificate.trim().to_owned() + "\n"))?;
    home.write(TLS_KEY, &keys.tls_private)?;
    home.write(TLS_CERTIFICATE, &answer.tls_certificate)?;
    home.write(TLS_AUTHORITIES, &answer.tls_authorities)?;
    home.write(KNOWN_HOSTS, &ssh_config::known_hosts(&answer.host_authorities))?;
    let profile = Profile {
        proxy: address.clone(),
        pin: pin.to_string(),
        cluster: answer.cluster.clone(),
        user: answer.user.clone(),
        login: answer.login.clone(),
        expires: Some(answer.expires),
        targets: Default::default(),
    };
    profile.save(home)?;
    Ok(profile)
}

/// The answer is written to files that `ssh` reads: every line of it must be what it claims to be.
fn check(entered: &Entered) -> Result<(), Error> {
    let answer = &entered.answer;
    let wrong = |what: &str| Error::internal(format!("the server's answer holds no {what}"));
    let certificate = russh::keys::Certificate::from_openssh(answer.ssh_certificate.trim())
        .map_err(|_| wrong("SSH certificate"))?;
    let own = russh::keys::PublicKey::from_openssh(&entered.keys.ssh_public)
        .map_err(|_| wrong("SSH key"))?;
    if certificate.public_key() != own.key_data() {
        return Err(wrong("certificate for this key"));
    }
    client::certificates(&answer.tls_certificate).ok_or_else(|| wrong("TLS certificate"))?;
    client::certificates(&answer.tls_authorities).ok_or_else(|| wrong("TLS authority"))?;
    if answer.host_authorities.is_empty() {
        return Err(wrong("host authority"));
    }
    for line in &answer.host_authorities {
        let read = russh::keys::PublicKey::from_openssh(line.trim());
        if read.is_err() || line.trim().contains(['\n', '\r']) {
            return Err(wrong(&format!("host authority in `{}`", one_line(line))));
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if answer.cluster.is_empty() || !answer.cluster.chars().all(plain) {
        return Err(wrong("cluster name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, pem};
    use crate::trust::Pin;
    use api::login::LoginAnswer;
    use russh::keys::ssh_key::certificate::{Builder, CertType};
    use russh::keys::{Algorithm, PrivateKey, PublicKey};

    type Spoil = fn(&mut LoginAnswer);

    /// An answer as an honest server gives it.
    fn entered() -> Entered {
        let keys = Keys::generate("alice").unwrap();
        let authority = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).unwrap();
        let key = PublicKey::from_openssh(&keys.ssh_public).unwrap();
        let mut builder =
            Builder::new_with_random_nonce(&mut rand::rng(), key.key_data().clone(), 0, 1).unwrap();
        builder.cert_type(CertType::User).unwrap().valid_principal("alice").unwrap();
        let certificate = builder.sign(&authority).unwrap().to_openssh().unwrap();
        let answer = LoginAnswer {
            user: "alice".into(),
            login: "x".into(),
            cluster: "example".into(),
            ssh_certificate: certificate,
            tls_certificate: pem("CERTIFICATE", b"der"),
            tls_authorities: pem("CERTIFICATE", b"der"),
            host_authorities: vec![authority.public_key().to_openssh().unwrap()],
            expires: "2019-11-07T19:38:00Z".parse().unwrap(),
        };
        Entered { address: "gw:3080".into(), pin: Pin::nothing(), keys, answer }
    }

    #[test]
    fn an_honest_answer_is_kept_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("tsh"));
        let profile = keep(&home, &entered()).unwrap();
        assert_eq!(Profile::load(&home).unwrap(), Some(profile));
        let known = home.read(KNOWN_HOSTS).unwrap().unwrap();
        assert!(
            known.starts_with("@cert-authority * ssh-ed25519 ") && known.lines().count() == 1,
            "{known}"
        );
        assert!(
            home.read_secret(TLS_KEY).unwrap().unwrap().starts_with("-----BEGIN PRIVATE KEY-----")
        );
    }

    #[test]
    fn no_answer_can_add_a_line_to_a_file_that_ssh_reads() {
        let spoil: [(&str, Spoil); 7] = [
            ("host authority", |answer| answer.host_authorities[0] += "\n* ssh-ed25519 AAAA"),
            ("host authority", |answer| answer.host_authorities.push("evil".into())),
            ("host authority", |answer| answer.host_authorities.clear()),
            ("cluster name", |answer| answer.cluster = "x\n  ProxyCommand evil".into()),
            ("SSH certificate", |answer| answer.ssh_certificate = "ssh-ed25519 AAAA".into()),
            ("TLS certificate", |answer| answer.tls_certificate.clear()),
            ("certificate for this key", |answer| {
                answer.ssh_certificate = self::entered().answer.ssh_certificate
            }),
        ];
        for (what, spoil) in spoil {
            let dir = tempfile::tempdir().unwrap();
            let home = Home::at(&dir.path().join("tsh"));
            let mut entered = entered();
            spoil(&mut entered.answer);
            let error = keep(&home, &entered).unwrap_err();
            assert!(error.to_string().contains(&format!("holds no {what}")), "{error}");
            assert!(!home.path().exists(), "{what}: nothing is half kept");
        }
    }
}
