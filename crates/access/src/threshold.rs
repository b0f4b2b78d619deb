//! Thresholds: how many approvals make a yes, how many denials a no (the law, §4).
//!
//! ```text
//!   every requested role            AND
//!     every role of the requester   AND     a [`Term`]
//!     that lets her ask for it
//!       its thresholds              OR      a [`Threshold`]
//! ```
//!
//! A reviewer who belongs to several parts of an `all_of` counts in each of them, as one who satisfies
//! several roles' thresholds does; `approve: 2` beside `all_of` demands two people.
//!
//! The terms are frozen when the request is filed: editing a role afterwards changes neither what is
//! needed nor who counts. Which filters hold for a reviewer is decided when the review is given and
//! frozen into it, as the [`Slot`]s it counts for.

pub use crate::role::{Threshold, ThresholdPart};

use crate::{
    expr::Expr,
    name::RoleName,
    review::{Decision, Review},
};

/// What one role of the requester demands for one requested role.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Term {
    /// The role asked for.
    pub role: RoleName,
    /// The role of the requester which lets her ask for it.
    pub through: RoleName,
    /// Any of these is enough. Never empty.
    pub thresholds: Vec<Threshold>,
}

/// The place of one filter among the terms of a request: its number, walking over the terms, their
/// thresholds, and of each the threshold itself before its parts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot(pub u32);

/// Something counted: a threshold or one of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// Which.
    pub slot: Slot,
    /// Which reviews count.
    pub filter: Option<&'a Expr>,
}

/// How the votes stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Enough approvals, everywhere.
    Approved,
    /// Some list reached a deny threshold.
    Denied,
    /// Neither yet.
    Open,
}

/// What holds when a role says nothing: one approval, one denial.
#[must_use]
pub fn standard() -> Threshold {
    Threshold { name: "default".into(), filter: None, approve: 1, deny: 1, all_of: Vec::new() }
}

/// Whether any number of approvals could meet it. `approve: 0` never approves, unless `all_of` says
/// what is needed; a part with 0 is never met.
#[must_use]
pub fn can_approve(threshold: &Threshold) -> bool {
    (threshold.approve > 0 || !threshold.all_of.is_empty())
        && threshold.all_of.iter().all(|part| part.approve > 0)
}

/// One threshold with the slots of its counters.
#[derive(Clone, Debug)]
pub struct Numbered<'a> {
    /// The threshold.
    pub threshold: &'a Threshold,
    /// Where its own votes are counted.
    pub slot: Slot,
    /// Its parts, each with the slot of its votes.
    pub parts: Vec<(Slot, &'a ThresholdPart)>,
}

/// The terms with every counter numbered, in the order of [`Slot`].
#[must_use]
pub fn numbered(terms: &[Term]) -> Vec<(&Term, Vec<Numbered<'_>>)> {
    let mut next = 0_u32;
    let mut slot = || {
        let slot = Slot(next);
        next = next.saturating_add(1);
        slot
    };
    terms
        .iter()
        .map(|term| {
            let thresholds = term
                .thresholds
                .iter()
                .map(|threshold| Numbered {
                    threshold,
                    slot: slot(),
                    parts: threshold.all_of.iter().map(|part| (slot(), part)).collect(),
                })
                .collect();
            (term, thresholds)
        })
        .collect()
}

/// Everything that is counted, in the order of [`Slot`].
#[must_use]
pub fn counted(terms: &[Term]) -> Vec<Counted<'_>> {
    let mut all = Vec::new();
    for (_, thresholds) in numbered(terms) {
        for numbered in thresholds {
            all.push(Counted { slot: numbered.slot, filter: numbered.threshold.filter.as_ref() });
            all.extend(
                numbered
                    .parts
                    .iter()
                    .map(|(slot, part)| Counted { slot: *slot, filter: part.filter.as_ref() }),
            );
        }
    }
    all
}

/// How many reviews with this decision count in `slot`.
#[must_use]
pub fn votes(reviews: &[Review], decision: Decision, slot: Slot) -> u32 {
    let count = reviews
        .iter()
        .filter(|review| review.decision == decision && review.counts.contains(&slot))
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Numbered<'_> {
    /// Whether the approvals are enough for this threshold.
    #[must_use]
    pub fn is_met(&self, reviews: &[Review]) -> bool {
        can_approve(self.threshold)
            && votes(reviews, Decision::Approve, self.slot) >= self.threshold.approve
            && self
                .parts
                .iter()
                .all(|(slot, part)| votes(reviews, Decision::Approve, *slot) >= part.approve)
    }

    /// Whether the denials are enough for this threshold.
    #[must_use]
    pub fn is_denied(&self, reviews: &[Review]) -> bool {
        self.threshold.deny > 0 && votes(reviews, Decision::Deny, self.slot) >= self.threshold.deny
    }
}

/// How the votes stand under these terms. No terms never approve.
#[must_use]
pub fn verdict(terms: &[Term], reviews: &[Review]) -> Verdict {
    let lists = numbered(terms);
    if lists.iter().any(|(_, list)| list.iter().any(|threshold| threshold.is_denied(reviews))) {
        return Verdict::Denied;
    }
    if !lists.is_empty()
        && lists.iter().all(|(_, list)| list.iter().any(|threshold| threshold.is_met(reviews)))
    {
        return Verdict::Approved;
    }
    Verdict::Open
}
