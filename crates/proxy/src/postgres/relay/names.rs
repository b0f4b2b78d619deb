//! Prepared statements and portals by their names.
//!
//! A client uses a name before the database has said that it exists: definitions are pending until they are answered,
//! in order, and the newest one counts for what is sent meanwhile. One that the database did not carry out is
//! forgotten as if it had never been sent.

use std::collections::{BTreeMap, VecDeque};

/// The most names that are known at once. A client that has more is told what it is told about names that it made by
/// other ways: they are judged and written down by their name alone.
const MAX_KNOWN: usize = 8192;
/// The most bytes that names and their meanings have together.
const MAX_WEIGHT: usize = 8 * 1024 * 1024;

type Name = Box<[u8]>;

/// Names and what they stand for.
#[derive(Debug)]
pub(super) struct Names<T> {
    known: BTreeMap<Name, Meaning<T>>,
    pending: VecDeque<(Name, Option<Meaning<T>>)>,
    /// Bytes of all of them.
    weight: usize,
}

#[derive(Debug)]
struct Meaning<T> {
    what: T,
    /// Its bytes and those of its name.
    weight: usize,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), pending: VecDeque::new(), weight: 0 }
    }
}

impl<T> Names<T> {
    /// What `name` stands for in a message that is sent now.
    pub(super) fn get(&self, name: &[u8]) -> Option<&T> {
        let meaning = match self.pending.iter().rfind(|(pending, _)| **pending == *name) {
            Some((_, meaning)) => meaning.as_ref(),
            None => self.known.get(name),
        };
        meaning.map(|meaning| &meaning.what)
    }

    /// A message is sent that gives `name` a meaning of so many bytes.
    pub(super) fn define(&mut self, name: &[u8], what: T, bytes: usize) {
        let weight = bytes.saturating_add(name.len());
        let heavier = self.weight.saturating_add(weight);
        let full = heavier > MAX_WEIGHT || self.known.len() >= MAX_KNOWN;
        let meaning = (!full).then_some(Meaning { what, weight });
        if meaning.is_some() {
            self.weight = heavier;
        }
        self.pending.push_back((name.into(), meaning));
    }

    /// A message is sent that takes the meaning of `name` away.
    pub(super) fn close(&mut self, name: &[u8]) {
        self.pending.push_back((name.into(), None));
    }

    /// The database has carried out the oldest such message.
    pub(super) fn settle(&mut self) {
        let Some((name, meaning)) = self.pending.pop_front() else { return };
        let former = match meaning {
            Some(meaning) => self.known.insert(name, meaning),
            None => self.known.remove(&name),
        };
        self.lighten(former);
    }

    /// The database has not carried out the oldest such message, and will not.
    pub(super) fn abandon(&mut self) {
        if let Some((_, meaning)) = self.pending.pop_front() {
            self.lighten(meaning);
        }
    }

    /// The database has forgotten this name by itself.
    pub(super) fn forget(&mut self, name: &[u8]) {
        let former = self.known.remove(name);
        self.lighten(former);
    }

    /// The database has forgotten every name by itself.
    pub(super) fn forget_all(&mut self) {
        for (_, former) in std::mem::take(&mut self.known) {
            self.lighten(Some(former));
        }
    }

    fn lighten(&mut self, gone: Option<Meaning<T>>) {
        self.weight = self.weight.saturating_sub(gone.map_or(0, |gone| gone.weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_was_sent_last_until_the_database_says_otherwise() {
        let mut names = Names::default();
        names.define(b"s", 1, 0);
        assert_eq!(names.get(b"s"), Some(&1));
        names.settle();
        // The database refuses a second statement of the same name, and keeps the first.
        names.define(b"s", 2, 0);
        assert_eq!(names.get(b"s"), Some(&2));
        names.abandon();
        assert_eq!(names.get(b"s"), Some(&1));
        names.close(b"s");
        assert_eq!(names.get(b"s"), None);
        names.define(b"s", 3, 0);
        names.settle();
        names.settle();
        assert_eq!(names.get(b"s"), Some(&3));
        names.forget_all();
        assert_eq!((names.get(b"s"), names.weight), (None, 0));
    }

    #[test]
    fn names_are_bounded_in_number() {
        let mut names = Names::default();
        for n in 0..MAX_KNOWN + 1 {
            names.define(n.to_string().as_bytes(), n, 1);
            names.settle();
        }
        assert_eq!(names.get(b"0"), Some(&0));
        assert_eq!(names.get(MAX_KNOWN.to_string().as_bytes()), None);
    }

    #[test]
    fn names_are_bounded_in_bytes_and_what_is_gone_weighs_nothing() {
        let mut names = Names::default();
        names.define(b"a", 1, MAX_WEIGHT / 2);
        names.define(b"b", 2, MAX_WEIGHT / 2);
        assert_eq!((names.get(b"a"), names.get(b"b")), (Some(&1), None));
        names.settle();
        names.settle();
        names.forget(b"a");
        assert_eq!(names.weight, 0);
        names.define(b"b", 2, MAX_WEIGHT / 2);
        names.abandon();
        names.define(b"b", 3, MAX_WEIGHT / 2);
        names.settle();
        assert_eq!((names.get(b"b"), names.weight), (Some(&3), MAX_WEIGHT / 2 + 1));
    }
}
