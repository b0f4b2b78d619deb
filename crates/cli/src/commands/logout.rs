//! `tsh logout`.

use std::io::Write;

use api::endpoints::login::LOGOUT;

use crate::commands::login;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::profile::{Profile, SSH_CERTIFICATE, SSH_KEY, SSH_PUBLIC, TLS_CERTIFICATE, TLS_KEY};

/// Log out: end the login on the server, and remove keys and certificates here
///
///     tsh logout
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LogoutArgs {}

/// Logs out. A server that cannot be told is no reason to keep the keys.
///
/// # Errors
/// The files cannot be removed.
pub fn run(cx: &mut Context, _args: LogoutArgs) -> Result<Exit, Error> {
    let Some(mut profile) = Profile::load(&cx.home)? else {
        writeln!(cx.out, "You were not logged in.")?;
        return Ok(Exit::Done);
    };
    let told = match profile.expires {
        Some(expires) if expires > cx.now() => Some(
            cx.api().and_then(|api| api.tell::<_, Option<serde_json::Value>>(&LOGOUT, &[], &())),
        ),
        _ => None,
    };
    login::forget(cx);
    for file in [SSH_KEY, SSH_PUBLIC, SSH_CERTIFICATE, TLS_KEY, TLS_CERTIFICATE] {
        cx.home.remove(file)?;
    }
    profile.expires = None;
    profile.save(&cx.home)?;
    if let Some(Err(error)) = told {
        writeln!(
            cx.err,
            "hint: the server could not be told ({error}); keys and certificates here are gone"
        )?;
    }
    writeln!(cx.out, "Logged out.")?;
    Ok(Exit::Done)
}
