//! Where a recording's bytes come from: the server, a file, or standard input.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use access::name::SessionId;
use api::endpoints::recordings::CONTENT;

use crate::client::Api;
use crate::context::Context;
use crate::error::Error;

/// Bytes that are read from a file at once.
const PIECE: usize = 64 << 10;

/// A recording that can be read once.
pub(super) struct Source {
    from: From,
    name: String,
}

enum From {
    File(Box<dyn Read>),
    Session { api: Box<Api>, follow: bool },
}

impl Source {
    /// The recording of a session, or of a file; with `follow`, for as long as the session runs.
    ///
    /// # Errors
    /// There is no such session or file; only a session can be followed.
    pub(super) fn open(cx: &Context, recording: &str, follow: bool) -> Result<Self, Error> {
        let path = Path::new(recording);
        let shown = access::display::shown(recording);
        let from = if recording != "-" && !path.exists() {
            if recording.parse::<SessionId>().is_err() {
                let error = format!("`{shown}` is neither a session's id nor a file");
                return Err(Error::not_found(error).hint("list recordings with: tsh recordings ls"));
            }
            From::Session { api: Box::new(cx.api()?), follow }
        } else if follow {
            return Err(Error::usage(format!("`{shown}` is a file: only a session is followed"))
                .hint("list sessions that run with: tsh recordings ls"));
        } else if recording == "-" {
            From::File(Box::new(std::io::stdin()))
        } else {
            let file = File::open(path).map_err(|error| unreadable(&shown, error))?;
            From::File(Box::new(file))
        };
        Ok(Self { from, name: recording.to_owned() })
    }

    /// Hands the bytes to `sink` as they come.
    ///
    /// # Errors
    /// They cannot be read to their end, or whatever `sink` says.
    pub(super) fn read(
        self,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self.from {
            From::Session { api, follow } => {
                let query: &[_] = if follow { &[("follow", "true".to_owned())] } else { &[] };
                api.download(&CONTENT, &[&self.name], query, sink)
            }
            From::File(mut file) => {
                let mut bytes = vec![0; PIECE];
                loop {
                    let read = file
                        .read(&mut bytes)
                        .map_err(|error| unreadable(&access::display::shown(&self.name), error))?;
                    match read {
                        0 => return Ok(()),
                        read => sink(bytes.get(..read).unwrap_or_default())?,
                    }
                }
            }
        }
    }
}

fn unreadable(shown: &str, error: std::io::Error) -> Error {
    Error::usage(format!("cannot read `{shown}`")).because(error)
}
