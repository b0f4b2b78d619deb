//! What a server answers, walked in place.
//!
//! [`Replies`] is told what was asked, in order, and is shown the server's bytes as they come. It says where each
//! answer ends, how many rows it had and how it went. Of each packet it needs the head: a row costs a look at five
//! bytes. Only a head that the end of a buffer cuts is copied.

use std::collections::VecDeque;

use super::answer::{
    EOF, EOF_LIMIT, ERR, LOCAL_INFILE, OK, Ok as OkPacket, PROGRESS, ServerError, Status,
};
use super::capability::Capabilities;
use super::command::Shape;
use super::cursor::{Cursor, Malformed};
use super::frame::{HEADER, Header};

/// The longest head of an error, an OK packet and a file's name, in bytes: what is kept of an error's words.
const LONG_HEAD: usize = 1024;
/// The head of any other packet: a number of columns, or of a prepared statement.
const SHORT_HEAD: usize = 16;

/// How one command was answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// Rows that came.
    pub rows: u64,
    /// Rows affected, as the server says, over all results.
    pub affected: u64,
    /// Results: more than one for multi-statements and procedures.
    pub results: u32,
    /// Bytes of the answer, with all headers.
    pub bytes: u64,
    /// The connection's status at its end.
    pub status: Status,
    /// The error that ended it.
    pub error: Option<ServerError>,
}

/// A packet that has begun and not ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Begun {
    /// Bytes of it that were walked over; 0 when the last byte was the last of a packet.
    pub len: u64,
    /// Its first sequence number; where it has none yet, the one it will have.
    pub seq: u8,
}

/// Something worth stopping for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event<T> {
    /// A command has been answered to its end.
    Done(T, Outcome),
    /// The server wants a file of this name from the client.
    File(Box<str>),
    /// A statement was prepared; its answer goes on.
    Prepared {
        /// Its id.
        id: u32,
        /// How many values it takes.
        parameters: u16,
    },
    /// The default database is now another one.
    Schema(Box<str>),
    /// An error that answers nothing: the server says why it leaves.
    Unasked(ServerError),
}

/// Where in an answer the next packet stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// At its beginning, or at that of a further result.
    First,
    /// Column definitions to come, before an EOF packet or not.
    Columns(u64),
    /// The EOF packet behind column definitions.
    ColumnsEnd,
    /// Rows.
    Rows,
    /// The server waits for a file.
    File,
    /// Definitions of a prepared statement: of parameters, then of columns.
    Definitions { parameters: u16, columns: u16 },
    /// The EOF packet behind the parameters' definitions, or the columns'.
    DefinitionsEnd { columns: u16 },
}

/// Walks a server's bytes. `T` is whatever the relay wants back when a command has been answered.
#[derive(Debug)]
pub struct Replies<T> {
    capabilities: Capabilities,
    waiting: VecDeque<(Shape, T)>,
    state: State,
    outcome: Outcome,
    /// A header, and the beginning of a payload, that the end of a buffer has cut.
    kept: Vec<u8>,
    /// Bytes of the current frame still to come.
    skip: u32,
    /// The next frame continues the packet.
    continued: bool,
    /// The sequence number of the frame that was seen last.
    seq: u8,
    /// That of the first frame of the current packet, and the bytes of its frames so far.
    first_seq: u8,
    packet: u64,
    /// A statement was prepared that has neither parameters nor columns: its answer is at its end.
    bare: bool,
    /// Two events came of one packet.
    next: Option<Event<T>>,
}

