//! `tsh recordings`: which there are, what is in them, and whether they are what was sealed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use access::name::SessionId;
use api::cast::Reader;
use api::cast::transcript::Transcript;
use api::endpoints::recordings as table;
use api::page::Page;
use api::recording::{RecordingCheck, RecordingMatch, RecordingState, RecordingView};
use jiff::Timestamp;
use serde::Serialize;

use crate::commands::play::as_json;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::player::offset::Offset;
use crate::table::{Column, Table};
use crate::when;

/// Recordings of sessions
///
///     tsh recordings ls
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
#[command(verbatim_doc_comment, disable_help_subcommand = true)]
pub enum Command {
    #[command(alias = "list")]
    Ls(LsArgs),
    Export(ExportArgs),
    Search(SearchArgs),
    Check(CheckArgs),
}

/// List recordings, newest first
///
/// A session that still runs is LIVE: follow it with `tsh play --follow`. Of a retired recording only the digest is
/// left (--format=json shows it), in the audit log too.
///
///     tsh recordings ls --user alice --since 2026-11-07
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LsArgs {
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    /// On this target
    #[arg(long)]
    target: Option<String>,
    /// Under this request
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Begun at or after this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Begun before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    limit: usize,
}

/// Write a recording to a file or to standard output
///
///     tsh recordings export bc8ca931-fec9-4b15 -o session.cast
///     tsh recordings export bc8ca931-fec9-4b15 --as text
///     tsh recordings export bc8ca931-fec9-4b15 --as jsonl | jq 'select(.event == "statement")'
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ExportArgs {
    /// The session's id
    session: SessionId,
    /// As asciicast v3, as plain text, or as JSON
    #[arg(long = "as", value_enum, default_value_t = Shape::Cast, value_name = "SHAPE")]
    shape: Shape,
    /// Into this new file, which only you can read
    #[arg(long, short)]
    output: Option<PathBuf>,
}

/// What a recording is exported as.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Shape {
    /// asciicast v3, for players
    Cast,
    /// Every event as a line of JSON; a statement with its text, values, rows, time and error
    Jsonl,
    /// What was shown, without escapes
    Text,
}

/// Find the lines and statements of recordings that hold a text
///
/// In one recording, or with --request in those of all sessions under a request. That you looked is audited.
///
///     tsh recordings search bc8ca931-fec9-4b15 "DROP TABLE"
///     tsh recordings search --request ed41c0de-17aa-4e02 "DROP TABLE"
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SearchArgs {
    /// In the recordings of all sessions under this request
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The session's id (without --request), and the text, in any case of letters
    #[arg(required = true, num_args = 1..=2, value_names = ["SESSION", "TEXT"])]
    words: Vec<String>,
}

/// Recompute a recording's digest from its files and compare it with its seal and the audit log
///
/// Ends with 10 if they differ.
///
///     tsh recordings check bc8ca931-fec9-4b15
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CheckArgs {
    /// The session's id
    session: SessionId,
}

fn time(text: &str) -> Result<Timestamp, String> {
    when::parse(text)
        .ok_or_else(|| "expected a time such as 2026-11-07 or 2026-11-07T19:38Z".to_owned())
}

/// Runs one of them.
///
/// # Errors
/// Whatever the command says.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls(args) => ls(cx, args),
        Command::Export(args) => export(cx, &args),
        Command::Search(args) => search(cx, &args),
        Command::Check(args) => check(cx, &args),
    }
}

fn ls(cx: &mut Context, args: LsArgs) -> Result<Exit, Error> {
    let times = [("since", args.since), ("until", args.until)];
    let texts = [("user", args.user), ("target", args.target), ("request", args.request)];
    let query: Vec<(&str, String)> = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .chain(times.into_iter().filter_map(|(name, time)| Some((name, time?.to_string()))))
        .collect();
    let recordings: Vec<RecordingView> = cx.api()?.list(&table::LIST, &[], &query, args.limit)?;
    let now = cx.now();
    cx.show(&recordings, |out| {
        if recordings.is_empty() {
            return writeln!(out, "No recordings.");
        }
        let titles = ["Session", "User", "Target", "Started (UTC)", "Length", "Size", "State"];
        let mut shown = Table::new(&titles.map(Column::new));
        for one in &recordings {
            let length = one.ended.unwrap_or(now).duration_since(one.started);
            let target = format!("{}@{}", one.login, one.target);
            let state = match (one.state, one.retired) {
                (RecordingState::Sealed, _) => one.outcome.clone().unwrap_or("sealed".to_owned()),
                (RecordingState::Live, _) => "LIVE".to_owned(),
                (RecordingState::Retired, Some(at)) => format!("retired on {}", when::long(at)),
                (
                    RecordingState::Broken | RecordingState::Recovered | RecordingState::Retired,
                    _,
                ) => one.state.as_str().to_owned(),
            };
            shown.row([
                &one.session,
                &one.user,
                &target,
                &when::short(one.started),
                &when::length(length),
                &when::size(one.bytes),
                &state,
            ]);
        }
        shown.write(out)
    })?;
    Ok(Exit::Done)
}

