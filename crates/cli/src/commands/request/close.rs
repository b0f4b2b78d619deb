//! `request cancel`, `release`, `revoke`: the ways a request ends before its time.

use std::io::Write;

use api::endpoints::Endpoint;
use api::endpoints::requests::{CANCEL, RELEASE, REVOKE};
use api::request::{Closing, RequestView};

use super::{find, list};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;

/// Take back a request of your own that nobody answered yet
///
///     tsh request cancel bc8ca931
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CancelArgs {
    /// The id, or its unique beginning
    id: String,
}

/// Give back access you do not need any more
///
/// Sessions opened under it end at once.
///
///     tsh request release bc8ca931
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ReleaseArgs {
    /// The id, or its unique beginning
    id: String,
}

/// Take access away, in running sessions too
///
///     tsh request revoke bc8ca931 --reason "incident 77"
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RevokeArgs {
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// The id, or its unique beginning
    id: String,
}

/// Cancels.
///
/// # Errors
/// It is not one's own, or not pending.
pub fn cancel(cx: &mut Context, args: CancelArgs) -> Result<Exit, Error> {
    close(cx, &CANCEL, &args.id, String::new(), "Cancelled")
}

/// Releases.
///
/// # Errors
/// It is not one's own, or not approved.
pub fn release(cx: &mut Context, args: ReleaseArgs) -> Result<Exit, Error> {
    close(cx, &RELEASE, &args.id, String::new(), "Released")
}

/// Revokes.
///
/// # Errors
/// One is not its reviewer, or it is not approved.
pub fn revoke(cx: &mut Context, args: RevokeArgs) -> Result<Exit, Error> {
    close(cx, &REVOKE, &args.id, args.reason, "Revoked")
}

fn close(
    cx: &mut Context,
    endpoint: &Endpoint,
    id: &str,
    reason: String,
    word: &str,
) -> Result<Exit, Error> {
    let api = cx.api()?;
    let id = find::id(&api, id)?;
    let request: RequestView = api.tell(endpoint, &[&id], &Closing { reason })?;
    cx.show(&request, |out| {
        writeln!(out, "{word} {} ({})", one_line(&request.id), one_line(&list::metadata(&request)))
    })?;
    Ok(Exit::Done)
}
