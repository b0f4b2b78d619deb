//! What is recorded of `exec` and `attach`: a terminal as it looked, or what a program read and wrote.

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::Mutex;
use wire::kube::{Channel, Program};

use super::follow::Heard;
use crate::record::{Broken, ChannelId, Ending, Purpose, Recording};

/// The most of a size, or of a status, that is kept until it is whole.
const MAX_NOTE: usize = 16 * 1024;
/// The size of a terminal until the client has said one.
const SIZE: (u16, u16) = (80, 24);

/// The recording of one program.
pub(super) struct Tape {
    recording: Recording,
    channel: ChannelId,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    size: Vec<u8>,
    status: Vec<u8>,
}

#[derive(Deserialize)]
struct Size {
    #[serde(rename = "Width")]
    width: u16,
    #[serde(rename = "Height")]
    height: u16,
}

/// How a program ended (Kubernetes API, `Status` on the error channel of `v4.channel.k8s.io`).
#[derive(Deserialize)]
struct Status {
    status: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    reason: Option<String>,
    message: Option<String>,
}

impl Tape {
    /// Begins to record a program.
    ///
    /// # Errors
    /// The recording is broken, and the session must not go on without it; so for all that follow.
    pub(super) async fn begin(recording: &Recording, program: &Program) -> Result<Self, Broken> {
        let line = program.command.join(" ");
        let purpose = match (program.tty, line.is_empty()) {
            (true, empty) => Purpose::Terminal {
                term: "xterm".to_owned(),
                cols: SIZE.0,
                rows: SIZE.1,
                command: (!empty).then_some(line),
            },
            (false, true) => Purpose::Shell,
            (false, false) => Purpose::Command(line),
        };
        let channel = recording.begin(purpose).await?;
        Ok(Self { recording: recording.clone(), channel, notes: Mutex::default() })
    }

    /// Records what was said.
    pub(super) async fn keep(&self, heard: Vec<Heard>) -> Result<(), Broken> {
        for (channel, bytes) in heard {
            match channel {
                Channel::Stdout => self.recording.output(self.channel, &bytes).await?,
                Channel::Stderr => self.recording.error(self.channel, &bytes).await?,
                Channel::Stdin => self.recording.input(self.channel, &bytes).await?,
                Channel::Resize => self.resize(&bytes).await?,
                Channel::Error => {
                    let mut notes = self.notes.lock().await;
                    if notes.status.len().saturating_add(bytes.len()) <= MAX_NOTE {
                        notes.status.extend_from_slice(&bytes);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sizes come as objects, one after the other; the last whole one counts.
    async fn resize(&self, bytes: &Bytes) -> Result<(), Broken> {
        let mut notes = self.notes.lock().await;
        notes.size.extend_from_slice(bytes);
        let mut sizes = serde_json::Deserializer::from_slice(&notes.size).into_iter::<Size>();
        let mut last = None;
        while let Some(Ok(size)) = sizes.next() {
            last = Some(size);
        }
        let read = sizes.byte_offset();
        let read = read.min(notes.size.len());
        notes.size.drain(..read);
        if notes.size.len() > MAX_NOTE {
            notes.size.clear();
        }
        drop(notes);
        match last {
            Some(Size { width, height }) => {
                self.recording.resize(self.channel, width, height).await
            }
            None => Ok(()),
        }
    }

    /// The program has ended.
    pub(super) async fn end(&self) {
        let ending = ending(&self.notes.lock().await.status);
        // A recording that is broken has ended the session already.
        let _ = self.recording.end(self.channel, ending).await;
    }
}

fn ending(status: &[u8]) -> Ending {
    let Ok(Status { status, details }) = serde_json::from_slice(status) else {
        return Ending::Closed;
    };
    if status.as_deref() == Some("Success") {
        return Ending::Status(0);
    }
    let causes = details.map(|details| details.causes).unwrap_or_default();
    let code = causes
        .iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .and_then(|cause| cause.message.as_deref()?.parse().ok());
    code.map_or(Ending::Closed, Ending::Status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_how_a_program_ended() {
        assert_eq!(ending(br#"{"status":"Success"}"#), Ending::Status(0));
        let failed = br#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
        assert_eq!(ending(failed), Ending::Status(3));
        assert_eq!(ending(br#"{"status":"Failure","message":"no"}"#), Ending::Closed);
        assert_eq!(ending(b""), Ending::Closed);
    }
}