fn export(cx: &mut Context, args: &ExportArgs) -> Result<Exit, Error> {
    let session = args.session.to_string();
    let api = cx.api()?;
    let mut printer = Printer::new(args.shape);
    match &args.output {
        Some(path) => {
            let unwritten =
                |error| Error::usage(format!("cannot write `{}`", path.display())).because(error);
            let mut file = create(path)?;
            api.download(&table::CONTENT, &[&session], &[], |bytes| {
                printer.print(bytes, &mut file).map_err(unwritten)
            })?;
            printer.finish(&mut file).and_then(|()| file.sync_all()).map_err(unwritten)?;
        }
        None => {
            let out = cx.out.raw();
            api.download(
                &table::CONTENT,
                &[&session],
                &[],
                |bytes| Ok(printer.print(bytes, out)?),
            )?;
            printer.finish(out)?;
        }
    }
    match printer.broken {
        Some(why) => Err(Error::new(Exit::Unproven, format!("the recording breaks off: {why}"))),
        None => Ok(Exit::Done),
    }
}

/// A new file, for our eyes only: a recording may hold anything that was on a screen.
fn create(path: &Path) -> Result<std::fs::File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::usage(format!("cannot create `{}`", path.display())).because(error))
}

/// Asciicast as it is, or its events in another shape.
struct Printer {
    shape: Shape,
    reader: Reader,
    transcript: Transcript,
    broken: Option<String>,
}

impl Printer {
    fn new(shape: Shape) -> Self {
        Self { shape, reader: Reader::new(), transcript: Transcript::default(), broken: None }
    }

    fn print(&mut self, bytes: &[u8], out: &mut dyn std::io::Write) -> std::io::Result<()> {
        if self.shape == Shape::Cast {
            return out.write_all(bytes);
        }
        self.reader.push(bytes);
        let mut lines = Vec::new();
        loop {
            match self.reader.next_event() {
                Ok(Some(event)) if self.shape == Shape::Jsonl => {
                    lines.push(as_json(&event).to_string());
                }
                Ok(Some(event)) => self.transcript.push(&event, |line| lines.push(line.timed())),
                Ok(None) => break,
                Err(broken) => {
                    self.broken = Some(broken.to_string());
                    break;
                }
            }
        }
        lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn finish(&mut self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        let mut lines = Vec::new();
        self.transcript.finish(|line| lines.push(line));
        lines.into_iter().try_for_each(|line| writeln!(out, "{}", line.timed()))
    }
}

/// How many sessions of a request are searched.
const MAX_SEARCHED: usize = 1000;

/// A place, and whose.
#[derive(Debug, Serialize)]
struct Found {
    session: String,
    #[serde(flatten)]
    place: RecordingMatch,
}

fn search(cx: &mut Context, args: &SearchArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let (sessions, text) = match (&args.request, args.words.as_slice()) {
        (Some(request), [text]) => {
            let query = [("request", request.clone())];
            let all: Vec<RecordingView> = api.list(&table::LIST, &[], &query, MAX_SEARCHED)?;
            let there = all.into_iter().filter(|one| one.state != RecordingState::Retired);
            (there.map(|one| one.session).collect(), text)
        }
        (None, [session, text]) => {
            let session: SessionId = session.parse().map_err(|_| {
                Error::usage(format!("`{}` is no session's id", access::display::shown(session)))
                    .hint("list recordings with: tsh recordings ls")
            })?;
            (vec![session.to_string()], text)
        }
        (Some(_), _) => return Err(Error::usage("with --request only the text is named")),
        (None, _) => {
            return Err(Error::usage("name a session and a text, or a text and --request"));
        }
    };
    let mut found = Vec::new();
    for session in &sessions {
        let query = [("text", text.clone())];
        let page: Page<RecordingMatch> = api.read(&table::SEARCH, &[session], &query)?;
        found.extend(page.items.into_iter().map(|place| Found { session: session.clone(), place }));
    }
    let several = args.request.is_some();
    cx.show(&found, |out| {
        if found.is_empty() {
            return writeln!(out, "Not found.");
        }
        found.iter().try_for_each(|Found { session, place }| {
            if several {
                write!(out, "{session}  ")?;
            }
            writeln!(out, "{:>8}  {}", Offset(place.at_ms).to_string(), place.line)
        })
    })?;
    Ok(Exit::Done)
}

fn check(cx: &mut Context, args: &CheckArgs) -> Result<Exit, Error> {
    let session = args.session.to_string();
    let found: RecordingCheck = cx.api()?.read(&table::CHECK, &[&session], &[])?;
    cx.show(&found, |out| {
        found.problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
        let verdict = if found.intact { "intact" } else { "NOT intact" };
        writeln!(out, "{verdict}: SHA-256 {}", found.digest)
    })?;
    Ok(if found.intact { Exit::Done } else { Exit::Unproven })
}
