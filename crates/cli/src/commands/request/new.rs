//! `request new`, `request extend`: asking, and waiting for the answer.

use std::io::Write;

use api::endpoints::requests::{FILE, SHOW};
use api::request::{NewRequest, RequestView};
use api::span::Span;
use jiff::{SignedDuration, Timestamp};

use super::{find, list, show, wait};
use crate::client::Api;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Format, one_line};
use crate::when;

/// Ask for access, and wait for the answer
///
/// Ends with 0 when approved, 3 when denied, 4 when nobody answered in time, 5 when nobody could.
/// Ctrl-C leaves the request pending.
///
///     tsh request new --roles=dba --reason="ticket #1234"
///     tsh request new --resource /example/node/db-box --login root --duration 2h
///     tsh request new --wait bc8ca931
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct NewArgs {
    /// The roles to ask for; `*` for all you could ask for
    #[arg(long, visible_alias = "role", value_delimiter = ',', value_name = "ROLE")]
    roles: Vec<String>,
    /// A resource to ask for, as /CLUSTER/KIND/NAME; may be repeated
    #[arg(long, visible_alias = "resources", value_delimiter = ',', value_name = "RESOURCE")]
    resource: Vec<String>,
    /// The login wanted on the resources
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
    /// Why; reviewers and auditors read it
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// For how long, such as 2h
    #[arg(long, value_name = "LENGTH")]
    duration: Option<Span>,
    /// From when on: a time (2026-11-07T19:38Z) or how long from now (2h)
    #[arg(long, value_name = "WHEN")]
    start: Option<Start>,
    /// How long to wait for an answer before it expires, such as 1h
    #[arg(long, value_name = "LENGTH")]
    answer_within: Option<Span>,
    /// Whom you would like to answer
    #[arg(long, value_delimiter = ',', value_name = "USER")]
    reviewers: Vec<String>,
    /// File it for another user (on the daemon's host)
    #[arg(long, value_name = "USER", hide = true)]
    user: Option<String>,
    /// Wait for a request that is pending already, instead of filing one
    #[arg(long, value_name = "ID", conflicts_with_all = ["roles", "resource", "nowait", "dry_run"])]
    wait: Option<String>,
    /// Do not wait for the answer
    #[arg(long, alias = "no-wait")]
    nowait: bool,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

impl NewArgs {
    /// The same for another user; who files for others does not wait.
    #[must_use]
    pub fn on_behalf_of(mut self, user: String) -> Self {
        self.user = Some(user);
        self.nowait = true;
        self
    }
}

/// Ask for more time on access you have
///
///     tsh request extend bc8ca931 --duration 2h --reason "migration still runs"
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ExtendArgs {
    /// The id of the approved request, or its unique beginning
    id: String,
    /// For how long from its approval, such as 2h
    #[arg(long, value_name = "LENGTH")]
    duration: Option<Span>,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Do not wait for the answer
    #[arg(long, alias = "no-wait")]
    nowait: bool,
}

/// When a grant begins: a time, or how long from now.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// At this moment.
    At(Timestamp),
    /// So long from now.
    In(SignedDuration),
}

impl std::str::FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.strip_prefix('+').unwrap_or(text).parse::<Span>() {
            return Ok(Self::In(span.0));
        }
        when::parse(text).map(Self::At).ok_or_else(|| {
            "expected a time such as 2026-11-07T19:38Z, or how long from now, such as 2h".to_owned()
        })
    }
}

impl Start {
    /// The moment, seen from `now`.
    #[must_use]
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::In(length) => now.checked_add(length).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Files a request and waits for its answer.
///
/// # Errors
/// The server refuses it; a refusal by reviewers is an [`Exit`].
pub fn run(cx: &mut Context, args: NewArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    if let Some(id) = args.wait {
        let id = find::id(&api, &id)?;
        let request = api.read(&SHOW, &[&id], &[])?;
        return seek(cx, &api, request);
    }
    if args.roles.is_empty() && args.resource.is_empty() {
        return Err(Error::usage("nothing is asked for")
            .hint("name roles or resources: tsh request new --roles=dba --reason=\"ticket #1234\"")
            .hint("see what you could ask for: tsh ls"));
    }
    let draft = NewRequest {
        user: args.user,
        roles: args.roles,
        resources: args.resource,
        login: args.login,
        reason: args.reason,
        duration: args.duration,
        answer_within: args.answer_within,
        assume_start: args.start.map(|start| start.moment(cx.now())),
        suggested_reviewers: args.reviewers,
        extends: None,
        dry_run: args.dry_run,
    };
    let waiting = if args.nowait { Waiting::No } else { Waiting::Yes };
    file(cx, &api, &draft, waiting)
}

/// Files a request that moves the end of another.
///
/// # Errors
/// As [`run`].
pub fn extend(cx: &mut Context, args: ExtendArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let id = find::id(&api, &args.id)?;
    let draft = NewRequest {
        reason: args.reason,
        duration: args.duration,
        extends: Some(id),
        ..NewRequest::default()
    };
    let waiting = if args.nowait { Waiting::No } else { Waiting::Yes };
    file(cx, &api, &draft, waiting)
}

/// Whether to stay for the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waiting {
    Yes,
    No,
}

fn file(cx: &mut Context, api: &Api, draft: &NewRequest, waiting: Waiting) -> Result<Exit, Error> {
    let request: RequestView = api.tell(&FILE, &[], draft)?;
    let now = cx.now();
    if draft.dry_run {
        cx.show(&request, |out| {
            writeln!(out, "This would be filed; nothing was.\n")?;
            show::page(out, &request, now)
        })?;
        return Ok(Exit::Done);
    }
    if waiting == Waiting::Yes {
        return seek(cx, api, request);
    }
    cx.show(&request, |out| {
        writeln!(out, "Filed {} ({})", request.id, one_line(&list::metadata(&request)))
    })?;
    if cx.format == Format::Text {
        if let Some(missing) = &request.missing {
            writeln!(cx.err, "missing: {}", one_line(&missing.sentence))?;
        }
        writeln!(cx.err, "hint: wait for the answer with: tsh request new --wait {}", request.id)?;
    }
    Ok(Exit::Done)
}

/// Says the line every story begins with, and waits.
fn seek(cx: &mut Context, api: &Api, request: RequestView) -> Result<Exit, Error> {
    if cx.format == Format::Text {
        writeln!(cx.out, "Seeking request approval...")?;
        cx.out.flush()?;
    }
    wait::wait(cx, api, request)
}
