//! What clients send (section 53.7, "F"), as far as it matters to whoever stands between.

use super::walk::Frame;
use super::{Malformed, string, u16_of, u32_of};

/// Bytes of a statement's text that are looked at. Longer ones are passed on, or refused, by their beginning.
pub const MAX_TEXT: usize = 1024 * 1024;
/// Bytes of a Bind message's values that are looked at.
pub const MAX_VALUES: usize = 64 * 1024;
/// Bytes of the name of a statement or portal that are looked at. PostgreSQL sets no limit of its own.
pub const MAX_NAME: usize = 1024;

/// How many bytes of a body must be seen before [`parse`] can tell what it says.
#[must_use]
pub const fn hold(kind: u8) -> usize {
    match kind {
        b'Q' => MAX_TEXT,
        b'P' => MAX_TEXT + MAX_NAME,
        b'B' => MAX_VALUES + 2 * MAX_NAME,
        b'E' | b'C' | b'D' => MAX_NAME + 6,
        b'F' => 4,
        _ => 0,
    }
}

/// What a client sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Front<'a> {
    /// Query: run this text, which may be several statements.
    Query(Text<'a>),
    /// Parse: prepare a statement. The empty name is the unnamed statement's.
    Parse {
        /// Its name.
        name: &'a [u8],
        /// Its text.
        text: Text<'a>,
    },
    /// Bind: make a portal out of a prepared statement and values.
    Bind(Bind<'a>),
    /// Execute: run a portal.
    Execute {
        /// Its name.
        portal: &'a [u8],
    },
    /// Describe: say what a statement or a portal looks like.
    Describe(What),
    /// Close: forget a statement or a portal.
    Close {
        /// Which of the two.
        what: What,
        /// Its name.
        name: &'a [u8],
    },
    /// FunctionCall: call the function of this object id.
    Call(u32),
    /// Sync: the end of a batch; ReadyForQuery answers.
    Sync,
    /// Flush: send what there is.
    Flush,
    /// CopyData.
    CopyData,
    /// CopyDone.
    CopyDone,
    /// CopyFail.
    CopyFail,
    /// Terminate.
    Terminate,
}

/// What Describe and Close are about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

/// A statement's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<'a> {
    /// Its bytes as far as they were seen, in the client's encoding.
    pub bytes: &'a [u8],
    /// How many it has in all; of one that was cut, what follows it in the message may be counted in.
    pub length: usize,
}

impl<'a> Text<'a> {
    /// One that was seen to its end.
    #[must_use]
    pub const fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, length: bytes.len() }
    }

    /// The beginning of one, of which so many bytes are still to come.
    const fn cut(bytes: &'a [u8], rest: usize) -> Self {
        Self { bytes, length: bytes.len().saturating_add(rest) }
    }
}

/// A Bind message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bind<'a> {
    /// The portal that is made.
    pub portal: &'a [u8],
    /// The prepared statement it is made of.
    pub statement: &'a [u8],
    /// What follows: formats and values.
    rest: &'a [u8],
    /// Whether `rest` is all of it.
    whole: bool,
}

/// The format of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// As text.
    Text,
    /// As the type's binary form.
    Binary,
}

/// A value of a Bind message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Value<'a> {
    /// How it is written.
    pub format: Format,
    /// Its bytes as far as they were seen; `None` for NULL.
    pub bytes: Option<&'a [u8]>,
    /// How many bytes it has.
    pub length: usize,
}

