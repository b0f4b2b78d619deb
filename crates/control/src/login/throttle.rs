//! How often one may try: token buckets in a bounded table.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

/// How many names and addresses are remembered. A full table forgets those whose bucket is full
/// again; where that frees nothing, newcomers share one bucket, so memory stays bounded and nobody
/// gains a try by flooding the table.
const MAX_KEYS: usize = 16_384;

/// How often one may try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Tries at once.
    pub(crate) burst: f64,
    /// Tries that come back, per second.
    pub(crate) per_second: f64,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    seen: Timestamp,
}

/// Token buckets by key.
pub(crate) struct Throttle {
    rate: Rate,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Throttle {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes one try of `key`'s; false when none is left.
    pub(crate) fn take(&self, key: &str, now: Timestamp) -> bool {
        let Rate { burst, per_second } = self.rate;
        let filled = |bucket: &Bucket| {
            // A clock set back fills nothing.
            let passed = now.duration_since(bucket.seen).as_secs_f64().max(0.0);
            (bucket.left + passed * per_second).min(burst)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = key;
        if !buckets.contains_key(key) && buckets.len() >= MAX_KEYS {
            buckets.retain(|_, bucket| filled(bucket) < burst);
            if buckets.len() >= MAX_KEYS {
                key = "";
            }
        }
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket { left: burst, seen: now });
        *bucket = Bucket { left: filled(bucket), seen: now };
        let any = bucket.left >= 1.0;
        if any {
            bucket.left -= 1.0;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    const RATE: Rate = Rate { burst: 2.0, per_second: 0.5 };

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn tries_run_out_and_come_back() {
        let throttle = Throttle::new(RATE);
        let take = |seconds| throttle.take("a", now() + SignedDuration::from_secs(seconds));
        assert_eq!(
            [take(0), take(0), take(0), take(1), take(2), take(2)],
            [true, true, false, false, true, false]
        );
        assert!(throttle.take("b", now()));
    }

    #[test]
    fn a_clock_set_back_gives_no_tries() {
        let throttle = Throttle::new(RATE);
        assert!(throttle.take("a", now()) && throttle.take("a", now()));
        assert!(!throttle.take("a", now() - SignedDuration::from_hours(9)));
    }

    #[test]
    fn a_flood_of_names_takes_bounded_memory_and_wins_nothing() {
        let throttle = Throttle::new(RATE);
        for name in 0..MAX_KEYS + 1000 {
            throttle.take(&name.to_string(), now());
        }
        assert!(throttle.buckets.lock().unwrap().len() <= MAX_KEYS + 1);
        assert!(!throttle.take("yet another", now()));
        assert!(throttle.take("later", now() + SignedDuration::from_secs(60)));
    }
}
