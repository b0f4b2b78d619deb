//! `tctl tokens`: secrets with which machines log in.

use std::io::Write;

use api::document::{Kind, Metadata};
use api::endpoints::users::{TOKEN_CREATE, TOKEN_LIST};
use api::span::Span;
use api::token::{NewToken, TokenDocument, TokenSpec};
use jiff::Timestamp;

use super::{MOST, documents};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::table::{Column, Table};
use crate::when;

/// Secrets with which machines log in.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a token, and print its secret once
    ///
    ///     tctl tokens add ci --user=deployer --ttl=24h
    #[command(verbatim_doc_comment)]
    Add {
        /// Its name
        name: String,
        /// Whom a machine with it logs in as
        #[arg(long, value_name = "USER")]
        user: String,
        /// How long it works, such as 24h
        #[arg(long, value_name = "LENGTH", default_value = "24h")]
        ttl: Span,
    },
    /// List tokens, without their secrets
    ///
    ///     tctl tokens ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Remove a token
    ///
    ///     tctl tokens rm ci
    #[command(verbatim_doc_comment)]
    Rm {
        /// Its name
        name: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Add { name, user, ttl } => add(cx, name, user, ttl),
        Command::Ls => list(cx),
        Command::Rm { name } => documents::remove(cx, Kind::Token, &name),
    }
}

fn add(cx: &mut Context, name: String, user: String, ttl: Span) -> Result<Exit, Error> {
    let now = cx.now();
    let expires = now.checked_add(ttl.0).unwrap_or(Timestamp::MAX);
    let document = TokenDocument {
        kind: "token".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata { name, ..Metadata::default() },
        spec: TokenSpec { user, expires },
    };
    let token: NewToken = cx.api()?.tell(&TOKEN_CREATE, &[], &document)?;
    cx.show(&token, |out| {
        let until = when::relative(expires, now);
        writeln!(
            out,
            "Token {}, until {until}. Its secret, shown only now:\n",
            one_line(&token.name)
        )?;
        writeln!(out, "  {}", one_line(&token.secret))
    })?;
    Ok(Exit::Done)
}

fn list(cx: &mut Context) -> Result<Exit, Error> {
    let tokens: Vec<TokenDocument> = cx.api()?.list(&TOKEN_LIST, &[], &[], MOST)?;
    let mut table = Table::new(&[Column::new("Token"), Column::new("User"), Column::new("Until")]);
    let now = cx.now();
    for token in &tokens {
        table.row([
            &token.metadata.name,
            &token.spec.user,
            &when::relative(token.spec.expires, now),
        ]);
    }
    cx.show(&tokens, |out| table.write(out))?;
    Ok(Exit::Done)
}
