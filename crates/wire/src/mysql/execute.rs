//! The values of a prepared statement's execution ("COM_STMT_EXECUTE"; MariaDB Knowledge Base,
//! "COM_STMT_BULK_EXECUTE"), for the recording.

use core::fmt;

use super::cursor::{Cursor, Malformed};

/// The most values a statement takes; the protocol has two bytes for their number.
type Count = u16;

/// Types of values ("enum_field_types").
mod kind {
    pub(super) const TINY: u8 = 1;
    pub(super) const SHORT: u8 = 2;
    pub(super) const LONG: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const DOUBLE: u8 = 5;
    pub(super) const NULL: u8 = 6;
    pub(super) const TIMESTAMP: u8 = 7;
    pub(super) const LONGLONG: u8 = 8;
    pub(super) const INT24: u8 = 9;
    pub(super) const DATE: u8 = 10;
    pub(super) const TIME: u8 = 11;
    pub(super) const DATETIME: u8 = 12;
    pub(super) const YEAR: u8 = 13;
}

/// A bulk execution: types follow its flags.
const BULK_TYPES: u16 = 128;
/// What stands before each value of a bulk execution.
mod indicator {
    pub(super) const VALUE: u8 = 0;
    pub(super) const NULL: u8 = 1;
    pub(super) const DEFAULT: u8 = 2;
    pub(super) const IGNORE: u8 = 3;
}

/// Set in a type's second byte when it has no sign.
const UNSIGNED: u8 = 0x80;

/// What is known of a prepared statement's parameters: how many, and their types, which a client sends with the
/// first execution and may leave out of the later ones.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters {
    count: Count,
    types: Vec<[u8; 2]>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text or bytes.
    Bytes(&'a [u8]),
    /// The beginning of text or bytes, and their length in all.
    Cut(&'a [u8], u64),
    /// A date, and a time of day down to microseconds.
    Date {
        /// The year.
        year: u16,
        /// The month, from 1; 0 is none.
        month: u8,
        /// The day, from 1; 0 is none.
        day: u8,
        /// Hour, minute, second and microsecond.
        time: Option<(u8, u8, u8, u32)>,
    },
    /// What the column has when nothing is said.
    Default,
    /// A number with a fraction.
    Double(f64),
    /// The same of four bytes.
    Float(f32),
    /// What stands there already, and stays.
    Ignored,
    /// A number with a sign.
    Int(i64),
    /// Sent before, in parts.
    Long,
    /// None.
    Null,
    /// A span of time.
    Time {
        /// Whether it goes back.
        negative: bool,
        /// Whole days.
        days: u32,
        /// Hour, minute, second and microsecond.
        time: (u8, u8, u8, u32),
    },
    /// A number without a sign.
    UInt(u64),
    /// It stands behind what was seen.
    Unseen,
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |f: &mut fmt::Formatter<'_>, (h, m, s, micros): (u8, u8, u8, u32)| {
            write!(f, "{h:02}:{m:02}:{s:02}")?;
            if micros > 0 { write!(f, ".{micros:06}") } else { Ok(()) }
        };
        match self {
            Self::Bytes(bytes) | Self::Cut(bytes, _) => {
                f.write_str(&String::from_utf8_lossy(bytes))
            }
            Self::Date { year, month, day, time } => {
                write!(f, "{year:04}-{month:02}-{day:02}")?;
                let Some(time) = time else { return Ok(()) };
                f.write_str(" ")?;
                clock(f, *time)
            }
            Self::Default => f.write_str("(default)"),
            Self::Double(n) => write!(f, "{n}"),
            Self::Float(n) => write!(f, "{n}"),
            Self::Ignored => f.write_str("(as it is)"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Long => f.write_str("(sent in parts)"),
            Self::Null => f.write_str("NULL"),
            Self::Time { negative, days, time } => {
                if *negative {
                    f.write_str("-")?;
                }
                if *days > 0 {
                    write!(f, "{days} ")?;
                }
                clock(f, *time)
            }
            Self::UInt(n) => write!(f, "{n}"),
            Self::Unseen => f.write_str("(not seen)"),
        }
    }
}

impl Parameters {
    /// As many as the server says there are.
    #[must_use]
    pub const fn new(count: u16) -> Self {
        Self { count, types: Vec::new() }
    }

    /// Reads the values of an execution from what follows the statement's id, giving each to `each`. `long` says which
    /// were sent before in parts. A relay sees the beginning: what stands behind the end of `rest` is unseen.
    ///
    /// # Errors
    /// When what is there breaks off before the values.
    pub fn read<'a>(
        &mut self,
        rest: &'a [u8],
        long: impl Fn(u16) -> bool,
        mut each: impl FnMut(Value<'a>),
    ) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(rest);
        cursor.u8("flags")?;
        cursor.u32("the number of iterations")?;
        if self.count == 0 {
            return Ok(());
        }
        let nulls = cursor.take(usize::from(self.count).div_ceil(8), "NULL flags")?;
        if cursor.u8("whether types follow")? == 1 {
            self.types.clear();
            for _ in 0..self.count {
                self.types.push(cursor.array("a type")?);
            }
        }
        let mut seen = true;
        for (n, [kind, flags]) in (0..self.count).zip(&self.types) {
            let byte = nulls.get(usize::from(n / 8)).copied().unwrap_or(0);
            each(if byte >> (n % 8) & 1 == 1 {
                Value::Null
            } else if long(n) {
                Value::Long
            } else if seen {
                let mut behind = cursor.clone();
                match value(&mut behind, *kind, flags & UNSIGNED != 0) {
                    Ok(value) => {
                        cursor = behind;
                        value
                    }
                    Err(_) => {
                        seen = false;
                        cut(&mut cursor, *kind)
                    }
                }
            } else {
                Value::Unseen
            });
        }
        Ok(())
    }
}

