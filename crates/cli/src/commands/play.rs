//! `tsh play`: a recording on the terminal, or as text.

mod follow;
mod source;

use std::io::Write as _;

use api::cast::transcript::Transcript;
use api::cast::{Event, Reader, What};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Format;
use crate::player::deck::{SPEEDS, Settings};
use crate::player::film::{Developing, Film, Show};
use crate::player::offset::Offset;
use crate::player::{self, Ended};
use source::Source;

/// Replay a session
///
/// On a terminal it plays: space pauses, ← and → go five seconds, `,` and `.` one step, `+` and `-` change the speed,
/// 0 to 9 jump, i cuts idle time, q ends. Elsewhere, or with --text, it prints what was shown; --format=json prints
/// every event. A database session is printed as a timeline: its statements with the values bound to them, and what
/// became of each.
///
///     tsh play bc8ca931-fec9-4b15
///     tsh play session.cast --speed 2 --skip-idle 1s --from 1:23
///     tsh play bc8ca931-fec9-4b15 --text | less
///     tsh play --follow bc8ca931-fec9-4b15
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct PlayArgs {
    /// A session's id, an asciicast file, or `-` for standard input
    recording: String,
    /// How much faster than it was: 0.05 to 64
    #[arg(long, default_value = "1", value_parser = speed, value_name = "FACTOR")]
    speed: f64,
    /// Cut pauses longer than this
    #[arg(long, value_name = "TIME")]
    skip_idle: Option<Offset>,
    /// Begin here
    #[arg(long, value_name = "TIME")]
    from: Option<Offset>,
    /// Which channel, where a session has several
    #[arg(long, value_name = "NUMBER")]
    channel: Option<u32>,
    /// Watch a session while it runs, until it ends
    #[arg(long, short = 'f', conflicts_with_all = ["speed", "skip_idle", "from"])]
    follow: bool,
    /// Print as plain text instead of playing
    #[arg(long)]
    text: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "expected a number such as 2 or 0.5".to_owned())?;
    let (slowest, fastest) = SPEEDS;
    if (slowest..=fastest).contains(&speed) {
        Ok(speed)
    } else {
        Err(format!("expected {slowest} to {fastest}"))
    }
}

/// Plays a recording.
///
/// # Errors
/// It cannot be fetched or read, or breaks off; then it was played up to there.
pub fn run(cx: &mut Context, args: PlayArgs) -> Result<Exit, Error> {
    match cx.format {
        Format::Text if cx.terminal.output && args.follow && !args.text => follow::watch(cx, &args),
        Format::Text if cx.terminal.input && cx.terminal.output && !args.text => watch(cx, &args),
        Format::Text => transcript(cx, &args),
        Format::Json => events(cx, &args),
        Format::Yaml => {
            Err(Error::usage("a recording cannot be written as YAML").hint("use --format=json"))
        }
    }
}

fn watch(cx: &mut Context, args: &PlayArgs) -> Result<Exit, Error> {
    let mut developing = Developing::new(args.channel);
    let fetched = Source::open(cx, &args.recording, false)?.read(|bytes| {
        developing.push(bytes);
        Ok(())
    });
    let early = fetched.as_ref().err().map(ToString::to_string);
    let (film, header) = developing.finish(early);
    if header.is_none() {
        fetched?;
    }
    if let Some(channel) = args.channel
        && !film.channels.contains_key(&channel)
        && film.frames.is_empty()
    {
        return Err(Error::not_found(format!("there is no channel {channel} in this recording"))
            .hint(channels(&film.channels)));
    }
    if film.timeline {
        return timeline(cx, film, args);
    }
    let settings = Settings {
        speed: args.speed,
        idle_ms: args.skip_idle.map(|Offset(ms)| ms),
        from_ms: args.from.map_or(0, |Offset(ms)| ms),
    };
    cx.out.flush()?;
    let ended = player::play(&film, settings).map_err(|error| {
        Error::internal("cannot play on this terminal").because(error).hint("print it with --text")
    })?;
    if film.channels.len() > 1 {
        writeln!(cx.err, "hint: {}", channels(&film.channels))?;
    }
    match (film.broken, ended) {
        (Some(why), Ended::Done) => Err(breaks_off(&why)),
        (None, Ended::Done) => Ok(Exit::Done),
        (_, Ended::Interrupted) => Ok(Exit::Interrupted),
    }
}