impl<T> Replies<T> {
    /// Made when the handshake is over; `capabilities` are what both legs have agreed on.
    #[must_use]
    pub const fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            waiting: VecDeque::new(),
            state: State::First,
            outcome: Outcome {
                rows: 0,
                affected: 0,
                results: 0,
                bytes: 0,
                status: Status(0),
                error: None,
            },
            kept: Vec::new(),
            skip: 0,
            continued: false,
            seq: 0,
            first_seq: 0,
            packet: 0,
            bare: false,
            next: None,
        }
    }

    /// A command was passed that is answered in this form.
    pub fn expect(&mut self, shape: Shape, tag: T) {
        self.waiting.push_back((shape, tag));
    }

    /// How many commands have not been answered to their end.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the last byte seen was the last of a packet.
    #[must_use]
    pub const fn between_packets(&self) -> bool {
        self.skip == 0 && !self.continued && self.kept.is_empty()
    }

    /// The sequence number of the frame that was seen last.
    #[must_use]
    pub const fn seq(&self) -> u8 {
        self.seq
    }

    /// Whether a part of the current answer has come.
    #[must_use]
    pub const fn answering(&self) -> bool {
        self.outcome.bytes > 0
    }

    /// The packet at the end of what was walked over, whose end has not been seen.
    #[must_use]
    pub fn begun(&self) -> Begun {
        let kept = self.kept.len() as u64;
        if self.skip == 0 && !self.continued {
            return Begun { len: kept, seq: self.seq.wrapping_add(1) };
        }
        let len = self.packet.saturating_sub(self.skip.into()).saturating_add(kept);
        Begun { len, seq: self.first_seq }
    }

    /// Gives back the memory of an idle connection.
    pub fn rest(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }

    /// The command that is being answered.
    #[must_use]
    pub fn current(&self) -> Option<&T> {
        self.waiting.front().map(|(_, tag)| tag)
    }

    /// Walks over `bytes` until something is worth stopping for, or they are used up. Says how many were walked over.
    ///
    /// # Errors
    /// When the server says what no server says there: whose turn it is can no longer be known.
    pub fn walk(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event<T>>), Malformed> {
        let mut at = 0;
        if core::mem::take(&mut self.bare) {
            return Ok((at, self.done()));
        }
        if let Some(event) = self.next.take() {
            return Ok((at, Some(event)));
        }
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if self.skip > 0 {
                let n = rest.len().min(self.skip as usize);
                self.skip = self.skip.saturating_sub(n as u32);
                at = at.saturating_add(n);
                if self.skip > 0 {
                    return Ok((at, None));
                }
                continue;
            }
            if rest.is_empty() {
                return Ok((at, None));
            }
            let (n, event) = self.packet(rest)?;
            at = at.saturating_add(n);
            if event.is_some() {
                return Ok((at, event));
            }
        }
    }

    /// The head of a packet at the front of `rest`, or what is still missing of it.
    fn packet(&mut self, rest: &[u8]) -> Result<(usize, Option<Event<T>>), Malformed> {
        if self.kept.is_empty() {
            if let Some((header, head)) = self.head(rest) {
                let event = self.take(header, head)?;
                return Ok((HEADER.saturating_add(head.len()), event));
            }
            self.kept.extend_from_slice(rest);
            return Ok((rest.len(), None));
        }
        // Cut by the end of a buffer: byte by byte until the head is whole, which is soon.
        let mut kept = core::mem::take(&mut self.kept);
        for (n, byte) in rest.iter().enumerate() {
            kept.push(*byte);
            if let Some((header, head)) = self.head(&kept) {
                let event = self.take(header, head)?;
                kept.clear();
                self.kept = kept;
                return Ok((n.saturating_add(1), event));
            }
        }
        self.kept = kept;
        Ok((rest.len(), None))
    }

    /// Splits a packet's head off, when all of it is there.
    fn head<'a>(&self, bytes: &'a [u8]) -> Option<(Header, &'a [u8])> {
        let header = Header::read(bytes)?;
        let len = header.len as usize;
        if self.continued || len == 0 {
            return Some((header, &[]));
        }
        let first = *bytes.get(HEADER)?;
        let most = match (self.state, first) {
            (State::Rows, ERR) => LONG_HEAD,
            (State::Rows, EOF) if self.ends_rows(header) => LONG_HEAD,
            (State::Rows, _) => 1,
            (State::First | State::File, OK | EOF | ERR | LOCAL_INFILE) => LONG_HEAD,
            (_, ERR) => LONG_HEAD,
            (
                State::First
                | State::Columns(_)
                | State::ColumnsEnd
                | State::File
                | State::Definitions { .. }
                | State::DefinitionsEnd { .. },
                _,
            ) => SHORT_HEAD,
        };
        let end = HEADER.saturating_add(len.min(most));
        bytes.get(HEADER..end).map(|head| (header, head))
    }

    /// Whether a packet that begins with 0xfe ends rows: a row may begin so too, with a value of 16 MiB or more.
    fn ends_rows(&self, header: Header) -> bool {
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            !header.continues()
        } else {
            (header.len as usize) < EOF_LIMIT
        }
    }

    fn take(&mut self, header: Header, head: &[u8]) -> Result<Option<Event<T>>, Malformed> {
        let seen = u32::try_from(head.len()).unwrap_or(u32::MAX);
        let continuation = self.continued;
        self.skip = header.len.saturating_sub(seen);
        self.continued = header.continues();
        self.seq = header.seq;
        let bytes = u64::from(header.len).saturating_add(HEADER as u64);
        self.outcome.bytes = self.outcome.bytes.saturating_add(bytes);
        if continuation {
            self.packet = self.packet.saturating_add(bytes);
            return Ok(None);
        }
        (self.packet, self.first_seq) = (bytes, header.seq);
        let Some(shape) = self.waiting.front().map(|(shape, _)| *shape) else {
            return ServerError::read(head).map(|error| Some(Event::Unasked(error)));
        };
        if shape == Shape::Text {
            // An error's first byte is no letter.
            return if head.first() == Some(&ERR) { self.failed(head) } else { Ok(self.done()) };
        }
        match self.state {
            State::First => self.first(shape, head),
            State::Columns(left) => {
                if head.first() == Some(&ERR) {
                    return self.failed(head);
                }
                self.columns(left.saturating_sub(1));
                Ok(None)
            }
            State::ColumnsEnd => match head.first() {
                Some(&ERR) => self.failed(head),
                Some(&EOF) => {
                    let status = eof_status(head)?;
                    if status.contains(Status::CURSOR_EXISTS) {
                        return Ok(self.result(status));
                    }
                    self.state = State::Rows;
                    Ok(None)
                }
                Some(_) | None => Err(Malformed { what: "EOF behind columns", at: 0 }),
            },
            State::Rows => self.row(header, shape, head),
            State::File => match head.first() {
                Some(&ERR) => self.failed(head),
                Some(&OK) => self.ok(head),
                Some(_) | None => Err(Malformed { what: "an answer to a file", at: 0 }),
            },
            State::Definitions { parameters, columns } => {
                if head.first() == Some(&ERR) {
                    return self.failed(head);
                }
                if parameters > 1 {
                    let parameters = parameters.saturating_sub(1);
                    self.state = State::Definitions { parameters, columns };
                    return Ok(None);
                }
                let columns = if parameters == 0 { columns.saturating_sub(1) } else { columns };
                if parameters == 0 && columns > 0 {
                    self.state = State::Definitions { parameters, columns };
                    return Ok(None);
                }
                if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
                    return Ok(self.definitions(columns));
                }
                self.state = State::DefinitionsEnd { columns };
                Ok(None)
            }
            State::DefinitionsEnd { columns } => match head.first() {
                Some(&EOF) => Ok(self.definitions(columns)),
                Some(_) | None => Err(Malformed { what: "EOF behind definitions", at: 0 }),
            },
        }
    }

    /// The first packet of an answer, or of a further result.
    fn first(&mut self, shape: Shape, head: &[u8]) -> Result<Option<Event<T>>, Malformed> {
        match (shape, head.first()) {
            (_, None) => Err(Malformed { what: "an answer", at: 0 }),
            (_, Some(&ERR)) => self.failed(head),
            (Shape::Fields | Shape::Rows, Some(_)) => {
                self.state = State::Rows;
                let header = Header { len: head.len() as u32, seq: self.seq };
                self.row(header, shape, head)
            }
            (Shape::Prepared, Some(&OK)) => {
                let mut cursor = Cursor::new(head);
                cursor.u8("a prepared statement")?;
                let id = cursor.u32("a statement's id")?;
                let columns = cursor.u16("the number of columns")?;
                let parameters = cursor.u16("the number of parameters")?;
                self.state = State::Definitions { parameters, columns };
                self.bare = parameters == 0 && columns == 0;
                Ok(Some(Event::Prepared { id, parameters }))
            }
            (Shape::Results | Shape::Status, Some(&OK)) => self.ok(head),
            (Shape::Status, Some(&EOF)) => {
                let status = if head.len() < EOF_LIMIT && head.len() == 5 {
                    eof_status(head)?
                } else {
                    OkPacket::read(head, self.capabilities)?.status
                };
                self.outcome.status = status;
                Ok(self.done())
            }
            (Shape::Results, Some(&LOCAL_INFILE))
                if !self.capabilities.contains(Capabilities::LOCAL_FILES) =>
            {
                Err(Malformed { what: "an answer; a file was asked for where none is sent", at: 0 })
            }
            (Shape::Results, Some(&LOCAL_INFILE)) => {
                self.state = State::File;
                let name = head.get(1..).unwrap_or_default();
                Ok(Some(Event::File(String::from_utf8_lossy(name).into())))
            }
            (Shape::Results, Some(_)) => {
                let columns = Cursor::new(head).lenenc("the number of columns")?;
                self.columns(columns);
                Ok(None)
            }
            (Shape::Prepared | Shape::Status | Shape::Text, Some(_)) => {
                Err(Malformed { what: "an answer to this command", at: 0 })
            }
        }
    }

    fn columns(&mut self, left: u64) {
        self.state = match left {
            0 if self.capabilities.contains(Capabilities::DEPRECATE_EOF) => State::Rows,
            0 => State::ColumnsEnd,
            left => State::Columns(left),
        };
    }

    fn definitions(&mut self, columns: u16) -> Option<Event<T>> {
        if columns == 0 {
            return self.done();
        }
        self.state = State::Definitions { parameters: 0, columns };
        None
    }

    fn row(
        &mut self,
        header: Header,
        shape: Shape,
        head: &[u8],
    ) -> Result<Option<Event<T>>, Malformed> {
        match head.first() {
            Some(&ERR) => self.failed(head),
            Some(&EOF) if self.ends_rows(header) => {
                let ok = if head.len() == 5 {
                    OkPacket { status: eof_status(head)?, ..OkPacket::default() }
                } else {
                    OkPacket::read(head, self.capabilities)?
                };
                Ok(self.ended(ok))
            }
            Some(_) | None => {
                if shape != Shape::Fields {
                    self.outcome.rows = self.outcome.rows.saturating_add(1);
                }
                Ok(None)
            }
        }
    }

    fn ok(&mut self, head: &[u8]) -> Result<Option<Event<T>>, Malformed> {
        let ok = OkPacket::read(head, self.capabilities)?;
        self.outcome.affected = self.outcome.affected.saturating_add(ok.affected);
        Ok(self.ended(ok))
    }

    /// A result has ended with `ok`, and perhaps the answer.
    fn ended(&mut self, ok: OkPacket<'_>) -> Option<Event<T>> {
        let schema = ok.schema.map(|name| Event::Schema(String::from_utf8_lossy(name).into()));
        match (schema, self.result(ok.status)) {
            (Some(schema), done) => {
                self.next = done;
                Some(schema)
            }
            (None, done) => done,
        }
    }

    fn result(&mut self, status: Status) -> Option<Event<T>> {
        self.outcome.results = self.outcome.results.saturating_add(1);
        self.outcome.status = status;
        if status.contains(Status::MORE_RESULTS) {
            self.state = State::First;
            return None;
        }
        self.done()
    }

    fn failed(&mut self, head: &[u8]) -> Result<Option<Event<T>>, Malformed> {
        let error = ServerError::read(head)?;
        if error.code == PROGRESS && self.capabilities.contains(Capabilities::PROGRESS) {
            return Ok(None);
        }
        self.outcome.error = Some(error);
        Ok(self.done())
    }

    fn done(&mut self) -> Option<Event<T>> {
        self.state = State::First;
        let outcome = core::mem::take(&mut self.outcome);
        self.waiting.pop_front().map(|(_, tag)| Event::Done(tag, outcome))
    }
}

/// The status in an EOF packet ("Protocol::EOF_Packet").
fn eof_status(head: &[u8]) -> Result<Status, Malformed> {
    let mut cursor = Cursor::new(head);
    cursor.u8("EOF")?;
    cursor.u16("warnings")?;
    cursor.u16("the status").map(Status)
}
