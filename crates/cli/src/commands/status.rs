//! `tsh status`: who you are, what you hold, until when.

use std::io::{self, Write};

use api::endpoints::login::STATUS;
use api::login::StatusView;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::profile::Profile;
use crate::when;

/// A login that ends sooner than this is worth a hint.
const SOON: SignedDuration = SignedDuration::from_mins(30);

/// Show who you are logged in as, the roles you hold now, and until when
///
/// Ends with 6 when not logged in.
///
///     tsh status
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {}

#[derive(Serialize)]
struct Shown<'a> {
    proxy: &'a str,
    #[serde(flatten)]
    status: &'a StatusView,
}

/// Shows the login.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, _args: StatusArgs) -> Result<Exit, Error> {
    let profile = Profile::logged_in(&cx.home, cx.now())?;
    let status: StatusView = cx.api()?.read(&STATUS, &[], &[])?;
    let now = cx.now();
    cx.show(&Shown { proxy: &profile.proxy, status: &status }, |out| {
        page(out, &profile, &status, now)
    })?;
    if let Some(expires) = profile.expires.filter(|expires| expires.duration_since(now) < SOON) {
        writeln!(
            cx.err,
            "hint: your login ends {}; renew it with: tsh login",
            when::relative(expires, now)
        )?;
    }
    Ok(Exit::Done)
}

fn page(
    out: &mut Output,
    profile: &Profile,
    status: &StatusView,
    now: Timestamp,
) -> io::Result<()> {
    let user = status.user.as_deref().unwrap_or(&profile.user);
    writeln!(out, "User     {}", one_line(user))?;
    writeln!(out, "Cluster  {} at {}", one_line(&status.cluster), one_line(&profile.proxy))?;
    if let Some(expires) = profile.expires {
        writeln!(out, "Login    ends {}", when::relative(expires, now))?;
    }
    let roles = if status.roles.is_empty() { "none".to_owned() } else { status.roles.join(", ") };
    writeln!(out, "Roles    {}", one_line(&roles))?;
    for grant in &status.grants {
        let what = [grant.roles.join(", "), grant.resources.join(", ")];
        let what: Vec<String> = what.into_iter().filter(|part| !part.is_empty()).collect();
        writeln!(
            out,
            "Granted  {} until {} by {}",
            one_line(&what.join(" on ")),
            when::relative(grant.until, now),
            one_line(&grant.request)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::login::GrantView;

    #[test]
    fn status_names_grants_with_their_end() {
        let now: Timestamp = "2019-11-07T19:38:00Z".parse().unwrap();
        let profile = Profile {
            proxy: "gw:3080".into(),
            pin: String::new(),
            cluster: "example".into(),
            user: "alice".into(),
            login: String::new(),
            expires: Some("2019-11-08T07:38:00Z".parse().unwrap()),
            targets: Default::default(),
        };
        let status = StatusView {
            user: Some("alice".into()),
            roles: vec!["engineer".into()],
            grants: vec![GrantView {
                request: "bc8ca931-fec9-4b15".into(),
                roles: vec!["dba".into()],
                resources: vec![],
                until: "2019-11-07T20:38:00Z".parse().unwrap(),
            }],
            expires: profile.expires,
            mfa: true,
            cluster: "example".into(),
            version: "0.1.0".into(),
            time: now,
        };
        expect_test::expect![[r"
            User     alice
            Cluster  example at gw:3080
            Login    ends 2019-11-08 07:38 UTC (in 12h)
            Roles    engineer
            Granted  dba until 2019-11-07 20:38 UTC (in 1h) by bc8ca931-fec9-4b15
        "]]
        .assert_eq(&crate::commands::tests::text(|out| page(out, &profile, &status, now)));
    }
}
