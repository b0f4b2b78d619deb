//! A passive reader of the SFTP protocol: what was done to which file, told from the bytes of both sides.
//!
//! Source: draft-ietf-secsh-filexfer-02 (version 3, what OpenSSH speaks) and OpenSSH's `PROTOCOL`, section 4.
//! Nothing is changed, delayed or answered. A request is reported when the server has answered it, so that an
//! event is what happened, not what was asked for. The reader follows one channel from its first byte; when
//! something does not fit the protocol or a limit it says so once, as [`FileEvent::Untracked`], and stops.

mod frame;

use std::collections::BTreeMap;

use frame::{Frame, Frames};

/// How many requests may be unanswered before the reader gives up.
const MAX_PENDING: usize = 4096;
/// How many handles may be open before the reader gives up.
const MAX_HANDLES: usize = 4096;
/// How many bytes of paths and handles are kept before the reader gives up.
const MAX_KEPT: usize = 4 * 1024 * 1024;
/// How many bytes of a path are kept in an event.
pub const MAX_PATH: usize = 4096;

/// Something that happened to a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileEvent {
    /// A file was opened.
    Opened {
        /// Its path as the client wrote it.
        path: String,
        /// Whether it was opened for writing, appending, creating or truncating.
        write: bool,
    },
    /// A file was closed; how much went through it.
    Closed {
        /// Its path.
        path: String,
        /// Bytes read from it.
        read: u64,
        /// Bytes written to it.
        written: u64,
    },
    /// A directory was listed.
    Listed {
        /// Its path.
        path: String,
    },
    /// One path was changed: removed, made, its attributes set.
    Changed {
        /// What was done.
        change: Change,
        /// The path.
        path: String,
    },
    /// A file got another name, or one more.
    Moved {
        /// What was done.
        change: Change,
        /// The old name, or what a link points to.
        from: String,
        /// The new name.
        to: String,
    },
    /// The server refused a request.
    Refused {
        /// What was asked for.
        change: Change,
        /// The path.
        path: String,
        /// The server's status code (section 7).
        status: u32,
    },
    /// The reader lost its way; nothing further on this channel is reported.
    Untracked {
        /// Why.
        why: &'static str,
    },
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Open a file.
    Open,
    /// Open a file for writing.
    OpenForWriting,
    /// Open a directory.
    List,
    /// Remove a file.
    Remove,
    /// Make a directory.
    MakeDirectory,
    /// Remove a directory.
    RemoveDirectory,
    /// Set attributes: mode, owner, size, times.
    SetAttributes,
    /// Rename.
    Rename,
    /// Make a symbolic link.
    Symlink,
    /// Make a hard link.
    Hardlink,
}

impl Change {
    /// A stable word for the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::OpenForWriting => "open-for-writing",
            Self::List => "list",
            Self::Remove => "remove",
            Self::MakeDirectory => "make-directory",
            Self::RemoveDirectory => "remove-directory",
            Self::SetAttributes => "set-attributes",
            Self::Rename => "rename",
            Self::Symlink => "symlink",
            Self::Hardlink => "hardlink",
        }
    }
}

#[derive(Debug)]
enum Pending {
    Path {
        change: Change,
        path: String,
    },
    Two {
        change: Change,
        from: String,
        to: String,
    },
    Read {
        handle: Vec<u8>,
    },
    Write {
        handle: Vec<u8>,
        len: u32,
    },
    Close {
        handle: Vec<u8>,
    },
    /// Of no interest, but its id is taken until it is answered.
    Other,
}

#[derive(Debug)]
struct Handle {
    path: String,
    directory: bool,
    read: u64,
    written: u64,
}

/// Follows one SFTP channel. See the module.
#[derive(Debug, Default)]
pub struct Follower {
    client: Frames,
    server: Frames,
    pending: BTreeMap<u32, Pending>,
    handles: BTreeMap<Vec<u8>, Handle>,
    /// Bytes that `pending` and `handles` hold.
    kept: usize,
    lost: bool,
}

