//! `tsh mfa`: the second factors of a login.

use api::endpoints::login::MFA;
use api::login::MfaView;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::table::{Column, Table};
use crate::when;

/// How many factors are shown.
const MAX_FACTORS: usize = 1000;

/// The second factors of your login.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List your second factors
    ///
    ///     tsh mfa ls
    #[command(verbatim_doc_comment)]
    Ls,
}

/// Runs one of them.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    let Command::Ls = command;
    let factors: Vec<MfaView> = cx.api()?.list(&MFA, &[], &[], MAX_FACTORS)?;
    let mut table = Table::new(&[
        Column::new("Name"),
        Column::new("Kind"),
        Column::new("Added (UTC)"),
        Column::new("Last Used (UTC)"),
    ]);
    for factor in &factors {
        let used = factor.used.map_or("never".to_owned(), when::short);
        table.row([&factor.name, &factor.kind, &when::short(factor.added), &used]);
    }
    cx.show(&factors, |out| table.write(out))?;
    Ok(Exit::Done)
}
