//! One session's recording inside its writer thread: events into lines, lines into parts.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::recording::{Meta, Outcome, Press, Sealed, Spool};
use tokio::time::Instant;
use wire::cast::{Encoder, Event, Header, Stream};

use super::batch::{Batch, Entries};
use super::fuse::Fuse;
use super::tally::{Total, Totals};
use super::track::Track;
use super::{Broken, Ending, Purpose};

/// Bytes of lines after which a part is written.
const PART: usize = 1 << 20;
/// How long lines wait for their part to fill: what a crash can take.
const PART_AGE: Duration = Duration::from_secs(10);
/// The same while someone watches.
const FOLLOWED_AGE: Duration = Duration::from_secs(1);
/// The terminal of a session that has none, as asciicast wants one.
const NO_TERMINAL: (u16, u16) = (80, 24);

pub(super) struct Sitting {
    spool: Spool,
    /// Bytes on disk after which it ends.
    most: Option<u64>,
    fuse: Arc<Fuse>,
    began: Instant,
    encoder: Encoder,
    lines: Vec<u8>,
    /// When the oldest line that is not on disk came.
    waiting_since: Option<Instant>,
    /// The offset the lines' first interval counts from.
    part_start: Duration,
    headed: bool,
    broken: bool,
    full: bool,
    // Boxed: a node of the map has room for eleven, and most sessions have one.
    channels: BTreeMap<u32, Box<Channel>>,
}

struct Channel {
    output: Track,
    error: Track,
    input: Track,
}

impl Sitting {
    pub(super) fn new(spool: Spool, most: Option<u64>, fuse: Arc<Fuse>, began: Instant) -> Self {
        Self {
            spool,
            most,
            fuse,
            began,
            encoder: Encoder::default(),
            lines: Vec::new(),
            waiting_since: None,
            part_start: Duration::ZERO,
            headed: false,
            broken: false,
            full: false,
            channels: BTreeMap::new(),
        }
    }

    /// Bytes in memory that are not on disk yet.
    pub(super) fn waiting(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= PART
    }

