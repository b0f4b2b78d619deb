//! `tctl audit`: what happened, and proof of it.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use api::audit::{AuditEvent, AuditPage, canonical_json};
use api::bundle::{self, Bundle, Verified};
use api::endpoints::audit::{EXPORT, QUERY, VERIFY};
use api::note::VerifierKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commands::request::find;
use crate::commands::request::list::Since;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::home::write_whole;
use crate::output::{Format, Output, one_line};
use crate::table::{Column, Table};
use crate::when;

mod evidence;
mod sessions;

/// The largest bundle read, in bytes.
pub const MAX_BUNDLE: u64 = 256 * 1024 * 1024;
/// How many events are shown unless `--limit` says otherwise.
const LIMIT: usize = 100;
/// The widest column of details, in characters.
const WIDEST: usize = 100;

/// What happened, and proof of it.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List events, newest first
    ///
    /// With --request the sessions under it follow, each with what was done in it: statements of databases, the rows
    /// they gave or changed, errors, and what was refused. The same stands in `body` of `session.ended`.
    ///
    ///     tctl audit ls --user alice --since 7d
    ///     tctl audit ls --request bc8ca931 --code 'session.*'
    #[command(verbatim_doc_comment)]
    Ls(LsArgs),
    /// Check the whole log, or a bundle without any server
    ///
    /// The server compares its log with its checkpoints, and the seals of its recordings with the log;
    /// `tsh recordings check` reads all of one recording. With --recordings the files of the recordings are
    /// compared with what the bundle proves, each by its SHA-256: DIR/SESSION/meta.json and the parts.
    /// Ends with 10 if something does not hold.
    ///
    ///     tctl audit verify
    ///     tctl audit verify bundle.json --key 'audit.example+…'
    ///     tctl audit verify bundle.json --recordings recordings
    #[command(verbatim_doc_comment)]
    Verify(VerifyArgs),
    /// Write everything that happened under a request, with its proof, into a file
    ///
    /// With --recordings the recordings come too, encrypted as they lie on the server's disk.
    ///
    ///     tctl audit export --request bc8ca931 -o bundle.json
    ///     tctl audit export --request bc8ca931 -o bundle.json --recordings recordings
    #[command(verbatim_doc_comment)]
    Export(ExportArgs),
}

/// Arguments of `tctl audit ls`.
#[derive(clap::Args, Debug)]
pub struct LsArgs {
    /// Only what belongs to this request
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only by this user
    #[arg(long)]
    user: Option<String>,
    /// Only in this session
    #[arg(long)]
    session: Option<String>,
    /// Only on this target
    #[arg(long)]
    target: Option<String>,
    /// Only these codes, such as session.started or request.*
    #[arg(long, visible_alias = "type", value_delimiter = ',')]
    code: Vec<String>,
    /// Only since then: a time (2026-11-07T19:38Z) or how long ago (7d)
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Only before then
    #[arg(long, value_name = "WHEN")]
    until: Option<Since>,
    /// Only with this text somewhere
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Oldest first
    #[arg(long)]
    oldest: bool,
    /// How many at most
    #[arg(long, default_value_t = LIMIT, value_name = "N")]
    limit: usize,
}

/// Arguments of `tctl audit verify`.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// A bundle of `tctl audit export`, or - for standard input; without it the server's whole log
    file: Option<PathBuf>,
    /// The key the bundle must be signed with, as kept from before
    #[arg(long, value_name = "KEY", requires = "file")]
    key: Option<String>,
    /// The folder of the recordings, to be compared with the bundle
    #[arg(long, value_name = "DIR", requires = "file")]
    recordings: Option<PathBuf>,
}

/// Arguments of `tctl audit export`.
#[derive(clap::Args, Debug)]
pub struct ExportArgs {
    /// The request
    #[arg(long, value_name = "ID")]
    request: String,
    /// The file to write, or - for standard output
    #[arg(long, short = 'o', value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Download the recordings into this folder, one folder a session
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked, or a proof does not hold.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls(args) => list(cx, args),
        Command::Verify(VerifyArgs { file: Some(file), key, recordings }) => {
            offline(cx, &file, key.as_deref(), recordings.as_deref())
        }
        Command::Verify(VerifyArgs { file: None, .. }) => online(cx),
        Command::Export(args) => export(cx, args),
    }
}