/// What a database session said, with the times: nobody waits for that to be typed again.
fn timeline(cx: &mut Context, film: Film, args: &PlayArgs) -> Result<Exit, Error> {
    let from = args.from.map_or(0, |Offset(ms)| ms);
    for frame in film.frames.into_iter().filter(|frame| frame.at_ms >= from) {
        match frame.show {
            Show::Paint(text) => cx.out.raw().write_all(text.as_bytes())?,
            Show::Label(label) => writeln!(cx.out, "[{}]", access::display::shown(&label))?,
        }
    }
    match film.broken {
        Some(why) => Err(breaks_off(&why)),
        None => Ok(Exit::Done),
    }
}

fn channels(channels: &std::collections::BTreeMap<u32, String>) -> String {
    let list: Vec<String> = channels
        .iter()
        .map(|(number, name)| format!("{number} ({})", access::display::shown_short(name, 40)))
        .collect();
    format!("this recording has the channels {}: choose one with --channel", list.join(", "))
}

fn breaks_off(why: &str) -> Error {
    Error::new(
        Exit::Unproven,
        format!("the recording breaks off here: {}", access::display::shown(why)),
    )
}

/// Events one by one, whatever they are shown as.
fn each(
    cx: &mut Context,
    args: &PlayArgs,
    mut take: impl FnMut(&mut Context, &Event) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader::new();
    let from = args.from.map_or(0, |Offset(ms)| ms);
    let fetched = Source::open(cx, &args.recording, args.follow)?.read(|bytes| {
        reader.push(bytes);
        while let Some(event) =
            reader.next_event().map_err(|broken| breaks_off(&broken.to_string()))?
        {
            let wanted = args.channel.is_none_or(|channel| channel == event.channel);
            if wanted && event.at_ms >= from {
                take(cx, &event)?;
            }
        }
        // Whoever follows sees each piece as it comes.
        if args.follow { Ok(cx.out.flush()?) } else { Ok(()) }
    });
    fetched?;
    reader.finish().map_err(|broken| breaks_off(&broken.to_string()))
}

fn transcript(cx: &mut Context, args: &PlayArgs) -> Result<Exit, Error> {
    let mut transcript = Transcript::default();
    let mut lines = Vec::new();
    let ended = each(cx, args, |cx, event| {
        transcript.push(event, |line| lines.push(line));
        for line in lines.drain(..) {
            writeln!(cx.out, "{}", line.timed())?;
        }
        Ok(())
    });
    transcript.finish(|line| lines.push(line));
    for line in lines {
        writeln!(cx.out, "{}", line.timed())?;
    }
    ended.map(|()| Exit::Done)
}

fn events(cx: &mut Context, args: &PlayArgs) -> Result<Exit, Error> {
    each(cx, args, |cx, event| {
        let line = as_json(event);
        Ok(writeln!(cx.out, "{line}")?)
    })?;
    Ok(Exit::Done)
}

/// An event as a line of JSON: what `event` says it is, when, and on which channel.
pub(crate) fn as_json(event: &Event) -> serde_json::Value {
    let mut line = match &event.what {
        What::Begin { kind, text } => json!({"event": "begin", "kind": kind, "text": text}),
        What::Call(call) => {
            let mut line = json!(call);
            if let Some(fields) = line.as_object_mut() {
                fields.insert("event".to_owned(), "call".into());
            }
            line
        }
        What::Digest { stream, bytes, blake3 } => {
            json!({"event": "digest", "stream": stream, "bytes": bytes, "blake3": blake3})
        }
        What::Error(text) => json!({"event": "error", "text": text}),
        What::Exit(status) => json!({"event": "exit", "status": status}),
        What::Input(text) => json!({"event": "input", "text": text}),
        What::Marker(text) => json!({"event": "marker", "text": text}),
        What::Omitted { stream, bytes, blake3 } => {
            json!({"event": "omitted", "stream": stream, "bytes": bytes, "blake3": blake3})
        }
        What::Other(code) => json!({"event": "other", "code": code}),
        What::Output(text) => json!({"event": "output", "text": text}),
        What::Statement(statement) => {
            let mut line = json!(statement);
            if let Some(fields) = line.as_object_mut() {
                fields.insert("event".to_owned(), "statement".into());
            }
            line
        }
        What::Resize(cols, rows) => json!({"event": "resize", "cols": cols, "rows": rows}),
    };
    if let Some(fields) = line.as_object_mut() {
        fields.insert("at_ms".to_owned(), event.at_ms.into());
        fields.insert("channel".to_owned(), event.channel.into());
    }
    line
}
