//! A text that was judged: run once, or often.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use access::statement::{StatementClass, StatementClasses};
use wire::cast::statement::{self, MAX_SQL};
use wire::sql::{self, Class, Dialect};

/// After so many bytes of the recording a text that is referred to by its number is written again: about a part, so
/// that a part can be read without those before it.
const GOOD_FOR: u64 = 1 << 20;

/// A text as a client sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// Its bytes as far as they were seen.
    pub(crate) bytes: &'a [u8],
    /// How many it has in all.
    pub(crate) length: usize,
}

impl<'a> Text<'a> {
    /// One that was seen to its end.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, length: bytes.len() }
    }
}

/// A text that was judged. Clones are the same text.
#[derive(Clone, Debug)]
pub(crate) struct Prepared(Arc<Script>);

#[derive(Debug)]
struct Script {
    text: Box<[u8]>,
    length: usize,
    classes: OnceLock<StatementClasses>,
    /// 0 until it was sent once, [`ONCE`] until it was sent again, then its number.
    number: AtomicU32,
    /// How much was recorded when its number was given with the text.
    given_at: AtomicU64,
}

/// It was sent once.
const ONCE: u32 = u32::MAX;

impl Prepared {
    pub(super) fn new(text: Text<'_>) -> Self {
        let kept = text.bytes.get(..MAX_SQL).unwrap_or(text.bytes);
        Self(Arc::new(Script {
            text: kept.into(),
            length: text.length,
            classes: OnceLock::new(),
            number: AtomicU32::new(0),
            given_at: AtomicU64::new(0),
        }))
    }

    /// Bytes that it takes.
    pub(crate) fn weight(&self) -> usize {
        self.0.text.len().saturating_add(size_of::<Script>())
    }

    /// What it does, found when it is first asked.
    pub(super) fn classes(&self, dialect: Dialect) -> StatementClasses {
        *self.0.classes.get_or_init(|| {
            let whole = self.0.text.len() == self.0.length;
            match std::str::from_utf8(&self.0.text) {
                Ok(text) if whole => {
                    sql::classify(dialect, text).classes.iter().map(class).collect()
                }
                Ok(_) | Err(_) => StatementClasses::of(StatementClass::Unknown),
            }
        })
    }

    /// The text, as far as it is kept.
    pub(super) fn text(&self) -> &[u8] {
        &self.0.text
    }

    pub(super) fn length(&self) -> usize {
        self.0.length
    }

    /// Writes the text, or its number where that was given already.
    pub(super) fn write(&self, numbered: &mut u32, written: u64, json: &mut Vec<u8>) {
        let script = &self.0;
        match script.number.load(Ordering::Relaxed) {
            0 => {
                script.number.store(ONCE, Ordering::Relaxed);
                self.write_inline(json);
            }
            ONCE => {
                *numbered = numbered.saturating_add(1);
                script.number.store(*numbered, Ordering::Relaxed);
                script.given_at.store(written, Ordering::Relaxed);
                statement::prepared(*numbered, json);
                self.write_inline(json);
            }
            number => {
                statement::prepared(number, json);
                let given_at = script.given_at.load(Ordering::Relaxed);
                if written.saturating_sub(given_at) >= GOOD_FOR {
                    script.given_at.store(written, Ordering::Relaxed);
                    self.write_inline(json);
                }
            }
        }
    }

    /// Writes the text itself.
    pub(super) fn write_inline(&self, json: &mut Vec<u8>) {
        statement::sql(&self.0.text, self.0.length, json);
    }
}

/// The policy's word for it.
fn class(class: Class) -> StatementClass {
    match class {
        Class::Admin => StatementClass::Admin,
        Class::Call => StatementClass::Call,
        Class::Copy => StatementClass::Copy,
        Class::Ddl => StatementClass::Ddl,
        Class::File => StatementClass::File,
        Class::Grant => StatementClass::Grant,
        Class::Read => StatementClass::Read,
        Class::Session => StatementClass::Session,
        Class::Transaction => StatementClass::Transaction,
        Class::Unknown => StatementClass::Unknown,
        Class::Write => StatementClass::Write,
    }
}