    /// Whether its lines have waited long enough.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let age = if self.spool.followed() { FOLLOWED_AGE } else { PART_AGE };
        self.waiting_since.is_some_and(|since| now.duration_since(since) >= age)
    }

    pub(super) fn begin(&mut self, at: Instant, channel: u32, purpose: &Purpose) {
        self.head(Some(purpose));
        let tracks = Channel {
            output: Track::new(Stream::Output),
            error: Track::new(Stream::Error),
            input: Track::new(Stream::Input),
        };
        self.channels.insert(channel, Box::new(tracks));
        self.event(at, channel, Event::Begin { kind: purpose.kind(), text: purpose.text() });
        if let Purpose::Terminal { cols, rows, .. } = purpose {
            self.event(at, channel, Event::Resize { cols: *cols, rows: *rows });
        }
    }

    pub(super) fn bytes(&mut self, at: Instant, channel: u32, stream: Stream, bytes: &[u8]) {
        let offset = at.duration_since(self.began);
        let Some(tracks) = self.channels.get_mut(&channel) else { return };
        let track = match stream {
            Stream::Error => &mut tracks.error,
            Stream::Input => &mut tracks.input,
            Stream::Output => &mut tracks.output,
        };
        track.take(offset, channel, bytes, &mut self.encoder, &mut self.lines);
        self.touch(at);
    }

    pub(super) fn resize(&mut self, at: Instant, channel: u32, cols: u16, rows: u16) {
        self.event(at, channel, Event::Resize { cols, rows });
    }

    pub(super) fn note(&mut self, at: Instant, channel: u32, text: &str) {
        self.event(at, channel, Event::Marker(text));
    }

    pub(super) fn statements(&mut self, channel: u32, batch: &Batch) {
        for (at, json) in batch.entries() {
            let event = match batch.kind() {
                Entries::Calls => Event::Call(json),
                Entries::Statements => Event::Statement(json),
            };
            self.event(at, channel, event);
        }
    }

    pub(super) fn end(&mut self, at: Instant, channel: u32, ending: &Ending, totals: &Totals) {
        let Some(tracks) = self.channels.remove(&channel) else { return };
        let offset = at.duration_since(self.began);
        let Totals { output, error, input } = totals;
        let ended: [(Track, &Total); 3] =
            [(tracks.output, output), (tracks.error, error), (tracks.input, input)];
        for (track, total) in ended {
            track.end(offset, channel, total, &mut self.encoder, &mut self.lines);
        }
        match ending {
            Ending::Status(status) => self.event(at, channel, Event::Exit(*status)),
            Ending::Signal(signal) => {
                self.event(at, channel, Event::Marker(&format!("ended by signal {signal}")))
            }
            Ending::Closed => self.touch(at),
        }
    }

    /// Writes the waiting lines as a part. When the disk does not take them, the recording is broken: it keeps what
    /// is on disk, and its session is told.
    pub(super) fn flush(&mut self, press: &mut Press) {
        self.write(press);
        if let Some(most) = self.most.filter(|most| !self.is_over() && self.spool.bytes() >= *most)
        {
            self.fill(most, press);
        }
    }

    fn write(&mut self, press: &mut Press) {
        self.waiting_since = None;
        if self.lines.is_empty() || self.is_over() {
            self.lines = Vec::new();
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        if let Err(error) = self.spool.put(press, self.part_start, &lines) {
            self.break_off(&error);
        }
        self.part_start = self.encoder.offset();
        self.encoder.restart();
    }

    /// It has as many bytes as its role allows: its last line says so.
    fn fill(&mut self, most: u64, press: &mut Press) {
        let text = format!("the recording ends here: its role allows {most} bytes");
        self.encoder.event(self.part_start, 0, Event::Marker(&text), &mut self.lines);
        self.write(press);
        self.full = true;
        self.fuse.blow(Broken::Full);
    }

    /// Whether nothing is written any more.
    fn is_over(&self) -> bool {
        self.broken || self.full
    }

    /// Writes the seal. Whoever held the channels has ended them.
    pub(super) fn seal(
        mut self,
        at: Instant,
        outcome: Outcome,
        ended: Timestamp,
        press: &mut Press,
    ) -> Sealed {
        self.head(None);
        match &outcome {
            Outcome::Cut(code) | Outcome::Failed(code) => {
                self.note(at, 0, &format!("session ended: {code}"))
            }
            Outcome::Finished | Outcome::Interrupted => {}
        }
        self.flush(press);
        let (sealed, written) = self.spool.seal(outcome, ended, self.broken);
        if let Err(error) = written {
            tracing::error!(session = sealed.meta.session, %error, "the seal of a recording cannot be written");
        }
        sealed
    }

    pub(super) fn discard(self) {
        self.spool.discard();
    }

    /// The writer stops: the session must not go on.
    pub(super) fn abandon(&self) {
        self.fuse.blow(Broken::Unwritable);
    }

    fn event(&mut self, at: Instant, channel: u32, event: Event<'_>) {
        self.head(None);
        self.encoder.event(at.duration_since(self.began), channel, event, &mut self.lines);
        self.touch(at);
    }

    fn touch(&mut self, at: Instant) {
        if !self.lines.is_empty() {
            self.waiting_since.get_or_insert(at);
        }
        if self.is_over() {
            self.lines.clear();
        }
    }

    /// The header comes before the first event, when the first terminal's size is known.
    fn head(&mut self, purpose: Option<&Purpose>) {
        if std::mem::replace(&mut self.headed, true) {
            return;
        }
        let (term, (cols, rows)) = match purpose {
            Some(Purpose::Terminal { term, cols, rows, .. }) => {
                (Some(term.as_str()), (*cols, *rows))
            }
            Some(
                Purpose::Calls { .. }
                | Purpose::Command(_)
                | Purpose::Shell
                | Purpose::Statements { .. }
                | Purpose::Subsystem(_),
            )
            | None => (None, NO_TERMINAL),
        };
        let meta: &Meta = self.spool.meta();
        let title = format!("{}@{}", meta.login, meta.target);
        let requests = meta.requests.join(" ");
        let about = [
            ("session", meta.session.as_str()),
            ("user", &meta.user),
            ("target", &meta.target),
            ("login", &meta.login),
            ("requests", &requests),
        ];
        let header = Header {
            cols,
            rows,
            term,
            timestamp: meta.started.as_second(),
            title: Some(&title),
            command: purpose.map(Purpose::text).filter(|text| !text.is_empty()),
            about: &about,
        };
        Encoder::header(&header, &mut self.lines);
    }

    fn break_off(&mut self, error: &io::Error) {
        tracing::error!(session = self.spool.meta().session, %error, "a recording cannot be written any more");
        self.broken = true;
        self.fuse.blow(Broken::Unwritable);
    }
}