impl Follower {
    /// A follower for a channel of which nothing has been seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that the client sent; what they tell is appended to `events`.
    pub fn client(&mut self, mut bytes: &[u8], events: &mut Vec<FileEvent>) {
        while !self.lost {
            match self.client.next(&mut bytes, frame::client_capture) {
                Ok(Some(frame)) => self.request(&frame, events),
                Ok(None) => return,
                Err(why) => self.lose(why, events),
            }
        }
    }

    /// Takes bytes that the server sent; what they tell is appended to `events`.
    pub fn server(&mut self, mut bytes: &[u8], events: &mut Vec<FileEvent>) {
        while !self.lost {
            match self.server.next(&mut bytes, frame::server_capture) {
                Ok(Some(frame)) => self.answer(&frame, events),
                Ok(None) => return,
                Err(why) => self.lose(why, events),
            }
        }
    }

    /// The channel has ended: files still open are reported as closed.
    pub fn finish(&mut self, events: &mut Vec<FileEvent>) {
        for (_, handle) in std::mem::take(&mut self.handles) {
            events.extend(handle.closed());
        }
    }

    fn lose(&mut self, why: &'static str, events: &mut Vec<FileEvent>) {
        self.lost = true;
        self.pending.clear();
        events.push(FileEvent::Untracked { why });
        self.finish(events);
    }

    fn request(&mut self, frame: &Frame, events: &mut Vec<FileEvent>) {
        let mut body = frame.body();
        let pending = match frame.kind {
            frame::INIT => return,
            frame::OPEN => body.path().and_then(|path| {
                // SSH_FXF_WRITE 2, APPEND 4, CREAT 8, TRUNC 16 (section 6.3).
                let write = body.u32()? & 0b1_1110 != 0;
                Some(Pending::Path {
                    change: if write { Change::OpenForWriting } else { Change::Open },
                    path,
                })
            }),
            frame::CLOSE => body.bytes().map(|handle| Pending::Close { handle: handle.to_vec() }),
            frame::READ => body.bytes().map(|handle| Pending::Read { handle: handle.to_vec() }),
            frame::WRITE => body
                .bytes()
                .map(<[u8]>::to_vec)
                .zip(body.u64())
                .zip(body.u32())
                .map(|((handle, _offset), len)| Pending::Write { handle, len }),
            frame::OPENDIR => body.path().map(|path| Pending::Path { change: Change::List, path }),
            frame::REMOVE => body.path().map(|path| Pending::Path { change: Change::Remove, path }),
            frame::MKDIR => {
                body.path().map(|path| Pending::Path { change: Change::MakeDirectory, path })
            }
            frame::RMDIR => {
                body.path().map(|path| Pending::Path { change: Change::RemoveDirectory, path })
            }
            frame::SETSTAT => {
                body.path().map(|path| Pending::Path { change: Change::SetAttributes, path })
            }
            frame::FSETSTAT => {
                let path = body
                    .bytes()
                    .and_then(|handle| self.handles.get(handle))
                    .map(|h| h.path.clone());
                let change = Change::SetAttributes;
                Some(path.map_or(Pending::Other, |path| Pending::Path { change, path }))
            }
            frame::RENAME => two(&mut body, Change::Rename),
            frame::SYMLINK => two(&mut body, Change::Symlink),
            frame::EXTENDED => match body.bytes() {
                Some(b"posix-rename@openssh.com") => two(&mut body, Change::Rename),
                Some(b"hardlink@openssh.com") => two(&mut body, Change::Hardlink),
                Some(b"lsetstat@openssh.com") => {
                    body.path().map(|path| Pending::Path { change: Change::SetAttributes, path })
                }
                Some(_) => Some(Pending::Other),
                None => None,
            },
            _ => Some(Pending::Other),
        };
        let Some(pending) = pending else { return self.lose("a request is malformed", events) };
        if self.pending.len() >= MAX_PENDING {
            return self.lose("too many requests are unanswered", events);
        }
        self.kept = self.kept.saturating_add(pending.kept());
        if self.kept > MAX_KEPT {
            return self.lose("too much is unanswered or open", events);
        }
        // The server answers each; which answer is whose could not be told, and one request could be
        // made to look like another.
        if self.pending.insert(frame.id, pending).is_some() {
            self.lose("a request has the id of one that is unanswered", events);
        }
    }

