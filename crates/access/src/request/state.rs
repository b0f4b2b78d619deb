//! The state of a request, and what it grants.

use super::{Act, Event, Outcome, ReplayError, Requested};
use crate::{
    name::{RequestId, RoleName, UserName},
    resource::ResourceId,
    review::Review,
};
use core::{fmt, str::FromStr};
use jiff::{SignedDuration, Timestamp};

/// An approval: by whose last word, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// The act that tipped the balance.
    pub act: Act,
    /// What is granted.
    pub roles: Vec<RoleName>,
    /// From when.
    pub start: Timestamp,
    /// Until when, exclusively.
    pub until: Timestamp,
}

/// Where a request stands. All but `Pending` and `Approved` are final.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Granted, inside its window.
    Approved(Approval),
    /// Taken back by the requester.
    Cancelled(Act),
    /// Denied by reviewers or an administrator.
    Denied(Act),
    /// Waiting for reviews, until `answer_by`.
    Pending,
    /// Made a member of a list instead: grants nothing.
    Promoted(Act, Box<str>),
    /// Given back by the requester.
    Released(Approval, Act),
    /// Ended by someone else.
    Revoked(Approval, Act),
}

/// What a request is called at some time: the state compared with the clock.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// Approved, and the window has not ended; it may not have begun.
    Approved,
    /// Taken back.
    Cancelled,
    /// Denied.
    Denied,
    /// Nobody answered in time, or the window has ended.
    Expired,
    /// Waiting.
    Pending,
    /// Made a member of a list.
    Promoted,
    /// Given back.
    Released,
    /// Ended by someone else.
    Revoked,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Approved,
        Self::Cancelled,
        Self::Denied,
        Self::Expired,
        Self::Pending,
        Self::Promoted,
        Self::Released,
        Self::Revoked,
    ];

    /// As tables show it: `PENDING`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Cancelled => "CANCELLED",
            Self::Denied => "DENIED",
            Self::Expired => "EXPIRED",
            Self::Pending => "PENDING",
            Self::Promoted => "PROMOTED",
            Self::Released => "RELEASED",
            Self::Revoked => "REVOKED",
        }
    }

    /// Whether `request ls` shows it without `--all`.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Approved | Self::Pending => true,
            Self::Cancelled
            | Self::Denied
            | Self::Expired
            | Self::Promoted
            | Self::Released
            | Self::Revoked => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Not a status.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a state is one of approved, cancelled, denied, expired, pending, promoted, released, revoked"
)]
pub struct InvalidStatus;

impl FromStr for Status {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
            .ok_or(InvalidStatus)
    }
}

/// A limit that cut the duration asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// What was asked for.
    pub asked: SignedDuration,
    /// Which limit.
    pub kind: LimitKind,
}

/// Which limit cut a duration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LimitKind {
    /// A grant ends at most [`MAX_DURATION`](super::MAX_DURATION) after it, or its extension, was asked for.
    Ceiling,
    /// No role of the requester says how long: the default.
    Default,
    /// `request.max_duration` of this role of the requester, for this requested role.
    Role {
        /// The role of the requester.
        through: RoleName,
        /// The role asked for.
        role: RoleName,
    },
}

/// What an approved request gives at some time inside its window.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// By which request.
    pub request: RequestId,
    /// To whom.
    pub user: &'a UserName,
    /// The roles given.
    pub roles: &'a [RoleName],
    /// If not empty, the roles are given for these resources alone.
    pub resources: &'a [ResourceId],
    /// From when.
    pub start: Timestamp,
    /// Until when, exclusively.
    pub until: Timestamp,
}

/// A request: what was filed, what reviewers said, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    pub(super) asked: Requested,
    pub(super) reviews: Vec<Review>,
    pub(super) state: State,
}

impl Request {
    /// The request as just filed.
    #[must_use]
    pub const fn new(asked: Requested) -> Self {
        Self { asked, reviews: Vec::new(), state: State::Pending }
    }

    /// The request these events make.
    pub fn replay(events: impl IntoIterator<Item = Event>) -> Result<Self, ReplayError> {
        let mut events = events.into_iter().enumerate();
        let Some((_, Event::Requested(asked))) = events.next() else {
            return Err(ReplayError::NoBeginning);
        };
        let mut request = Self::new(*asked);
        for (at, event) in events {
            match &event {
                Event::Requested(_) => return Err(ReplayError::FiledTwice(at)),
                Event::Cancelled(_)
                | Event::Overridden(..)
                | Event::Promoted(..)
                | Event::Released(_)
                | Event::Reviewed(..)
                | Event::Revoked(_) => {}
            }
            request = request.follow(event).ok_or(ReplayError::OutOfOrder(at))?;
        }
        Ok(request)
    }

    /// Takes in an event that [`Request::decide`] made of this very state; any other changes nothing.
    pub fn apply(&mut self, event: Event) {
        if let Some(next) = self.clone().follow(event) {
            *self = next;
        }
    }

