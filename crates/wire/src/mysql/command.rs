//! What a client sends when it is in: one command a packet, told apart by its first byte.
//!
//! [`Commands`] walks the client's bytes in place and stops at each command, so that it can be judged before any byte
//! of it is passed on. Of a command that is longer than what is worth looking at only the beginning is awaited; the
//! rest goes by as it comes.
//!
//! INVARIANT: nothing that a server would take for a command goes by unseen. A command is what stands where the last
//! packet, continued or not, has ended; the one exception is the file a server has asked for, see [`Commands::file`].

use super::cursor::{Cursor, Malformed};
use super::frame::{HEADER, Header};

/// The longest text of a statement that is looked at, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;
/// The longest beginning of an execution's values that is looked at, in bytes.
pub const MAX_VALUES: usize = 64 * 1024;
/// The longest other command: a database's name of 64 letters, a table's and a wildcard.
const MAX_SMALL: usize = 1024;

const SLEEP: u8 = 0x00;
const QUIT: u8 = 0x01;
const INIT_DB: u8 = 0x02;
const QUERY: u8 = 0x03;
const FIELD_LIST: u8 = 0x04;
const CREATE_DB: u8 = 0x05;
const DROP_DB: u8 = 0x06;
const REFRESH: u8 = 0x07;
const SHUTDOWN: u8 = 0x08;
const STATISTICS: u8 = 0x09;
const PROCESS_INFO: u8 = 0x0a;
const CONNECT: u8 = 0x0b;
const PROCESS_KILL: u8 = 0x0c;
const DEBUG: u8 = 0x0d;
const PING: u8 = 0x0e;
const CHANGE_USER: u8 = 0x11;
const BINLOG_DUMP: u8 = 0x12;
const TABLE_DUMP: u8 = 0x13;
const CONNECT_OUT: u8 = 0x14;
const REGISTER_SLAVE: u8 = 0x15;
const STMT_PREPARE: u8 = 0x16;
const STMT_EXECUTE: u8 = 0x17;
const STMT_SEND_LONG_DATA: u8 = 0x18;
const STMT_CLOSE: u8 = 0x19;
const STMT_RESET: u8 = 0x1a;
const SET_OPTION: u8 = 0x1b;
const STMT_FETCH: u8 = 0x1c;
const BINLOG_DUMP_GTID: u8 = 0x1e;
const RESET_CONNECTION: u8 = 0x1f;
const CLONE: u8 = 0x20;
const GROUP_REPLICATION: u8 = 0x21;
const STMT_BULK_EXECUTE: u8 = 0xfa;