/// Reads a client's frame.
///
/// # Errors
/// On a type no client sends, and on a body that is not what the type says. Bodies are read as strictly as
/// PostgreSQL does: what is judged here is what is run there.
pub fn parse<'a>(frame: Frame<'a>) -> Result<Front<'a>, Malformed> {
    let Frame { kind, body, .. } = frame;
    let bad = |what| Malformed::Body { kind, what };
    Ok(match kind {
        b'Q' => Front::Query(text(frame, body)?),
        b'P' => {
            let mut rest = body;
            let name = name(&mut rest).ok_or(bad("its name has no end, or is too long"))?;
            // Parameter types follow the text.
            let text = match string(&mut rest) {
                Some(bytes) => Text::whole(bytes),
                None if frame.is_whole() => return Err(bad("its text has no end")),
                None => Text::cut(rest, frame.rest),
            };
            Front::Parse { name, text }
        }
        b'B' => {
            let mut rest = body;
            let portal =
                name(&mut rest).ok_or(bad("its portal's name has no end, or is too long"))?;
            let statement =
                name(&mut rest).ok_or(bad("its statement's name has no end, or is too long"))?;
            Front::Bind(Bind { portal, statement, rest, whole: frame.is_whole() })
        }
        b'E' => {
            let mut rest = body;
            let portal =
                name(&mut rest).ok_or(bad("its portal's name has no end, or is too long"))?;
            if rest.len() != 4 || !frame.is_whole() {
                return Err(bad("no number of rows ends it"));
            }
            Front::Execute { portal }
        }
        b'D' | b'C' => {
            let (what, mut rest) = match body.split_first() {
                Some((b'S', rest)) => (What::Statement, rest),
                Some((b'P', rest)) => (What::Portal, rest),
                Some(_) | None => return Err(bad("it is about neither a statement nor a portal")),
            };
            let name = name(&mut rest).ok_or(bad("its name has no end, or is too long"))?;
            if !rest.is_empty() || !frame.is_whole() {
                return Err(bad("bytes follow its name"));
            }
            if kind == b'D' { Front::Describe(what) } else { Front::Close { what, name } }
        }
        b'F' => Front::Call(u32_of(&mut &*body).ok_or(bad("it names no function"))?),
        b'S' => Front::Sync,
        b'H' => Front::Flush,
        b'd' => Front::CopyData,
        b'c' => Front::CopyDone,
        b'f' => Front::CopyFail,
        b'X' => Front::Terminate,
        _ => return Err(Malformed::Kind { kind }),
    })
}

/// A name, when it ends within [`MAX_NAME`] bytes.
fn name<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let name = string(rest)?;
    (name.len() < MAX_NAME).then_some(name)
}

/// The text that is the whole body: a zero byte ends both.
fn text<'a>(frame: Frame<'a>, mut body: &'a [u8]) -> Result<Text<'a>, Malformed> {
    let bad = |what| Malformed::Body { kind: frame.kind, what };
    match string(&mut body) {
        Some(bytes) if body.is_empty() && frame.is_whole() => Ok(Text::whole(bytes)),
        Some(_) => Err(bad("bytes follow its text")),
        None if frame.is_whole() => Err(bad("its text has no end")),
        None => Ok(Text::cut(body, frame.rest)),
    }
}

impl<'a> Bind<'a> {
    /// The values, as far as they were seen. The last may be cut; after a malformed one there are no more.
    pub fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut rest = self.rest;
        let formats = take_formats(&mut rest);
        let count = formats.and_then(|_| u16_of(&mut rest)).unwrap_or(0);
        let formats = formats.unwrap_or_default();
        (0..usize::from(count)).map_while(move |index| {
            let length = u32_of(&mut rest)?;
            let format = match formats.len() {
                0 => 0,
                2 => u16_of(&mut &*formats)?,
                _ => u16_of(&mut formats.get(index.checked_mul(2)?..)?)?,
            };
            let format = if format == 0 { Format::Text } else { Format::Binary };
            if length == u32::MAX {
                return Some(Value { format, bytes: None, length: 0 });
            }
            let length = usize::try_from(length).ok()?;
            let (bytes, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            Some(Value { format, bytes: Some(bytes), length })
        })
    }

    /// Whether the message was seen to its end.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }
}

/// The list of formats, as its bytes.
fn take_formats<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = usize::from(u16_of(rest)?);
    let (formats, after) = rest.split_at_checked(count.checked_mul(2)?)?;
    *rest = after;
    Some(formats)
}

