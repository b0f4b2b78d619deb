//! `request ls`, `request search`: the table of requests.

use std::io::{self, Write};

use api::endpoints::requests::{CAPABILITIES, LIST};
use api::request::{Capabilities, RequestState, RequestView};
use jiff::{SignedDuration, Timestamp};

use super::find::ALL_STATES;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::table::{Column, Table};
use crate::when;

/// How many requests are shown unless `--limit` says otherwise.
const LIMIT: usize = 100;
/// The widest cell, in characters.
const WIDEST: usize = 80;

/// List requests: open ones, newest first
///
///     tsh request ls
///     tsh request ls --all --user alice --since 7d
#[derive(clap::Args, Debug, Default)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Closed ones too
    #[arg(long, short = 'a')]
    all: bool,
    /// Only those you could review now
    #[arg(long)]
    reviewable: bool,
    /// Only by this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only in these states, such as pending,denied
    #[arg(long, value_delimiter = ',', value_name = "STATE")]
    state: Vec<RequestState>,
    /// Only for this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only filed since then: a time (2026-11-07T19:38Z) or how long ago (7d)
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Only those with this in reason, user, role, resource or id
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = LIMIT, value_name = "N")]
    limit: usize,
}

/// Search all requests, closed ones too; or the roles you could ask for
///
///     tsh request search "ticket #1234"
///     tsh request search --roles
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SearchArgs {
    /// What to look for in reason, user, role, resource or id
    #[arg(required_unless_present = "roles")]
    text: Option<String>,
    /// List the roles you could ask for
    #[arg(long, conflicts_with = "text")]
    roles: bool,
    /// How many at most
    #[arg(long, default_value_t = LIMIT, value_name = "N")]
    limit: usize,
}

/// A point in the past: a time, or how long ago.
#[derive(Clone, Copy, Debug)]
pub enum Since {
    /// So long ago.
    Ago(SignedDuration),
    /// Since this moment.
    At(Timestamp),
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.parse::<api::span::Span>() {
            return Ok(Self::Ago(span.0));
        }
        when::parse(text).map(Self::At).ok_or_else(|| {
            "expected a time such as 2026-11-07 or 2026-11-07T19:38Z, or how long ago, such as 7d".to_owned()
        })
    }
}

impl Since {
    /// The moment, seen from `now`.
    #[must_use]
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(length) => now.checked_sub(length).unwrap_or(Timestamp::UNIX_EPOCH),
            Self::At(time) => time,
        }
    }
}

/// Lists requests.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, args: ListArgs) -> Result<Exit, Error> {
    let mut query = Vec::new();
    let states: Vec<&str> = args.state.iter().map(|state| state.as_str()).collect();
    match (args.all, states.as_slice()) {
        (true, []) => query.push(("state", ALL_STATES.to_owned())),
        (_, []) => {}
        (_, states) => query.push(("state", states.join(","))),
    }
    if args.reviewable {
        query.push(("reviewable", "true".to_owned()));
    }
    query.extend(args.user.map(|user| ("user", user)));
    query.extend(args.role.map(|role| ("role", role)));
    query.extend(args.since.map(|since| ("since", since.moment(cx.now()).to_string())));
    query.extend(args.search.map(|text| ("text", text)));
    let found: Vec<RequestView> = cx.api()?.list(&LIST, &[], &query, args.limit)?;
    cx.show(&found, |out| table(out, &found))?;
    Ok(Exit::Done)
}

/// Searches requests of every state, or lists what can be asked for.
///
/// # Errors
/// As [`run`].
pub fn search(cx: &mut Context, args: SearchArgs) -> Result<Exit, Error> {
    if args.roles {
        return requestable(cx);
    }
    run(cx, ListArgs { all: true, search: args.text, limit: args.limit, ..ListArgs::default() })
}

fn requestable(cx: &mut Context) -> Result<Exit, Error> {
    let able: Capabilities = cx.api()?.read(&CAPABILITIES, &[], &[])?;
    cx.show(&able, |out| roles(out, &able))?;
    if let Some(prompt) = able.reason_prompt.filter(|prompt| !prompt.is_empty()) {
        writeln!(cx.err, "hint: as a reason, say: {}", one_line(&prompt))?;
    }
    Ok(Exit::Done)
}

