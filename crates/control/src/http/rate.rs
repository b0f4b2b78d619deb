//! How much one caller may ask for: token buckets, in a bounded table.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// How much one caller may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls a second for callers nobody knows, by address.
    pub anonymous_rate: f64,
    /// How many such calls may come at once.
    pub anonymous_burst: f64,
    /// Calls a second for one user.
    pub user_rate: f64,
    /// How many such calls may come at once.
    pub user_burst: f64,
    /// Streams one user can have open.
    pub user_streams: usize,
    /// Streams all users together can have open.
    pub all_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            anonymous_rate: 50.0,
            anonymous_burst: 200.0,
            user_rate: 5_000.0,
            user_burst: 10_000.0,
            user_streams: api::stream::MAX_STREAMS_PER_USER,
            all_streams: 4_096,
        }
    }
}

/// How many callers are remembered. The full table forgets those whose bucket is full again; where that
/// frees nothing, strangers share one bucket.
const MAX_CALLERS: usize = 16_384;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    seen: Instant,
}

/// What is counted while the daemon runs.
#[derive(Debug)]
pub struct Gauges {
    limits: Limits,
    buckets: Mutex<HashMap<String, Bucket>>,
    streams: Mutex<HashMap<String, usize>>,
}

impl Gauges {
    /// Nothing counted yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buckets: Mutex::default(), streams: Mutex::default() }
    }

    /// Whether `caller` may make one more call now.
    pub(crate) fn admit(&self, caller: &str, known: Known) -> bool {
        self.admit_at(caller, known, Instant::now())
    }

    fn admit_at(&self, caller: &str, known: Known, now: Instant) -> bool {
        let (rate, burst) = match known {
            Known::No => (self.limits.anonymous_rate, self.limits.anonymous_burst),
            Known::Yes => (self.limits.user_rate, self.limits.user_burst),
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = caller;
        if !buckets.contains_key(key) && buckets.len() >= MAX_CALLERS {
            buckets.retain(|_, bucket| {
                bucket.tokens + now.duration_since(bucket.seen).as_secs_f64() * rate < burst
            });
            if buckets.len() >= MAX_CALLERS {
                key = "";
            }
        }
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket { tokens: burst, seen: now });
        bucket.tokens =
            (bucket.tokens + now.duration_since(bucket.seen).as_secs_f64() * rate).min(burst);
        bucket.seen = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Takes one of the streams `caller` may have open; it is given back when the ticket is dropped.
    pub(crate) fn stream(self: &std::sync::Arc<Self>, caller: &str) -> Option<Ticket> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = streams.values().sum();
        let own = streams.get(caller).copied().unwrap_or(0);
        if own >= self.limits.user_streams || all >= self.limits.all_streams {
            return None;
        }
        streams.insert(caller.to_owned(), own + 1);
        Some(Ticket { gauges: std::sync::Arc::clone(self), caller: caller.to_owned() })
    }
}

/// Whether we know a caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    No,
    Yes,
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct Ticket {
    gauges: std::sync::Arc<Gauges>,
    caller: String,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut streams = self.gauges.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match streams.get_mut(&self.caller) {
            Some(open) if *open > 1 => *open -= 1,
            Some(_) | None => {
                streams.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gauges, Known, Limits, MAX_CALLERS};
    use std::{sync::Arc, time::Duration};
    use tokio::time::Instant;

    fn gauges() -> Arc<Gauges> {
        Arc::new(Gauges::new(Limits {
            anonymous_rate: 1.0,
            anonymous_burst: 2.0,
            user_streams: 1,
            ..Limits::default()
        }))
    }

    #[test]
    fn a_caller_who_asks_too_much_waits_and_others_do_not() {
        let gauges = gauges();
        let now = Instant::now();
        let calls: Vec<_> = (0..3).map(|_| gauges.admit_at("a", Known::No, now)).collect();
        assert_eq!(calls, [true, true, false]);
        assert!(gauges.admit_at("b", Known::No, now));
        let later = now + Duration::from_secs(1);
        assert!(gauges.admit_at("a", Known::No, later));
        assert!(!gauges.admit_at("a", Known::No, later));
    }

    #[test]
    fn the_table_of_callers_is_bounded() {
        let gauges = gauges();
        for caller in 0..MAX_CALLERS + 100 {
            gauges.admit(&caller.to_string(), Known::No);
        }
        assert!(gauges.buckets.lock().unwrap().len() <= MAX_CALLERS + 1);
    }

    #[test]
    fn a_closed_stream_makes_room_for_another() {
        let gauges = gauges();
        let first = gauges.stream("a");
        assert!(first.is_some());
        assert!(gauges.stream("a").is_none());
        drop(first);
        assert!(gauges.stream("a").is_some());
    }
}
