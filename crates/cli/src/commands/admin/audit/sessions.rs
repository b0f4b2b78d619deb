//! The sessions under a request, each with what was done in it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use api::audit::{AuditEvent, AuditPage, code};
use api::endpoints::audit::QUERY;
use jiff::SignedDuration;
use serde_json::Value;

use crate::client::Api;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::when;

/// How many sessions of one request are told, at most.
const MAX_SESSIONS: usize = 1000;

/// A session, as its events tell it.
#[derive(Debug, Default)]
pub(super) struct Told {
    session: String,
    user: String,
    target: String,
    /// How it ended; nothing while it runs.
    outcome: Option<String>,
    lasted: SignedDuration,
    /// Statements, rows, errors, refusals; nothing where the target is no database.
    counts: Option<[u64; 4]>,
}

/// What `session.ended` counts, in the order of [`Told::counts`].
const COUNTS: [&str; 4] = ["statements", "rows", "statement_errors", "statements_refused"];

/// The sessions that `query` finds, oldest first.
///
/// # Errors
/// The server refuses or cannot be asked.
pub(super) fn under(api: &Api, query: &[(&str, String)]) -> Result<Vec<Told>, Error> {
    // Whatever else narrows the list narrows this, but for what would hide a session's begin or end.
    let kept = ["request", "user", "session", "target"];
    let mut base: Vec<(&str, String)> =
        query.iter().filter(|(name, _)| kept.contains(name)).cloned().collect();
    base.push(("code", format!("{},{}", code::SESSION_STARTED, code::SESSION_ENDED)));
    base.push(("order", "oldest".to_owned()));
    let mut told: BTreeMap<String, (u64, Told)> = BTreeMap::new();
    let mut cursor: Option<u64> = None;
    loop {
        let mut page = base.clone();
        page.extend(cursor.map(|cursor| ("cursor", cursor.to_string())));
        let AuditPage { events, next } = api.read(&QUERY, &[], &page)?;
        for event in events {
            tell(&mut told, event);
        }
        cursor = next.filter(|_| told.len() < MAX_SESSIONS);
        if cursor.is_none() {
            break;
        }
    }
    let mut sessions: Vec<_> = told.into_values().collect();
    sessions.sort_by_key(|(seq, _)| *seq);
    Ok(sessions.into_iter().map(|(_, told)| told).collect())
}

fn tell(told: &mut BTreeMap<String, (u64, Told)>, AuditEvent { seq, event }: AuditEvent) {
    let Some(session) = event.session else { return };
    let fresh = || {
        let (user, target) = (event.user.unwrap_or_default(), event.target.unwrap_or_default());
        (seq, Told { session: session.clone(), user, target, ..Told::default() })
    };
    let (_, one) = told.entry(session.clone()).or_insert_with(fresh);
    if event.code == code::SESSION_ENDED {
        let number = |field: &str| event.body.get(field).and_then(Value::as_u64);
        one.outcome = event.body.get("outcome").and_then(Value::as_str).map(str::to_owned);
        let lasted = i64::try_from(number("milliseconds").unwrap_or(0)).unwrap_or(i64::MAX);
        one.lasted = SignedDuration::from_millis(lasted);
        one.counts = number(COUNTS[0]).map(|_| COUNTS.map(|field| number(field).unwrap_or(0)));
    }
}

/// Prints them; nothing where there are none.
pub(super) fn table(out: &mut Output, sessions: &[Told]) -> io::Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let titles =
        ["Session", "User", "Target", "Length", "Ended", "Statements", "Rows", "Errors", "Refused"];
    let mut table = Table::new(&titles.map(Column::new));
    for one in sessions {
        let counts = one.counts.map_or([const { String::new() }; 4], |n| n.map(|n| n.to_string()));
        let [statements, rows, errors, refused] = &counts;
        let (length, ended) = match &one.outcome {
            Some(outcome) => (when::length(one.lasted), outcome.as_str()),
            None => (String::new(), "LIVE"),
        };
        table.row([
            &one.session,
            &one.user,
            &one.target,
            &length,
            ended,
            statements,
            rows,
            errors,
            refused,
        ]);
    }
    writeln!(out)?;
    table.write(out)
}