    fn answer(&mut self, frame: &Frame, events: &mut Vec<FileEvent>) {
        if frame.kind == frame::VERSION {
            return;
        }
        let Some(pending) = self.pending.remove(&frame.id) else { return };
        self.kept = self.kept.saturating_sub(pending.kept());
        let mut body = frame.body();
        match (frame.kind, pending) {
            (frame::HANDLE, Pending::Path { change, path }) => {
                let Some(handle) = body.bytes() else {
                    return self.lose("an answer is malformed", events);
                };
                if self.handles.len() >= MAX_HANDLES {
                    return self.lose("too many files are open", events);
                }
                let directory = change == Change::List;
                let write = change == Change::OpenForWriting;
                events.push(if directory {
                    FileEvent::Listed { path: path.clone() }
                } else {
                    FileEvent::Opened { path: path.clone(), write }
                });
                let opened = Handle { path, directory, read: 0, written: 0 };
                self.kept = self.kept.saturating_add(opened.kept(handle));
                // A server that gives a handle again has closed what it stood for.
                if let Some(former) = self.handles.insert(handle.to_vec(), opened) {
                    self.kept = self.kept.saturating_sub(former.kept(handle));
                    events.extend(former.closed());
                }
            }
            (frame::DATA, Pending::Read { handle }) => {
                let len = body.u32().unwrap_or(0);
                if let Some(handle) = self.handles.get_mut(&handle) {
                    handle.read = handle.read.saturating_add(u64::from(len));
                }
            }
            (_, Pending::Close { handle }) => {
                if let Some(closed) = self.handles.remove(&handle) {
                    self.kept = self.kept.saturating_sub(closed.kept(&handle));
                    events.extend(closed.closed());
                }
            }
            (frame::STATUS, Pending::Write { handle, len }) => {
                let written = if body.u32() == Some(0) { u64::from(len) } else { 0 };
                if let Some(handle) = self.handles.get_mut(&handle) {
                    handle.written = handle.written.saturating_add(written);
                }
            }
            (frame::STATUS, pending) => {
                let status = body.u32().unwrap_or(u32::MAX);
                events.extend(pending.settled(status));
            }
            _ => {}
        }
    }
}

impl Handle {
    /// How many bytes are kept for it, its name among the handles included.
    fn kept(&self, handle: &[u8]) -> usize {
        self.path.len().saturating_add(handle.len())
    }

    fn closed(self) -> Option<FileEvent> {
        let Self { path, directory, read, written } = self;
        (!directory).then_some(FileEvent::Closed { path, read, written })
    }
}

impl Pending {
    /// How many bytes are kept for it.
    fn kept(&self) -> usize {
        match self {
            Self::Path { path, .. } => path.len(),
            Self::Two { from, to, .. } => from.len().saturating_add(to.len()),
            Self::Close { handle } | Self::Read { handle } | Self::Write { handle, .. } => {
                handle.len()
            }
            Self::Other => 0,
        }
    }

    /// What a status answer to this request means.
    fn settled(self, status: u32) -> Option<FileEvent> {
        match (self, status) {
            (Self::Path { change, path }, 0) => Some(FileEvent::Changed { change, path }),
            (Self::Two { change, from, to }, 0) => Some(FileEvent::Moved { change, from, to }),
            (Self::Path { change, path } | Self::Two { change, from: path, .. }, status) => {
                Some(FileEvent::Refused { change, path, status })
            }
            (Self::Close { .. } | Self::Other | Self::Read { .. } | Self::Write { .. }, _) => None,
        }
    }
}

fn two(body: &mut frame::Body<'_>, change: Change) -> Option<Pending> {
    Some(Pending::Two { change, from: body.path()?, to: body.path()? })
}

#[cfg(test)]
mod tests;
