//! What any backend must do, as a suite it can run.
//!
//! [`run`] checks rules one by one, those about concurrency among them. [`model::replay`] runs any list of steps
//! against a model that is a map and a list; tests make the lists at random.

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::kv::{Answer, Kv};

pub mod model;
mod rules;

/// A backend under test, with the clock it looks at.
pub trait Bench: fmt::Debug + Send + Sync {
    /// Opens the backend on its data; again, after it was closed.
    fn open(&self) -> Answer<'_, Arc<dyn Kv>>;

    /// Moves the clock.
    fn forward(&self, by: SignedDuration);
}

/// A rule that does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule}: {what}")]
pub struct Broken {
    /// The rule.
    pub rule: &'static str,
    /// What happened instead.
    pub what: String,
}

impl Broken {
    fn new(rule: &'static str, what: impl fmt::Display) -> Self {
        Self { rule, what: what.to_string() }
    }
}

/// That two values are the same, or the rule is broken.
fn same<T: PartialEq + fmt::Debug>(
    rule: &'static str,
    found: T,
    expected: T,
) -> Result<(), Broken> {
    if found == expected {
        Ok(())
    } else {
        Err(Broken::new(rule, format!("found {found:?}, expected {expected:?}")))
    }
}

/// Checks every rule, each on a backend of its own.
///
/// # Errors
/// The first rule that does not hold.
pub async fn run(fresh: &(dyn Fn() -> Box<dyn Bench> + Send + Sync)) -> Result<(), Broken> {
    rules::limits(fresh().as_ref()).await?;
    rules::one_of_many_conflicts(fresh().as_ref()).await?;
    rules::counting_together(fresh().as_ref()).await?;
    rules::watch_misses_nothing(fresh().as_ref()).await?;
    rules::slow_watcher(fresh().as_ref()).await?;
    rules::leases_end_without_a_write(fresh().as_ref()).await?;
    rules::outbox(fresh().as_ref()).await?;
    rules::closing(fresh().as_ref()).await
}
