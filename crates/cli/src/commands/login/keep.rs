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
