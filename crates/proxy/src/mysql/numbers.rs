//! Connection numbers: the one in a greeting, and the server's own behind it.
//!
//! MySQL's server speaks first, so we greet before it is known which target is meant, and cannot say its number for
//! the connection. `connection_id()` is asked of the server and always true; but clients that interrupt a statement
//! (Ctrl-C in `mysql`, a driver's timeout) send `KILL` on a second connection with the number of the greeting. So
//! greetings have numbers that no server reaches, from [`FIRST`] up, and a `KILL` of such a number, by the same user
//! and on the same target, is sent on with the server's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use access::name::{TargetName, UserName};

/// The first number of ours. A server counts from 1, and would need years of connections to come here.
pub(super) const FIRST: u32 = 0xf000_0000;

/// The numbers given out by this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    last: u32,
    given: BTreeMap<u32, Option<Entry>>,
}

#[derive(Debug)]
struct Entry {
    server: u32,
    target: TargetName,
    user: UserName,
}

/// A number of ours; free again when dropped.
#[derive(Debug)]
pub(super) struct Number {
    number: u32,
    numbers: Numbers,
}

impl Numbers {
    fn book<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number for a new connection.
    pub(super) fn give(&self) -> Number {
        let number = self.book(|book| {
            // INVARIANT: there are far more numbers than connections, so one is soon found.
            loop {
                book.last = book.last.wrapping_add(1) & !FIRST;
                let number = FIRST | book.last;
                if let std::collections::btree_map::Entry::Vacant(free) = book.given.entry(number) {
                    free.insert(None);
                    return number;
                }
            }
        });
        Number { number, numbers: self.clone() }
    }

    /// The server's number for a number that `user` wants to end on `target`; `None` when it is none of ours.
    pub(super) fn behind(&self, number: u64, target: &TargetName, user: &UserName) -> Option<u32> {
        let number = u32::try_from(number).ok()?;
        self.book(|book| {
            let entry = book.given.get(&number)?.as_ref()?;
            (entry.target == *target && entry.user == *user).then_some(entry.server)
        })
    }
}

impl Number {
    /// As it stands in the greeting.
    pub(super) const fn get(&self) -> u32 {
        self.number
    }

    /// The connection is now this one of the server's.
    pub(super) fn is(&self, server: u32, target: &TargetName, user: &UserName) {
        let entry = Entry { server, target: target.clone(), user: user.clone() };
        self.numbers.book(|book| book.given.insert(self.number, Some(entry)));
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.numbers.book(|book| book.given.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_the_servers_for_its_user_and_its_target_alone() {
        let numbers = Numbers::default();
        let (orders, alice) = ("orders".parse().unwrap(), "alice".parse().unwrap());
        let number = numbers.give();
        let shown = number.get().into();
        assert!(number.get() >= FIRST);
        assert_ne!(number.get(), numbers.give().get());
        assert_eq!(numbers.behind(shown, &orders, &alice), None, "not connected yet");
        number.is(42, &orders, &alice);
        assert_eq!(numbers.behind(shown, &orders, &alice), Some(42));
        assert_eq!(numbers.behind(shown, &"stock".parse().unwrap(), &alice), None);
        assert_eq!(numbers.behind(shown, &orders, &"bob".parse().unwrap()), None);
        assert_eq!(numbers.behind(42, &orders, &alice), None, "the server's own goes as it is");
        drop(number);
        assert_eq!(numbers.behind(shown, &orders, &alice), None);
    }
}