fn list(cx: &mut Context, args: LsArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let mut query = Vec::new();
    if let Some(request) = &args.request {
        query.push(("request", find::id(&api, request)?));
    }
    query.extend(args.user.map(|user| ("user", user)));
    query.extend(args.session.map(|session| ("session", session)));
    query.extend(args.target.map(|target| ("target", target)));
    query.extend((!args.code.is_empty()).then(|| ("code", args.code.join(","))));
    query.extend(args.since.map(|since| ("since", since.moment(cx.now()).to_string())));
    query.extend(args.until.map(|until| ("until", until.moment(cx.now()).to_string())));
    query.extend(args.search.map(|text| ("text", text)));
    query.extend(args.oldest.then(|| ("order", "oldest".to_owned())));
    let mut events: Vec<AuditEvent> = Vec::new();
    let mut cursor: Option<u64> = None;
    while events.len() < args.limit {
        let mut page = query.clone();
        page.push(("limit", (args.limit - events.len()).min(api::page::MAX_LIMIT).to_string()));
        page.extend(cursor.map(|cursor| ("cursor", cursor.to_string())));
        let AuditPage { events: found, next } = api.read(&QUERY, &[], &page)?;
        events.extend(found);
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    // What was done under a request is more than its newest events: its sessions are told whole.
    let sessions = match (cx.format, &args.request) {
        (Format::Text, Some(_)) => sessions::under(&api, &query)?,
        (Format::Json | Format::Text | Format::Yaml, _) => Vec::new(),
    };
    cx.show(&events, |out| {
        table(out, &events)?;
        sessions::table(out, &sessions)
    })?;
    Ok(Exit::Done)
}

fn table(out: &mut Output, events: &[AuditEvent]) -> io::Result<()> {
    let mut table = Table::new(&[
        Column::new("Time (UTC)"),
        Column::new("Event"),
        Column::new("User"),
        Column::new("Target"),
        Column::new("Request"),
        Column::new("Session"),
        Column::new("Details"),
    ]);
    for AuditEvent { event, .. } in events {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let body = if event.body.is_null() { String::new() } else { canonical_json(&event.body) };
        table.row([
            &event.time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            &event.code,
            &text(&event.user),
            &text(&event.target),
            &text(&event.request),
            &text(&event.session),
            &access::display::shown_short(&body, WIDEST),
        ]);
    }
    table.write(out)
}

/// What the server found when it computed its log again.
#[derive(Debug, Deserialize, Serialize)]
struct Report {
    events: u64,
    root: String,
    #[serde(default)]
    until: Option<Timestamp>,
    checkpoints: u64,
    #[serde(default)]
    signed: u64,
    #[serde(default)]
    recordings: u64,
    #[serde(default)]
    retired: u64,
    #[serde(default)]
    absent: u64,
    problems: Vec<ReportProblem>,
    found: u64,
}

#[derive(Debug, Deserialize, Serialize)]
struct ReportProblem {
    at: u64,
    what: String,
}

fn online(cx: &mut Context) -> Result<Exit, Error> {
    let report: Report = cx.api()?.read(&VERIFY, &[], &[])?;
    cx.show(&report, |out| found(out, &report))?;
    if report.found == 0 {
        return Ok(Exit::Done);
    }
    Err(Error::new(Exit::Unproven, "the audit log or a recording was changed after it was written")
        .hint("keep the data directory as it is, and compare it with a backup and with checkpoints kept elsewhere"))
}

fn found(out: &mut Output, report: &Report) -> io::Result<()> {
    if report.found > 0 {
        writeln!(out, "NOT VERIFIED: {} problems in {} events.", report.found, report.events)?;
        let mut problems = report.problems.iter();
        return problems
            .try_for_each(|one| writeln!(out, "  at {}: {}", one.at, one_line(&one.what)));
    }
    let until = report.until.map(|until| format!(" up to {}", when::exact(until)));
    writeln!(out, "Verified: all {} events{}.", report.events, until.unwrap_or_default())?;
    writeln!(
        out,
        "Signed      the first {} events, by {} checkpoints",
        report.signed, report.checkpoints
    )?;
    if report.signed < report.events {
        let unsigned = report.events - report.signed;
        writeln!(out, "            the last {unsigned} by none yet: verify again in a moment")?;
    }
    writeln!(out, "Recordings  {} seals agree", report.recordings)?;
    if report.retired > 0 {
        writeln!(out, "            {} more were retired, each on the record", report.retired)?;
    }
    if report.absent > 0 {
        writeln!(
            out,
            "            {} more are not here: restored from a backup without recordings",
            report.absent
        )?;
    }
    writeln!(out, "Root        {}", one_line(&report.root))
}

fn offline(
    cx: &mut Context,
    file: &Path,
    key: Option<&str>,
    recordings: Option<&Path>,
) -> Result<Exit, Error> {
    let trusted = key
        .map(|key| {
            key.parse::<VerifierKey>()
                .map_err(|error| Error::usage("`--key` cannot be read").because(error))
        })
        .transpose()?;
    let (name, text) = read(cx, file)?;
    let bundle: Bundle = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("`{}` is no bundle", one_line(&name))).because(error)
    })?;
    match bundle::verify(&bundle, trusted.as_ref()) {
        Ok(verified) => {
            let retired =
                recordings.map(|dir| evidence::compare(&bundle, &verified, dir)).transpose()?;
            cx.show(&bundle, |out| {
                holds(out, &bundle, &verified)?;
                match retired {
                    Some(0) => writeln!(out, "Every recording is what was sealed."),
                    Some(retired) => writeln!(
                        out,
                        "Every recording is what was sealed; {retired} were retired, on the record."
                    ),
                    None => Ok(()),
                }
            })?;
            if trusted.is_none() {
                writeln!(
                    cx.err,
                    "hint: compare the key with one you know: tctl audit verify FILE --key KEY"
                )?;
            }
            Ok(Exit::Done)
        }
        Err(problems) => {
            let lines: Vec<String> = problems
                .iter()
                .map(|problem| format!("\n  {}", one_line(&problem.to_string())))
                .collect();
            Err(Error::new(
                Exit::Unproven,
                format!("`{}` does not hold:{}", one_line(&name), lines.concat()),
            ))
        }
    }
}