#[cfg(test)]
mod tests {
    use super::super::walk::Walker;
    use super::*;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        super::super::write::frame(&mut out, kind, |out| out.extend_from_slice(body));
        out
    }

    fn read(bytes: &[u8]) -> Result<Front<'_>, Malformed> {
        let mut walker = Walker::new();
        parse(walker.next(&mut &*bytes, hold)?.expect("a whole frame"))
    }

    #[test]
    fn every_message_is_read() {
        let text = Text::whole;
        for (kind, body, meaning) in [
            (b'Q', &b"select 1\0"[..], Front::Query(text(b"select 1"))),
            (b'P', b"s1\0select $1\0\0\0", Front::Parse { name: b"s1", text: text(b"select $1") }),
            (b'E', b"p\0\0\0\0\0", Front::Execute { portal: b"p" }),
            (b'D', b"S\0", Front::Describe(What::Statement)),
            (b'C', b"Pp\0", Front::Close { what: What::Portal, name: b"p" }),
            (b'F', b"\0\0\x01\0\0\0\0\0\0\0", Front::Call(256)),
            (b'S', b"", Front::Sync),
            (b'H', b"", Front::Flush),
            (b'd', b"row", Front::CopyData),
            (b'c', b"", Front::CopyDone),
            (b'f', b"no\0", Front::CopyFail),
            (b'X', b"", Front::Terminate),
        ] {
            assert_eq!(read(&frame(kind, body)), Ok(meaning), "{}", char::from(kind));
        }
    }

    #[test]
    fn a_body_that_could_be_read_in_two_ways_is_not_read() {
        for (kind, body) in [
            (b'Q', &b"select 1"[..]),
            (b'Q', b"select 1\0drop table t\0"),
            (b'P', b"s1"),
            (b'P', b"s1\0select 1"),
            (b'B', b"p\0s"),
            (b'E', b"p\0"),
            (b'E', b"p\0\0\0\0\0x"),
            (b'D', b"Xs\0"),
            (b'D', b""),
            (b'C', b"Ss\0s\0"),
            (b'F', b"\0\0"),
        ] {
            assert!(
                matches!(read(&frame(kind, body)), Err(Malformed::Body { kind: k, .. }) if k == kind),
                "{body:?}"
            );
        }
        assert_eq!(read(&frame(b'p', b"hunter2\0")), Err(Malformed::Kind { kind: b'p' }));
        assert!(read(&frame(b'E', &[&[b'p'; MAX_NAME][..], &[0; 5]].concat())).is_err());
    }

    #[test]
    fn a_statement_longer_than_we_look_is_known_by_its_beginning() {
        let long = frame(b'Q', &[&vec![b'-'; MAX_TEXT + 1][..], b"\0"].concat());
        let Ok(Front::Query(seen)) = read(&long[..MAX_TEXT + 5]) else { panic!("a query") };
        assert_eq!((seen.bytes.len(), seen.length), (MAX_TEXT, MAX_TEXT + 2));
    }

    #[test]
    fn values_are_read_in_their_formats() {
        let one = b"\0\0\0\x01a";
        let null = b"\xff\xff\xff\xff";
        let two = [&b"\0\x02"[..], one, null].concat();
        let value = |format, bytes: Option<&'static [u8]>| (format, bytes);
        for (formats, expected) in [
            (&b"\0\0"[..], [Format::Text, Format::Text]),
            (b"\0\x01\0\x01", [Format::Binary, Format::Binary]),
            (b"\0\x02\0\0\0\x01", [Format::Text, Format::Binary]),
        ] {
            let bytes = frame(b'B', &[b"p\0s\0", formats, &two, b"\0\0"].concat());
            let Ok(Front::Bind(bind)) = read(&bytes) else { panic!("a bind") };
            assert_eq!(
                (bind.portal, bind.statement, bind.is_whole()),
                (&b"p"[..], &b"s"[..], true)
            );
            let values: Vec<_> = bind.values().map(|v| (v.format, v.bytes)).collect();
            assert_eq!(values, [value(expected[0], Some(b"a")), value(expected[1], None)]);
        }
    }

    #[test]
    fn values_that_were_cut_or_lie_end_early() {
        let whole = [&b"p\0s\0\0\0\0\x02\0\0\0\x03abc\0\0\0\x02de\0\0"[..]].concat();
        for end in 4..=whole.len() {
            let bytes = frame(b'B', &whole[..end]);
            let Ok(Front::Bind(bind)) = read(&bytes) else { panic!("a bind") };
            let seen: Vec<_> = bind.values().collect();
            assert!(seen.len() <= 2);
            assert!(seen.iter().all(|v| v.bytes.is_some_and(|b| b.len() <= v.length)), "{seen:?}");
        }
        let lying = frame(b'B', b"p\0s\0\xff\xff\0\x02");
        let Ok(Front::Bind(bind)) = read(&lying) else { panic!("a bind") };
        assert_eq!(bind.values().count(), 0);
    }
}
