//! Recordings as text: searched, and exported to be read.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;

use api::cast::transcript::{Line, Transcript};
use api::cast::{Break, Reader};
use api::recording::{MAX_MATCHES, RecordingMatch};
use bytes::Bytes;
use futures_util::Stream;

use super::{Playback, ReadError};

impl Playback {
    /// The lines that hold `text`, in any case of ASCII letters; at most [`MAX_MATCHES`].
    ///
    /// # Errors
    /// A part cannot be read.
    pub async fn search(mut self, text: &str) -> Result<Vec<RecordingMatch>, ReadError> {
        let wanted = text.to_ascii_lowercase();
        let mut found = Vec::new();
        let mut pages = Pages::default();
        loop {
            let next = self.next().await.transpose()?;
            let over = next.is_none();
            for line in pages.turn(next)? {
                if line.text.to_ascii_lowercase().contains(&wanted) {
                    found.push(RecordingMatch {
                        at_ms: line.at_ms,
                        channel: line.channel,
                        line: line.text,
                    });
                }
                if found.len() == MAX_MATCHES {
                    return Ok(found);
                }
            }
            if over {
                return Ok(found);
            }
        }
    }

    /// The recording as plain text, without escapes; lines of channels other than 0 say which.
    pub fn into_text(self) -> impl Stream<Item = Result<Bytes, ReadError>> + Send {
        let state = Some((self, Pages::default()));
        futures_util::stream::unfold(state, |state| async move {
            let (mut playback, mut pages) = state?;
            let next = match playback.next().await.transpose() {
                Ok(next) => next,
                Err(error) => return Some((Err(error), None)),
            };
            let over = next.is_none();
            let lines = match pages.turn(next) {
                Ok(lines) => lines,
                Err(error) => return Some((Err(error), None)),
            };
            let mut text = String::new();
            for line in lines {
                let (channel, line) = (line.channel, line.timed());
                // Writing to a String cannot fail.
                let _ = if channel == 0 {
                    writeln!(text, "{line}")
                } else {
                    writeln!(text, "#{channel} {line}")
                };
            }
            Some((Ok(text.into()), (!over).then_some((playback, pages))))
        })
    }
}

/// Parts into lines.
#[derive(Default)]
struct Pages {
    reader: Reader,
    transcript: Transcript,
    part: u32,
}

impl Pages {
    /// The lines that `part` completes; without a part, those that are left.
    fn turn(&mut self, part: Option<Bytes>) -> Result<VecDeque<Line>, ReadError> {
        let mut lines = VecDeque::new();
        let Some(part) = part else {
            self.transcript.finish(|line| lines.push_back(line));
            return Ok(lines);
        };
        self.reader.push(&part);
        while let Some(event) = self.reader.next_event().map_err(|error| self.broken(error))? {
            self.transcript.push(&event, |line| lines.push_back(line));
        }
        self.part += 1;
        Ok(lines)
    }

    fn broken(&self, error: Break) -> ReadError {
        ReadError::Part {
            part: self.part,
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