/// A command. Where its packet is longer than what is looked at, texts and values are cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command<'a> {
    /// MariaDB: execute for many rows of values; the statement's id and what follows it.
    BulkExecute(u32, &'a [u8]),
    /// Become someone else on this connection.
    ChangeUser,
    /// Forget a prepared statement. Not answered.
    Close(u32),
    /// Write the server's state into its log.
    Debug,
    /// Execute a prepared statement; its id and what follows it.
    Execute(u32, &'a [u8]),
    /// More rows of a cursor: the statement's id.
    Fetch(u32),
    /// The columns of a table.
    FieldList(&'a [u8]),
    /// Change the default database.
    InitDb(&'a [u8]),
    /// A part of one value of an execution to come: the statement's id and the value's number. Not answered.
    LongData(u32, u16),
    /// Is the server there?
    Ping,
    /// Prepare a statement.
    Prepare(&'a [u8]),
    /// End a connection by its id.
    ProcessKill(u32),
    /// List connections.
    ProcessInfo,
    /// A statement, or several.
    Query(&'a [u8]),
    /// Leave. Not answered.
    Quit,
    /// Flush something: caches, logs.
    Refresh(u8),
    /// Read the binary log, or take part in replication, by this name.
    Replication(&'static str),
    /// Forget the session's state.
    ResetConnection,
    /// Forget a statement's long data and its cursor.
    ResetStatement(u32),
    /// Multi-statements on or off.
    SetOption(u16),
    /// Stop the server.
    Shutdown,
    /// A line about the server.
    Statistics,
    /// None of these; no server of today takes it from a client.
    Unknown(u8),
}

/// The form of a command's answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Columns until EOF, or an error.
    Fields,
    /// The head of a prepared statement, its parameters and columns, or an error.
    Prepared,
    /// Any number of results: OK, rows, a file asked for, or an error.
    Results,
    /// Rows without a head until EOF, or an error.
    Rows,
    /// One packet: OK, EOF or an error.
    Status,
    /// One packet of text.
    Text,
}

impl<'a> Command<'a> {
    /// Reads a command from the payload of its packet, or from the beginning of it.
    ///
    /// # Errors
    /// When its numbers break off.
    pub fn read(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(payload);
        let code = cursor.u8("a command")?;
        const STATEMENT: &str = "a statement's id";
        Ok(match code {
            QUIT => Self::Quit,
            INIT_DB => Self::InitDb(cursor.rest()),
            QUERY => Self::Query(cursor.rest()),
            FIELD_LIST => Self::FieldList(cursor.until_zero()),
            REFRESH => Self::Refresh(cursor.u8("what to flush")?),
            SHUTDOWN => Self::Shutdown,
            STATISTICS => Self::Statistics,
            PROCESS_INFO => Self::ProcessInfo,
            PROCESS_KILL => Self::ProcessKill(cursor.u32("a connection's id")?),
            DEBUG => Self::Debug,
            PING => Self::Ping,
            CHANGE_USER => Self::ChangeUser,
            BINLOG_DUMP => Self::Replication("COM_BINLOG_DUMP"),
            TABLE_DUMP => Self::Replication("COM_TABLE_DUMP"),
            CONNECT_OUT => Self::Replication("COM_CONNECT_OUT"),
            REGISTER_SLAVE => Self::Replication("COM_REGISTER_SLAVE"),
            BINLOG_DUMP_GTID => Self::Replication("COM_BINLOG_DUMP_GTID"),
            CLONE => Self::Replication("COM_CLONE"),
            GROUP_REPLICATION => Self::Replication("COM_SUBSCRIBE_GROUP_REPLICATION_STREAM"),
            STMT_PREPARE => Self::Prepare(cursor.rest()),
            STMT_EXECUTE => Self::Execute(cursor.u32(STATEMENT)?, cursor.rest()),
            STMT_BULK_EXECUTE => Self::BulkExecute(cursor.u32(STATEMENT)?, cursor.rest()),
            STMT_SEND_LONG_DATA => {
                Self::LongData(cursor.u32(STATEMENT)?, cursor.u16("a value's number")?)
            }
            STMT_CLOSE => Self::Close(cursor.u32(STATEMENT)?),
            STMT_RESET => Self::ResetStatement(cursor.u32(STATEMENT)?),
            SET_OPTION => Self::SetOption(cursor.u16("an option")?),
            STMT_FETCH => Self::Fetch(cursor.u32(STATEMENT)?),
            RESET_CONNECTION => Self::ResetConnection,
            SLEEP | CREATE_DB | DROP_DB | CONNECT => Self::Unknown(code),
            other => Self::Unknown(other),
        })
    }

    /// The form of its answer; `None` when it has none.
    #[must_use]
    pub const fn shape(&self) -> Option<Shape> {
        match self {
            Self::Close(_) | Self::LongData(..) | Self::Quit => None,
            Self::BulkExecute(..) | Self::Execute(..) | Self::ProcessInfo | Self::Query(_) => {
                Some(Shape::Results)
            }
            Self::Fetch(_) => Some(Shape::Rows),
            Self::FieldList(_) => Some(Shape::Fields),
            Self::Prepare(_) => Some(Shape::Prepared),
            Self::Statistics => Some(Shape::Text),
            Self::ChangeUser
            | Self::Debug
            | Self::InitDb(_)
            | Self::Ping
            | Self::ProcessKill(_)
            | Self::Refresh(_)
            | Self::Replication(_)
            | Self::ResetConnection
            | Self::ResetStatement(_)
            | Self::SetOption(_)
            | Self::Shutdown
            | Self::Unknown(_) => Some(Shape::Status),
        }
    }
}

/// How much of a command is looked at, its first byte included.
const fn looked_at(code: u8) -> usize {
    match code {
        QUERY | STMT_PREPARE => 1 + MAX_TEXT,
        STMT_EXECUTE | STMT_BULK_EXECUTE => 1 + MAX_VALUES,
        STMT_SEND_LONG_DATA => 7,
        _ => MAX_SMALL,
    }
}

/// What stands at the front of a client's bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Front<'a> {
    /// A command. [`Commands::pass`] or [`Commands::skip`] it.
    Command {
        /// Its payload, or the beginning of it.
        payload: &'a [u8],
        /// The bytes that hold what is seen of it.
        len: usize,
        /// The bytes of its payload, or of the first frame of it: more than are seen where it is long.
        length: usize,
        /// Its sequence number; 0, or the server refuses it.
        seq: u8,
    },
    /// So many bytes that belong to a command that was passed, or to a file.
    Rest(usize),
    /// So many bytes that belong to a command that was skipped.
    Skipped(usize),
    /// To know more, this many bytes must be seen, counted from the front.
    Wants(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Where a command begins.
    Command,
    /// Within a frame: what is left of it, and whether another continues it.
    Within { left: u32, continued: bool },
    /// At the head of a frame that continues a packet.
    Continuation,
}

/// Walks a client's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Commands {
    place: Place,
    skipping: bool,
    file: bool,
    seq: u8,
}

impl Default for Commands {
    fn default() -> Self {
        Self { place: Place::Command, skipping: false, file: false, seq: 0 }
    }
}

impl Commands {
    /// What stands at the front of `bytes`.
    #[must_use]
    pub fn front<'a>(&self, bytes: &'a [u8]) -> Front<'a> {
        match self.place {
            Place::Within { left, .. } => {
                if bytes.is_empty() {
                    return Front::Wants(1);
                }
                self.rest(bytes.len().min(left as usize))
            }
            Place::Continuation => {
                if bytes.len() < HEADER {
                    return Front::Wants(HEADER);
                }
                self.rest(HEADER)
            }
            Place::Command => {
                let Some(header) = Header::read(bytes) else { return Front::Wants(HEADER) };
                if self.file {
                    return self.rest(HEADER);
                }
                let len = header.len as usize;
                let Some(code) = bytes.get(HEADER).filter(|_| len > 0) else {
                    return if len > 0 {
                        Front::Wants(HEADER + 1)
                    } else {
                        Front::Command { payload: &[], len: HEADER, length: 0, seq: header.seq }
                    };
                };
                let seen = HEADER.saturating_add(len.min(looked_at(*code)));
                match bytes.get(HEADER..seen) {
                    Some(payload) => {
                        Front::Command { payload, len: seen, length: len, seq: header.seq }
                    }
                    None => Front::Wants(seen),
                }
            }
        }
    }

    fn rest<'a>(&self, n: usize) -> Front<'a> {
        if self.skipping { Front::Skipped(n) } else { Front::Rest(n) }
    }

    /// The command at the front of `bytes`, whose seen part has `len` bytes, goes to the server.
    pub fn pass(&mut self, bytes: &[u8], len: usize) {
        self.begin(bytes, len);
        self.skipping = false;
    }

    /// The command at the front goes nowhere; what is left of it comes as [`Front::Skipped`].
    pub fn skip(&mut self, bytes: &[u8], len: usize) {
        self.begin(bytes, len);
        self.skipping = self.place != Place::Command;
    }

    fn begin(&mut self, bytes: &[u8], len: usize) {
        let Some(header) = Header::read(bytes) else { return };
        self.seq = header.seq;
        let seen = len.saturating_sub(HEADER);
        self.place = after(
            header.len.saturating_sub(u32::try_from(seen).unwrap_or(u32::MAX)),
            header.continues(),
        );
    }

    /// `n` bytes of a [`Front::Rest`] or [`Front::Skipped`] at the front of `bytes` were taken.
    pub fn taken(&mut self, bytes: &[u8], n: usize) {
        match self.place {
            Place::Within { left, continued } => {
                let n = u32::try_from(n).unwrap_or(u32::MAX);
                self.place = after(left.saturating_sub(n), continued);
            }
            Place::Continuation | Place::Command => {
                let Some(header) = Header::read(bytes) else { return };
                self.seq = header.seq;
                if self.place == Place::Command && header.len == 0 {
                    // An empty packet ends a file ("Protocol::LOCAL_INFILE_Data").
                    self.file = false;
                }
                self.place = after(header.len, header.continues());
            }
        }
        if self.place == Place::Command && !self.file {
            self.skipping = false;
        }
    }

    /// The server has asked for a file: what comes until an empty packet is the file's.
    pub fn file(&mut self) {
        self.file = true;
        self.skipping = false;
    }

    /// Whether a file is being sent.
    #[must_use]
    pub const fn in_file(&self) -> bool {
        self.file
    }

    /// The sequence number of the frame that was seen last.
    #[must_use]
    pub const fn seq(&self) -> u8 {
        self.seq
    }

    /// Whether the last packet has been taken to its end.
    #[must_use]
    pub fn between(&self) -> bool {
        self.place == Place::Command && !self.file
    }
}

fn after(left: u32, continued: bool) -> Place {
    match (left, continued) {
        (0, true) => Place::Continuation,
        (0, false) => Place::Command,
        (left, continued) => Place::Within { left, continued },
    }
}