    /// The request after `event`, `None` where it cannot follow. Closed stays closed.
    fn follow(mut self, event: Event) -> Option<Self> {
        self.state = match (self.state, event) {
            (State::Pending, Event::Reviewed(review, outcome)) => {
                let act = Act {
                    by: review.by.clone(),
                    channel: review.channel,
                    at: review.at,
                    reason: review.reason.clone(),
                };
                self.reviews.push(*review);
                decided(act, outcome)
            }
            (State::Pending, Event::Overridden(act, outcome)) => decided(act, outcome),
            (State::Pending, Event::Cancelled(act)) => State::Cancelled(act),
            (State::Pending, Event::Promoted(act, list)) => State::Promoted(act, list),
            (State::Approved(approval), Event::Released(act)) => State::Released(approval, act),
            (State::Approved(approval), Event::Revoked(act)) => State::Revoked(approval, act),
            (State::Pending, Event::Released(_) | Event::Requested(_) | Event::Revoked(_))
            | (
                State::Approved(_),
                Event::Cancelled(_)
                | Event::Overridden(..)
                | Event::Promoted(..)
                | Event::Requested(_)
                | Event::Reviewed(..),
            )
            | (
                State::Cancelled(_)
                | State::Denied(_)
                | State::Promoted(..)
                | State::Released(..)
                | State::Revoked(..),
                Event::Cancelled(_)
                | Event::Overridden(..)
                | Event::Promoted(..)
                | Event::Released(_)
                | Event::Requested(_)
                | Event::Reviewed(..)
                | Event::Revoked(_),
            ) => return None,
        };
        Some(self)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.asked.id
    }

    /// For whom.
    #[must_use]
    pub const fn user(&self) -> &UserName {
        &self.asked.user
    }

    /// What was filed.
    #[must_use]
    pub const fn asked(&self) -> &Requested {
        &self.asked
    }

    /// The reviews, in the order they were given.
    #[must_use]
    pub fn reviews(&self) -> &[Review] {
        &self.reviews
    }

    /// Where it stands, the clock apart.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        match &self.state {
            State::Approved(approval) if now >= approval.until => Status::Expired,
            State::Approved(_) => Status::Approved,
            State::Cancelled(_) => Status::Cancelled,
            State::Denied(_) => Status::Denied,
            State::Pending if now >= self.asked.answer_by => Status::Expired,
            State::Pending => Status::Pending,
            State::Promoted(..) => Status::Promoted,
            State::Released(..) => Status::Released,
            State::Revoked(..) => Status::Revoked,
        }
    }

    /// The approval, whatever became of it since.
    #[must_use]
    pub const fn approval(&self) -> Option<&Approval> {
        match &self.state {
            State::Approved(approval)
            | State::Released(approval, _)
            | State::Revoked(approval, _) => Some(approval),
            State::Cancelled(_) | State::Denied(_) | State::Pending | State::Promoted(..) => None,
        }
    }

    /// The act that brought it to where it stands: who approved, denied, cancelled, … last, and why.
    #[must_use]
    pub const fn resolution(&self) -> Option<&Act> {
        match &self.state {
            State::Approved(Approval { act, .. })
            | State::Cancelled(act)
            | State::Denied(act)
            | State::Promoted(act, _)
            | State::Released(_, act)
            | State::Revoked(_, act) => Some(act),
            State::Pending => None,
        }
    }

    /// What it gives at `now`: nothing before the window, after it, or once ended.
    #[must_use]
    pub fn grant(&self, now: Timestamp) -> Option<Grant<'_>> {
        match &self.state {
            State::Approved(approval) if approval.start <= now && now < approval.until => {
                Some(Grant {
                    request: self.asked.id,
                    user: &self.asked.user,
                    roles: &approval.roles,
                    resources: &self.asked.resources,
                    start: approval.start,
                    until: approval.until,
                })
            }
            State::Approved(_)
            | State::Cancelled(_)
            | State::Denied(_)
            | State::Pending
            | State::Promoted(..)
            | State::Released(..)
            | State::Revoked(..) => None,
        }
    }

    /// When, after `now`, what it gives or is called changes by itself: its start, its end, or the end of
    /// waiting. `None` once nothing more will happen by the clock.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.state {
            State::Approved(approval) => {
                [approval.start, approval.until].into_iter().find(|at| *at > now)
            }
            State::Pending => Some(self.asked.answer_by).filter(|at| *at > now),
            State::Cancelled(_)
            | State::Denied(_)
            | State::Promoted(..)
            | State::Released(..)
            | State::Revoked(..) => None,
        }
    }
}

fn decided(act: Act, outcome: Outcome) -> State {
    match outcome {
        Outcome::Approved { roles, start, until } => {
            State::Approved(Approval { act, roles, start, until })
        }
        Outcome::Denied => State::Denied(act),
        Outcome::Pending => State::Pending,
    }
}