fn holds(out: &mut Output, bundle: &Bundle, verified: &Verified) -> io::Result<()> {
    let events = verified.events.len();
    writeln!(
        out,
        "Verified: {events} events of request {}, in a log of {} events.",
        one_line(&bundle.request),
        verified.size
    )?;
    if let (Some(first), Some(last)) = (verified.events.first(), verified.events.last()) {
        writeln!(out, "From  {}", when::exact(first.event.time))?;
        writeln!(out, "To    {}", when::exact(last.event.time))?;
    }
    for recording in &bundle.recordings {
        writeln!(
            out,
            "Recording of {}  {}",
            one_line(&recording.session),
            one_line(&recording.digest)
        )?;
    }
    writeln!(out, "Key   {}", one_line(&verified.key.to_string()))
}

fn read(cx: &mut Context, file: &Path) -> Result<(String, String), Error> {
    if file.as_os_str() == "-" {
        return Ok(("standard input".to_owned(), cx.read_all(MAX_BUNDLE)?));
    }
    let name = file.display().to_string();
    let cannot = |error| Error::usage(format!("cannot read `{}`", one_line(&name))).because(error);
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(cannot)?;
    let read = opened.take(MAX_BUNDLE + 1).read_to_string(&mut text).map_err(cannot)?;
    if read as u64 > MAX_BUNDLE {
        return Err(Error::usage(format!(
            "`{}` is larger than {MAX_BUNDLE} bytes",
            one_line(&name)
        )));
    }
    Ok((name, text))
}

fn export(cx: &mut Context, args: ExportArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let id = find::id(&api, &args.request)?;
    let mut bytes = Vec::new();
    api.download(&EXPORT, &[], &[("request", id.clone())], |piece| {
        if (bytes.len() + piece.len()) as u64 > MAX_BUNDLE {
            return Err(Error::network(format!("the bundle is larger than {MAX_BUNDLE} bytes")));
        }
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    // What is handed on to an auditor is checked first.
    let bundle: Bundle = serde_json::from_slice(&bytes)
        .map_err(|error| Error::internal("the server's answer is no bundle").because(error))?;
    let verified = bundle::verify(&bundle, None).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        Error::new(
            Exit::Unproven,
            format!("the server's bundle does not hold: {}", one_line(&first)),
        )
    })?;
    if args.output.as_os_str() == "-" {
        if args.recordings.is_some() {
            return Err(Error::usage("`--recordings` needs a file for the bundle: -o FILE"));
        }
        cx.out.raw().write_all(&bytes)?;
        writeln!(cx.out)?;
        return Ok(Exit::Done);
    }
    write_whole(&args.output, &bytes, 0o600)?;
    let (events, size) = (verified.events.len(), when::size(bytes.len() as u64));
    writeln!(
        cx.out,
        "Wrote {} ({size}): {events} events of {id}, verified.",
        args.output.display()
    )?;
    let mut again = format!("tctl audit verify {}", args.output.display());
    if let Some(dir) = &args.recordings {
        evidence::download(&api, &bundle, dir)?;
        let retired = evidence::compare(&bundle, &verified, dir)?;
        let sealed = bundle.recordings.len() - retired;
        writeln!(
            cx.out,
            "Wrote {sealed} recordings to {}, verified.",
            one_line(&dir.display().to_string())
        )?;
        again.push_str(&format!(" --recordings {}", dir.display()));
    }
    writeln!(cx.err, "hint: check it anywhere with: {again}")?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::text;
    use api::audit::NewEvent;
    use serde_json::json;

    #[test]
    fn an_event_cannot_forge_another() {
        let time = "2019-11-07T19:38:00Z".parse().unwrap();
        let event = NewEvent::new("session.started", time)
            .user("alice\n2019-11-07 19:39:00 login.failed")
            .target("db-box")
            .body(json!({ "login": "root\u{1b}[2J" }));
        let shown = text(|out| table(out, &[AuditEvent { seq: 0, event }]));
        expect_test::expect![[r#"
            Time (UTC)          Event           User                                    Target Request Session Details
            ------------------- --------------- --------------------------------------- ------ ------- ------- -------------------------
            2019-11-07 19:38:00 session.started alice\n2019-11-07 19:39:00 login.failed db-box                 {"login":"root\u001b[2J"}
        "#]].assert_eq(&shown);
    }
}
