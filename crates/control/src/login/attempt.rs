//! Counting failures: after a few, a user is locked out for a while, and longer each time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How many failures in a row are free.
const FREE: u32 = 5;
/// How long the first lock-out lasts; each further failure doubles it.
const FIRST: SignedDuration = SignedDuration::from_secs(30);
/// The longest lock-out. Longer would let a stranger keep a user out by guessing now and then.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// After so long without a failure, the count begins anew.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);

/// Failed logins of one user since the last that succeeded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Failures {
    count: u32,
    last: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Failures {
    /// Whether the user is locked out at `now`.
    pub(crate) fn locked(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// One failure more.
    pub(crate) fn failed(self, now: Timestamp) -> Self {
        let stale = self.last.is_some_and(|last| now.duration_since(last) > FORGOTTEN);
        let count = if stale { 1 } else { self.count.saturating_add(1) };
        let until = count.checked_sub(FREE).map(|over| {
            let wait = 1i32
                .checked_shl(over.min(16))
                .and_then(|factor| FIRST.checked_mul(factor))
                .map_or(LONGEST, |wait| wait.min(LONGEST));
            now.checked_add(wait).unwrap_or(Timestamp::MAX)
        });
        Self { count, last: Some(now), until }
    }

    /// When the lock-out ends, if there is one.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn lock_outs_come_after_five_failures_double_and_end() {
        let mut failures = Failures::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            failures = failures.failed(now());
            waits.push(failures.until().map_or(0, |until| until.duration_since(now()).as_secs()));
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert!(failures.locked(now()));
        assert!(!failures.locked(now() + LONGEST));
    }

    #[test]
    fn a_day_later_the_count_begins_anew() {
        let mut failures = Failures::default();
        for _ in 0..9 {
            failures = failures.failed(now());
        }
        let later = now() + FORGOTTEN + SignedDuration::from_secs(1);
        assert_eq!(failures.failed(later).until(), None);
    }
}
