//! One channel of a recording, ready to be shown: what to write to the screen, and when.

use std::collections::BTreeMap;

use api::cast::escape::Painting;
use api::cast::transcript::Transcript;
use api::cast::{Break, Event, Header, Reader, What};

/// Text that is held in memory at most, in bytes. What comes after is not played, and that is said.
pub const MAX_TEXT: usize = 512 << 20;

/// A recording, read.
#[derive(Debug, Default)]
pub struct Film {
    /// Columns and rows at the start.
    pub size: (u16, u16),
    /// What is shown, in order.
    pub frames: Vec<Frame>,
    /// When the last thing happened, in milliseconds.
    pub length_ms: u64,
    /// The channels there are, with how they began.
    pub channels: BTreeMap<u32, String>,
    /// Whether it is a database's: what is shown are statements, with their times, and there is nothing to animate.
    pub timeline: bool,
    /// Why the rest cannot be played, if it cannot.
    pub broken: Option<String>,
}

/// Something shown at a moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Milliseconds from the start.
    pub at_ms: u64,
    /// What.
    pub show: Show,
}

/// What is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Show {
    /// A marker, on the status line.
    Label(String),
    /// Text for the screen; harmless escapes only.
    Paint(String),
}

/// Reads a film from its bytes as they come.
#[derive(Debug)]
pub struct Developing {
    reader: Reader,
    wanted: Option<u32>,
    film: Film,
    painting: Painting,
    /// Whether the channel is a terminal: its line ends are its own.
    terminal: bool,
    text: usize,
    /// Whether the channel was asked for.
    asked: bool,
}

impl Developing {
    /// For this channel, or for the first terminal, or where there is none the first channel.
    #[must_use]
    pub fn new(wanted: Option<u32>) -> Self {
        Self {
            reader: Reader::new(),
            wanted,
            film: Film::default(),
            painting: Painting::default(),
            terminal: true,
            text: 0,
            asked: wanted.is_some(),
        }
    }

