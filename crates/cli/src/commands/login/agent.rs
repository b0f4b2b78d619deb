//! The key in ssh-agent, for as long as its certificate lasts, by the stock `ssh-add`.

use std::io::Write;
use std::process::{Command, Stdio};

use jiff::Timestamp;

use crate::context::Context;
use crate::error::Error;
use crate::profile::SSH_KEY;

/// Adds key and certificate to the agent, if there is one. An agent that refuses is no failure of the login.
pub(super) fn remember(cx: &mut Context, expires: Timestamp) -> Result<(), Error> {
    let Some(agent) = cx.env("SSH_AUTH_SOCK") else { return Ok(()) };
    let seconds = expires.duration_since(cx.now()).as_secs().max(1);
    let added =
        ssh_add(&agent).arg("-t").arg(seconds.to_string()).arg(cx.home.file(SSH_KEY)).status();
    if !added.is_ok_and(|status| status.success()) {
        writeln!(
            cx.err,
            "hint: ssh-agent did not take the key; ssh reads it from {}",
            cx.home.file(SSH_KEY).display()
        )?;
    }
    Ok(())
}

/// Takes key and certificate out of the agent, if they are there.
pub(crate) fn forget(cx: &Context) {
    let Some(agent) = cx.env("SSH_AUTH_SOCK") else { return };
    if cx.home.file(SSH_KEY).exists() {
        let _gone = ssh_add(&agent).arg("-d").arg(cx.home.file(SSH_KEY)).status();
    }
}

fn ssh_add(agent: &str) -> Command {
    let mut command = Command::new("ssh-add");
    command.arg("-q").env("SSH_AUTH_SOCK", agent);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
