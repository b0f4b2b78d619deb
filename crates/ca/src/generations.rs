//! The generations of one authority, and how one follows another.
//!
//! ```text
//!            begin                   switch                 finish
//!   Steady ──────────► Prepared ──────────────► Switched ──────────► Steady
//!                      next is trusted,         next signs,          previous is
//!                      not yet signing          previous trusted     forgotten
//! ```
//!
//! Between two steps an operator carries the new public keys to those who must trust them. Nothing
//! is ever signed by a key that they could not know yet.

use super::authorities::{Phase, RotateError, Step};

/// One key that signs, and up to two more that are believed.
#[derive(Clone)]
pub(crate) struct Generations<K> {
    pub(crate) previous: Option<K>,
    pub(crate) active: K,
    pub(crate) next: Option<K>,
}

impl<K: Clone> Generations<K> {
    pub(crate) fn first(active: K) -> Self {
        Self { previous: None, active, next: None }
    }

    /// Everyone believed: the active one first.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = &K> {
        [Some(&self.active), self.next.as_ref(), self.previous.as_ref()].into_iter().flatten()
    }

    pub(crate) fn phase(&self) -> Phase {
        match (&self.previous, &self.next) {
            (_, Some(_)) => Phase::Prepared,
            (Some(_), None) => Phase::Switched,
            (None, None) => Phase::Steady,
        }
    }

    /// Takes one step; `fresh` makes the key of the next generation.
    pub(crate) fn rotate<E>(
        &mut self,
        step: Step,
        fresh: impl FnOnce() -> Result<K, E>,
    ) -> Result<(), RotateError>
    where
        RotateError: From<E>,
    {
        match (self.phase(), step) {
            (Phase::Steady, Step::Begin) => self.next = Some(fresh()?),
            (Phase::Prepared, Step::Switch) => {
                if let Some(next) = self.next.take() {
                    self.previous = Some(std::mem::replace(&mut self.active, next));
                }
            }
            (Phase::Switched, Step::Finish) => self.previous = None,
            (Phase::Prepared, Step::Undo) => self.next = None,
            (Phase::Switched, Step::Undo) => {
                if let Some(previous) = self.previous.take() {
                    self.next = Some(std::mem::replace(&mut self.active, previous));
                }
            }
            (phase @ Phase::Steady, step @ (Step::Switch | Step::Finish | Step::Undo))
            | (phase @ Phase::Prepared, step @ (Step::Begin | Step::Finish))
            | (phase @ Phase::Switched, step @ (Step::Begin | Step::Switch)) => {
                return Err(RotateError::Order { phase, step });
            }
        }
        Ok(())
    }
}