    /// More bytes. Says whether more can be used.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        self.reader.push(bytes);
        while self.film.broken.is_none() {
            match self.reader.next_event() {
                Ok(Some(event)) => self.take(&event),
                Ok(None) => break,
                Err(broken) => self.film.broken = Some(broken.to_string()),
            }
        }
        self.film.broken.is_none()
    }

    /// What has become ready since the last time. It is not in the film any more.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Frame> {
        self.text = 0;
        self.film.frames.drain(..)
    }

    /// The bytes have ended; `why` if they ended too early.
    #[must_use]
    pub fn finish(mut self, why: Option<String>) -> (Film, Option<Header>) {
        let ended: Result<(), Break> = self.reader.finish();
        if self.film.broken.is_none() {
            self.film.broken = why.or_else(|| ended.err().map(|broken| broken.to_string()));
        }
        let header = self.reader.header().cloned();
        if let Some(header) = &header {
            self.film.size = (header.cols, header.rows);
        }
        (self.film, header)
    }

    fn take(&mut self, event: &Event) {
        self.film.length_ms = self.film.length_ms.max(event.at_ms);
        if let What::Begin { kind, text } = &event.what {
            let name = if text.is_empty() { kind.clone() } else { format!("{kind}: {text}") };
            self.film.channels.insert(event.channel, name);
            self.choose(event.channel, kind == "terminal");
        }
        if event.channel != *self.wanted.get_or_insert(event.channel) {
            return;
        }
        match &event.what {
            What::Output(text) | What::Error(text) => self.paint(event.at_ms, text),
            What::Marker(label) => self.label(event.at_ms, label.clone()),
            What::Exit(status) => self.label(event.at_ms, format!("exit status {status}")),
            What::Omitted { bytes, .. } => {
                let label = format!("{} not kept", crate::when::size(*bytes));
                self.label(event.at_ms, label);
            }
            What::Call(_) | What::Statement(_) => {
                let mut lines = String::new();
                Transcript::default().push(event, |line| {
                    lines.push_str(&line.timed());
                    lines.push('\n');
                });
                self.film.timeline = true;
                self.paint(event.at_ms, &lines);
            }
            What::Begin { .. }
            | What::Digest { .. }
            | What::Input(_)
            | What::Other(_)
            | What::Resize(..) => {}
        }
    }

    /// The channel that was asked for, or the first; a terminal that begins before anything was shown is preferred.
    fn choose(&mut self, channel: u32, terminal: bool) {
        let better = !self.asked && terminal && !self.terminal && self.film.frames.is_empty();
        if *self.wanted.get_or_insert(channel) == channel || better {
            self.wanted = Some(channel);
            self.terminal = terminal;
        }
    }

    fn paint(&mut self, at_ms: u64, text: &str) {
        if self.text > MAX_TEXT {
            self.film.broken =
                Some(format!("it is longer than {} of text", crate::when::size(MAX_TEXT as u64)));
            return;
        }
        let mut shown = String::new();
        if self.terminal {
            self.painting.filter(text, &mut shown);
        } else {
            // Without a terminal nobody turned line feeds into line ends.
            self.painting.filter(&text.replace("\r\n", "\n").replace('\n', "\r\n"), &mut shown);
        }
        self.text += shown.len();
        if !shown.is_empty() {
            self.film.frames.push(Frame { at_ms, show: Show::Paint(shown) });
        }
    }

    fn label(&mut self, at_ms: u64, label: String) {
        self.film.frames.push(Frame { at_ms, show: Show::Label(label) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(wanted: Option<u32>, lines: &[&str]) -> Film {
        let mut developing = Developing::new(wanted);
        developing.push(b"{\"version\":3,\"term\":{\"cols\":100,\"rows\":30}}\n");
        for line in lines {
            developing.push(format!("{line}\n").as_bytes());
        }
        developing.finish(None).0
    }

    fn painted(film: &Film) -> Vec<(u64, String)> {
        film.frames
            .iter()
            .map(|frame| match &frame.show {
                Show::Paint(text) => (frame.at_ms, text.clone()),
                Show::Label(text) => (frame.at_ms, format!("[{text}]")),
            })
            .collect()
    }

    #[test]
    fn any_cast_file_is_shown() {
        let film = film(
            None,
            &[r#"[1,"o","hi\n"]"#, r#"[0.5,"i","x"]"#, r#"[0.5,"m","mark"]"#, r#"[1,"x","1"]"#],
        );
        assert_eq!(film.size, (100, 30));
        assert_eq!(film.length_ms, 3000);
        assert_eq!(
            painted(&film),
            [(1000, "hi\n".into()), (2000, "[mark]".into()), (3000, "[exit status 1]".into())]
        );
        assert!(film.broken.is_none());
    }

    #[test]
    fn a_channel_without_a_terminal_gets_its_line_ends() {
        let lines = [r#"[0,"b","command ls"]"#, r#"[0,"o","a\nb\r\n"]"#];
        assert_eq!(painted(&film(None, &lines)), [(0, "a\r\nb\r\n".into())]);
    }

    #[test]
    fn one_channel_is_shown_and_the_others_are_named() {
        let lines = [
            r#"[0,"b","terminal"]"#,
            r#"[0,"o","zero"]"#,
            r#"[0,"c","1"]"#,
            r#"[0,"b","command id"]"#,
            r#"[0,"o","one"]"#,
        ];
        assert_eq!(painted(&film(None, &lines)), [(0, "zero".into())]);
        let second = film(Some(1), &lines);
        assert_eq!(painted(&second), [(0, "one".into())]);
        assert_eq!(
            second.channels.into_iter().collect::<Vec<_>>(),
            [(0, "terminal".into()), (1, "command: id".into())]
        );
    }

    #[test]
    fn nothing_dangerous_is_shown() {
        let lines = [r#"[0,"o","a\u001b]52;c;eA==\u0007\u001b[6nb"]"#];
        assert_eq!(painted(&film(None, &lines)), [(0, "ab".into())]);
    }

    #[test]
    fn a_broken_file_is_shown_up_to_the_break() {
        let film = film(None, &[r#"[0,"o","a"]"#, "[0,\"o\",", r#"[0,"o","never"]"#]);
        assert_eq!(painted(&film), [(0, "a".into())]);
        assert!(film.broken.unwrap().starts_with("line 3: not an event"));
    }
}