fn roles(out: &mut Output, able: &Capabilities) -> io::Result<()> {
    let mut table =
        Table::new(&[Column::new("Role"), Column::new("At Most"), Column::new("Reason")]);
    for role in &able.requestable_roles {
        let longest = role.max_duration.map_or(String::new(), |longest| longest.to_string());
        let reason =
            if role.reason_required || able.reason_required { "required" } else { "optional" };
        table.row([&role.role, &longest, reason]);
    }
    if table.is_empty() {
        writeln!(out, "There is no role you could ask for.")?;
    } else {
        table.write(out)?;
    }
    if !able.search_as_roles.is_empty() {
        writeln!(
            out,
            "\nResources can be asked for as: {}",
            one_line(&able.search_as_roles.join(", "))
        )?;
    }
    Ok(())
}

/// The table of the story. Its widths are part of the product: they grow only with their content.
pub(crate) fn table(out: &mut Output, requests: &[RequestView]) -> io::Result<()> {
    let mut table = Table::new(&[
        Column::new("Token").at_least(18),
        Column::new("Requestor").at_least(9),
        Column::new("Metadata").at_least(9).gap(2),
        Column::new("Created At (UTC)").at_least(17),
        Column::new("Status").at_least(7),
    ]);
    for request in requests {
        let state = request.state.as_str().to_uppercase();
        let metadata = metadata(request);
        let metadata = access::display::shown_short(&metadata, WIDEST);
        table.row([&request.id, &request.user, &metadata, &when::short(request.created), &state]);
    }
    table.write(out)?;
    out.flush()
}

/// What is asked for: `roles=dba,ops` and `resources=…`.
#[must_use]
pub fn metadata(request: &RequestView) -> String {
    let roles = (!request.roles.is_empty()).then(|| format!("roles={}", request.roles.join(",")));
    let resources = (!request.resources.is_empty())
        .then(|| format!("resources={}", request.resources.join(",")));
    roles.into_iter().chain(resources).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::request::show::tests::request;
    use crate::commands::tests::text;
    use expect_test::expect;

    #[test]
    fn the_table_is_the_one_of_the_story() {
        expect![[r"
            Token              Requestor Metadata   Created At (UTC)  Status
            ------------------ --------- ---------  ----------------- -------
            bc8ca931-fec9-4b15 alice     roles=dba  07 Nov 19 19:38   PENDING
        "]]
        .assert_eq(&text(|out| table(out, &[request()])));
    }

    #[test]
    fn the_table_grows_only_with_its_content() {
        let mut wide = request();
        wide.user = "bartholomew\u{1b}[2J".into();
        wide.roles = vec!["dba".into(), "operations".into()];
        wide.state = RequestState::Cancelled;
        expect![[r#"
            Token              Requestor          Metadata              Created At (UTC)  Status
            ------------------ ------------------ --------------------  ----------------- ---------
            bc8ca931-fec9-4b15 alice              roles=dba             07 Nov 19 19:38   PENDING
            bc8ca931-fec9-4b15 bartholomew\x1b[2J roles=dba,operations  07 Nov 19 19:38   CANCELLED
        "#]]
        .assert_eq(&text(|out| table(out, &[request(), wide])));
    }

    #[test]
    fn without_requests_there_is_still_a_table() {
        expect![[r"
            Token              Requestor Metadata   Created At (UTC)  Status
            ------------------ --------- ---------  ----------------- -------
        "]]
        .assert_eq(&text(|out| table(out, &[])));
    }

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now: Timestamp = "2019-11-08T19:38:00Z".parse().unwrap();
        let since = |text: &str| text.parse::<Since>().map(|since| since.moment(now).to_string());
        assert_eq!(since("1d").unwrap(), "2019-11-07T19:38:00Z");
        assert_eq!(since("2019-11-07").unwrap(), "2019-11-07T00:00:00Z");
        assert_eq!(since("2019-11-07T19:38Z").unwrap(), "2019-11-07T19:38:00Z");
        assert!(since("yesterday").is_err());
    }
}
