//! `tctl users`.

use std::collections::BTreeMap;
use std::io::Write;

use api::document::{Kind, Metadata, Written};
use api::endpoints::users::{USER_CREATE, USER_INVITE, USER_LIST};
use api::span::Span;
use api::user::{Invite, NewInvite, UserDocument, UserSpec};

use super::{MOST, documents, pair};
use crate::client::Api;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::table::{Column, Table};
use crate::when;

/// Users and their invites.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Add a user, and print the one-time invite link
    ///
    ///     tctl users add alice --roles=engineer --logins=alice,deploy
    #[command(verbatim_doc_comment)]
    Add(AddArgs),
    /// List users
    ///
    ///     tctl users ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Remove a user, with everything to log in with
    ///
    ///     tctl users rm alice
    #[command(verbatim_doc_comment)]
    Rm {
        /// Who
        name: String,
    },
    /// Print a new invite link; password, second factor and logins of before stop working
    ///
    ///     tctl users reset alice
    #[command(verbatim_doc_comment)]
    Reset {
        /// Who
        name: String,
        /// How long the link works, such as 24h
        #[arg(long, value_name = "LENGTH")]
        ttl: Option<Span>,
    },
}

/// Arguments of `tctl users add`.
#[derive(clap::Args, Debug)]
pub struct AddArgs {
    /// The user's name
    name: String,
    /// The roles held without asking
    #[arg(long, visible_alias = "role", value_delimiter = ',', value_name = "ROLE")]
    roles: Vec<String>,
    /// The accounts on targets that `{{internal.logins}}` in roles stands for
    #[arg(long, value_delimiter = ',', value_name = "LOGIN")]
    logins: Vec<String>,
    /// Another trait; may be repeated
    #[arg(long = "trait", value_name = "KEY=VALUE", value_parser = pair)]
    traits: Vec<(String, String)>,
    /// How long the invite link works, such as 24h
    #[arg(long, value_name = "LENGTH")]
    ttl: Option<Span>,
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Add(args) => add(cx, args),
        Command::Ls => list(cx),
        Command::Rm { name } => documents::remove(cx, Kind::User, &name),
        Command::Reset { name, ttl } => {
            let api = cx.api()?;
            invite(cx, &api, &name, ttl)
        }
    }
}

fn add(cx: &mut Context, args: AddArgs) -> Result<Exit, Error> {
    let mut traits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in args.traits {
        traits.entry(key).or_default().push(value);
    }
    if !args.logins.is_empty() {
        traits.entry("logins".to_owned()).or_default().extend(args.logins);
    }
    let document = UserDocument {
        kind: "user".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata { name: args.name.clone(), ..Metadata::default() },
        spec: UserSpec { roles: args.roles, traits, disabled: false },
    };
    let api = cx.api()?;
    let written: Written = api.tell(&USER_CREATE, &[], &document)?;
    for warning in &written.warnings {
        writeln!(cx.err, "warning: {}", one_line(&warning.to_string()))?;
    }
    invite(cx, &api, &args.name, args.ttl)
}

fn invite(cx: &mut Context, api: &Api, name: &str, ttl: Option<Span>) -> Result<Exit, Error> {
    let invite: Invite = api.tell(&USER_INVITE, &[name], &NewInvite { ttl })?;
    let now = cx.now();
    cx.show(&invite, |out| {
        let user = one_line(&invite.user);
        writeln!(out, "{user} can log in after opening this link, once:\n")?;
        writeln!(out, "  {}\n", one_line(&invite.link))?;
        writeln!(out, "In a terminal: tsh login --invite LINK")?;
        writeln!(
            out,
            "It works until {}; whoever has it becomes {user}.",
            when::relative(invite.expires, now)
        )
    })?;
    Ok(Exit::Done)
}

fn list(cx: &mut Context) -> Result<Exit, Error> {
    let users: Vec<UserDocument> = cx.api()?.list(&USER_LIST, &[], &[], MOST)?;
    let mut table = Table::new(&[
        Column::new("User"),
        Column::new("Roles"),
        Column::new("Logins"),
        Column::new("Status"),
    ]);
    for user in &users {
        let logins =
            user.spec.traits.get("logins").map(|logins| logins.join(",")).unwrap_or_default();
        let status = if user.spec.disabled { "disabled" } else { "active" };
        table.row([&user.metadata.name, &user.spec.roles.join(","), &logins, status]);
    }
    cx.show(&users, |out| table.write(out))?;
    Ok(Exit::Done)
}