impl Parameters {
    /// Reads the values of a bulk execution from what follows the statement's id, giving each to `each`, row after row.
    /// What is cut off by the end of `rest` is given as far as it is there, and ends it.
    ///
    /// # Errors
    /// When what is there breaks off before the values, or has what no client sends.
    pub fn read_bulk<'a>(
        &mut self,
        rest: &'a [u8],
        mut each: impl FnMut(Value<'a>),
    ) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(rest);
        if cursor.u16("flags")? & BULK_TYPES != 0 {
            self.types.clear();
            for _ in 0..self.count {
                self.types.push(cursor.array("a type")?);
            }
        }
        if self.types.is_empty() {
            return Ok(());
        }
        loop {
            for [kind, flags] in &self.types {
                if cursor.is_empty() {
                    return Ok(());
                }
                let mut behind = cursor.clone();
                let read = match behind.u8("an indicator")? {
                    indicator::VALUE => value(&mut behind, *kind, flags & UNSIGNED != 0),
                    indicator::NULL => Ok(Value::Null),
                    indicator::DEFAULT => Ok(Value::Default),
                    indicator::IGNORE => Ok(Value::Ignored),
                    _ => return Err(cursor.malformed("an indicator")),
                };
                if let Ok(value) = read {
                    each(value);
                    cursor = behind;
                } else {
                    cursor.u8("an indicator")?;
                    each(cut(&mut cursor, *kind));
                    return Ok(());
                }
            }
        }
    }
}

fn value<'a>(cursor: &mut Cursor<'a>, kind: u8, unsigned: bool) -> Result<Value<'a>, Malformed> {
    const WHAT: &str = "a value";
    Ok(match (kind, unsigned) {
        (kind::NULL, _) => Value::Null,
        (kind::TINY, true) => Value::UInt(cursor.u8(WHAT)?.into()),
        (kind::TINY, false) => Value::Int(i8::from_le_bytes(cursor.array(WHAT)?).into()),
        (kind::SHORT | kind::YEAR, true) => Value::UInt(cursor.u16(WHAT)?.into()),
        (kind::SHORT | kind::YEAR, false) => {
            Value::Int(i16::from_le_bytes(cursor.array(WHAT)?).into())
        }
        (kind::LONG | kind::INT24, true) => Value::UInt(cursor.u32(WHAT)?.into()),
        (kind::LONG | kind::INT24, false) => {
            Value::Int(i32::from_le_bytes(cursor.array(WHAT)?).into())
        }
        (kind::LONGLONG, true) => Value::UInt(cursor.u64(WHAT)?),
        (kind::LONGLONG, false) => Value::Int(i64::from_le_bytes(cursor.array(WHAT)?)),
        (kind::FLOAT, _) => Value::Float(f32::from_le_bytes(cursor.array(WHAT)?)),
        (kind::DOUBLE, _) => Value::Double(f64::from_le_bytes(cursor.array(WHAT)?)),
        (kind::DATE | kind::DATETIME | kind::TIMESTAMP, _) => date(cursor)?,
        (kind::TIME, _) => time(cursor)?,
        // Decimals, text, bytes, JSON, geometry and whatever comes: a length and bytes.
        _ => Value::Bytes(cursor.lenenc_bytes(WHAT)?),
    })
}

/// The beginning of a value that breaks off.
fn cut<'a>(cursor: &mut Cursor<'a>, kind: u8) -> Value<'a> {
    if matches!(kind, kind::TINY..=kind::YEAR) {
        return Value::Unseen;
    }
    cursor.lenenc("a value").map_or(Value::Unseen, |length| Value::Cut(cursor.rest(), length))
}

fn clock(cursor: &mut Cursor<'_>) -> Result<(u8, u8, u8, u32), Malformed> {
    const WHAT: &str = "a time";
    let [hour, minute, second] = cursor.array(WHAT)?;
    let micros = if cursor.is_empty() { 0 } else { cursor.u32(WHAT)? };
    Ok((hour, minute, second, micros))
}

fn sized<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<Cursor<'a>, Malformed> {
    let len = cursor.u8(what)?;
    cursor.take(len.into(), what).map(Cursor::new)
}

fn date<'a>(cursor: &mut Cursor<'a>) -> Result<Value<'a>, Malformed> {
    let mut part = sized(cursor, "a date")?;
    if part.is_empty() {
        return Ok(Value::Date { year: 0, month: 0, day: 0, time: None });
    }
    let (year, month, day) = (part.u16("a year")?, part.u8("a month")?, part.u8("a day")?);
    let time = if part.is_empty() { None } else { Some(clock(&mut part)?) };
    Ok(Value::Date { year, month, day, time })
}

fn time<'a>(cursor: &mut Cursor<'a>) -> Result<Value<'a>, Malformed> {
    let mut part = sized(cursor, "a time")?;
    if part.is_empty() {
        return Ok(Value::Time { negative: false, days: 0, time: (0, 0, 0, 0) });
    }
    let negative = part.u8("a sign")? == 1;
    let days = part.u32("days")?;
    Ok(Value::Time { negative, days, time: clock(&mut part)? })
}
