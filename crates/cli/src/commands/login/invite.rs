//! The first login: an invite's one-time link, a password, a second factor.

use std::io::{self, Write};

use api::endpoints::login::{ACCEPT, INVITE};
use api::login::{InviteAcceptance, InviteView, LoginAnswer, LoginKeys};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{Entered, code, trusted};
use crate::client::Api;
use crate::context::Context;
use crate::error::Error;
use crate::keys::Keys;
use crate::output::{Output, one_line};
use crate::profile::Profile;
use crate::trust::Pin;
use crate::when;

/// The longest token of a link, in bytes.
const MAX_TOKEN: usize = 256;

/// Shows the invite, asks for password and code, and uses it up.
pub(super) fn enter(
    cx: &mut Context,
    link: &str,
    pin: Option<Pin>,
    old: Option<&Profile>,
) -> Result<Entered, Error> {
    let (address, token) = read(link)?;
    let (trust, pin) = trusted::trust(cx, &address, pin, old)?;
    let api = Api::over_tls(&address, trust, None)?;
    let invite: InviteView = api.read(&INVITE, &[&token], &[])?;
    let now = cx.now();
    writeln!(
        cx.out,
        "You are invited to {} as {}. The link works until {}.",
        one_line(&invite.cluster),
        one_line(&invite.user),
        when::relative(invite.expires, now)
    )?;
    let password = choose(cx)?;
    show_factor(&mut cx.out, &invite)?;
    let keys = Keys::generate(&format!("{}@{address}", invite.user))?;
    let acceptance = InviteAcceptance {
        password: password.expose_secret().to_owned(),
        totp: code(cx)?,
        keys: Some(LoginKeys { ssh: keys.ssh_public.clone(), tls: keys.tls_public.clone() }),
        browser: false,
    };
    let answer: LoginAnswer = api.tell(&ACCEPT, &[&token], &acceptance)?;
    Ok(Entered { address, pin, keys, answer })
}

/// `https://HOST[:PORT]/invite/TOKEN`: the address and the token.
fn read(link: &str) -> Result<(String, String), Error> {
    let wrong = || {
        Error::usage("this is not an invite link")
            .hint("it looks like https://gw.example.com/invite/4f9a…; copy it whole, in quotes")
    };
    let url = Url::parse(link.trim()).map_err(|_| wrong())?;
    let host = url.host_str().filter(|_| url.scheme() == "https").ok_or_else(wrong)?;
    let path: Vec<&str> = url.path_segments().ok_or_else(wrong)?.collect();
    match path.as_slice() {
        ["invite", token]
            if !token.is_empty()
                && token.len() <= MAX_TOKEN
                && token.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
                }) =>
        {
            Ok((
                format!("{host}:{}", url.port_or_known_default().unwrap_or(443)),
                (*token).to_owned(),
            ))
        }
        _ => Err(wrong()),
    }
}

/// A password, typed twice; scripts give it in TSH_PASSWORD.
fn choose(cx: &mut Context) -> Result<SecretString, Error> {
    if let Some(password) = cx.env("TSH_PASSWORD") {
        return Ok(password.into());
    }
    for _ in 0..3 {
        let first = cx.ask_secret("New password: ")?;
        let again = cx.ask_secret("Again: ")?;
        if first.expose_secret() == again.expose_secret() {
            return Ok(first);
        }
        writeln!(cx.err, "These two differ; once more.")?;
    }
    Err(Error::usage("no password was chosen"))
}

fn show_factor(out: &mut Output, invite: &InviteView) -> io::Result<()> {
    writeln!(out, "\nAdd this to your authenticator program:\n")?;
    if let Ok(code) = qrcode::QrCode::new(invite.totp_url.as_bytes()) {
        // Half blocks: two modules per character keep the code square. Dark and light are swapped for dark screens.
        let picture = code
            .render::<qrcode::render::unicode::Dense1x2>()
            .dark_color(qrcode::render::unicode::Dense1x2::Light)
            .light_color(qrcode::render::unicode::Dense1x2::Dark)
            .build();
        writeln!(out, "{picture}")?;
    }
    writeln!(out, "Secret: {}\n", grouped(&one_line(&invite.totp_secret)))?;
    out.flush()
}

/// Groups of four, as people type them.
fn grouped(secret: &str) -> String {
    let mut text = String::new();
    for (at, c) in secret.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_and_a_token() {
        let read = |link: &str| read(link).ok();
        assert_eq!(
            read("https://gw:3080/invite/4f9a-_x"),
            Some(("gw:3080".into(), "4f9a-_x".into()))
        );
        assert_eq!(
            read(" https://gw.example/invite/4f9a\n"),
            Some(("gw.example:443".into(), "4f9a".into()))
        );
        assert_eq!(read("https://[::1]:3080/invite/a"), Some(("[::1]:3080".into(), "a".into())));
    }

    #[test]
    fn a_broken_link_is_refused() {
        for bad in [
            "",
            "gw/invite/4f9a",
            "http://gw/invite/4f9a",
            "https://gw/invite/",
            "https://gw/4f9a",
            "https://gw/invite/a/b",
            "https://gw/invite/a%2fb",
            &format!("https://gw/invite/{}", "a".repeat(MAX_TOKEN + 1)),
        ] {
            assert_eq!(read(bad).unwrap_err().exit().code(), 2, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_shown_in_groups() {
        assert_eq!(grouped("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
