//! What a command does to a request: one event, or a refusal.

use super::{
    Act, Actor, Approval, Author, Command, Event, Outcome, Refusal, Request, State, Status,
    file::{active, administrative, check_reason_length},
    length,
    reviewers::{Glance, can_review},
};
use crate::{
    identity::{Traits, User},
    name::RoleName,
    policy::Policy,
    promotion::AccessList,
    review::{Decision, Review},
    role::rules::Verb,
    threshold::{self, Verdict},
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What a review says, before it is one.
struct Word {
    decision: Decision,
    reason: String,
    assume_start: Option<Timestamp>,
    duration: Option<SignedDuration>,
}

impl Request {
    /// Decides what `command` by `actor` does to this request at `now`.
    ///
    /// # Errors
    /// The first thing that speaks against it; who may is asked before how things stand, so that nobody
    /// learns from a refusal what they could not see.
    pub fn decide(
        &self,
        policy: &Policy,
        actor: &Actor,
        command: Command,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        self.check_caller(policy, actor, &command, now)?;
        let act = |reason: String| {
            check_reason_length(&reason)?;
            Ok(Act {
                by: actor.author().clone(),
                channel: actor.channel(),
                at: now,
                reason: reason.trim().to_owned(),
            })
        };
        match (&self.state, command) {
            (State::Pending, _) if now >= self.asked.answer_by => {
                Err(Refusal::TooLate(self.asked.answer_by))
            }
            (State::Approved(approval), _) if now >= approval.until => {
                Err(Refusal::GrantEnded(approval.until))
            }

            (State::Pending, Command::Approve { reason, assume_start, duration }) => {
                let word = Word { decision: Decision::Approve, reason, assume_start, duration };
                self.reviewed(policy, actor, word, now)
            }
            (State::Pending, Command::Deny { reason }) => {
                let word =
                    Word { decision: Decision::Deny, reason, assume_start: None, duration: None };
                self.reviewed(policy, actor, word, now)
            }
            (
                State::Pending,
                Command::Override { decision, reason, roles, assume_start, duration },
            ) => {
                let word = Word { decision, reason, assume_start, duration };
                self.overridden(policy, actor, word, roles, now)
            }
            (State::Pending, Command::Promote { list, reason }) => {
                if !list.grants_all_of(policy, self) {
                    return Err(Refusal::ListGrantsLess(list.name.into()));
                }
                Ok(Event::Promoted(act(reason)?, list.name))
            }
            (State::Pending, Command::Cancel) => Ok(Event::Cancelled(act(String::new())?)),
            (State::Approved(_), Command::Release) => Ok(Event::Released(act(String::new())?)),
            (State::Approved(_), Command::Revoke { reason }) => Ok(Event::Revoked(act(reason)?)),

            (State::Pending, Command::Release | Command::Revoke { .. }) => {
                Err(Refusal::NotApproved)
            }
            (State::Approved(_), Command::Cancel) => Err(Refusal::AlreadyApproved),
            (
                State::Approved(_),
                Command::Approve { .. }
                | Command::Deny { .. }
                | Command::Override { .. }
                | Command::Promote { .. },
            )
            | (
                State::Cancelled(_)
                | State::Denied(_)
                | State::Promoted(..)
                | State::Released(..)
                | State::Revoked(..),
                Command::Approve { .. }
                | Command::Cancel
                | Command::Deny { .. }
                | Command::Override { .. }
                | Command::Promote { .. }
                | Command::Release
                | Command::Revoke { .. },
            ) => Err(self.closed(now)),
        }
    }

    /// Whether the caller may give this command at all.
    fn check_caller(
        &self,
        policy: &Policy,
        actor: &Actor,
        command: &Command,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match (command, actor.author()) {
            (Command::Approve { .. } | Command::Deny { .. }, Author::Program(_)) => Ok(()),
            (Command::Approve { .. } | Command::Deny { .. }, author) => {
                self.check_reviewer(policy, author)
            }
            (Command::Promote { list, .. }, author) => {
                self.check_reviewer(policy, author)?;
                check_owner(list, author)
            }
            (Command::Cancel | Command::Release, author) => {
                if !author.is(&self.asked.user) {
                    return Err(Refusal::NotRequester(self.asked.user.clone()));
                }
                active(policy, &self.asked.user).map(|_| ())
            }
            (Command::Override { .. }, author) => {
                administrative(policy, actor, Verb::Update)?;
                self.check_override(policy, author, now)
            }
            (Command::Revoke { .. }, author) => {
                if administrative(policy, actor, Verb::Update).is_ok()
                    || self.check_reviewer(policy, author).is_ok()
                {
                    return Ok(());
                }
                Err(Refusal::NotRevoker)
            }
        }
    }

    fn check_reviewer(&self, policy: &Policy, author: &Author) -> Result<(), Refusal> {
        match author {
            Author::User(name) if *name == self.asked.user => Err(Refusal::OwnReview),
            Author::User(name) if can_review(policy, &self.asked, name) => Ok(()),
            Author::User(_) => Err(Refusal::NotReviewer),
            Author::Operator(_) | Author::Program(_) => Err(Refusal::Caller(author.to_string())),
        }
    }

    /// Not one's own, and not with the help of a grant: an administrator for an hour could else make it for ever.
    fn check_override(
        &self,
        policy: &Policy,
        author: &Author,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match author {
            Author::User(name) if *name == self.asked.user => Err(Refusal::OwnOverride),
            Author::User(name)
                if policy.requests_of(name).any(|request| request.grant(now).is_some()) =>
            {
                Err(Refusal::OverrideWithGrant)
            }
            Author::User(_) | Author::Operator(_) => Ok(()),
            Author::Program(_) => Err(Refusal::Caller(author.to_string())),
        }
    }

    fn reviewed(
        &self,
        policy: &Policy,
        actor: &Actor,
        word: Word,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        check_reason_length(&word.reason)?;
        if self.reviews.iter().any(|review| review.by == *actor.author()) {
            return Err(Refusal::AlreadyReviewed);
        }
        self.check_word(&word, now)?;
        let nobody = (BTreeSet::new(), Traits::new());
        let reviewer: Option<&User> = match actor.author() {
            Author::User(name) => Some(active(policy, name)?),
            Author::Operator(_) | Author::Program(_) => None,
        };
        let (roles, traits) =
            reviewer.map_or((&nobody.0, &nobody.1), |user| (&user.roles, &user.traits));
        let annotations = Traits::new();
        let glance = Glance {
            asked: &self.asked,
            roles,
            traits,
            reason: word.reason.trim(),
            annotations: &annotations,
        };
        let review = Review {
            by: actor.author().clone(),
            channel: actor.channel(),
            at: now,
            decision: word.decision,
            reason: word.reason.trim().to_owned(),
            assume_start: word.assume_start,
            duration: word.duration,
            roles: roles.clone(),
            counts: glance.counts(),
            annotations,
        };
        let mut reviews = self.reviews.clone();
        reviews.push(review.clone());
        let outcome = match threshold::verdict(&self.asked.terms, &reviews) {
            Verdict::Approved => self.granted(policy, &reviews, None, now)?,
            Verdict::Denied => Outcome::Denied,
            Verdict::Open => Outcome::Pending,
        };
        Ok(Event::Reviewed(Box::new(review), outcome))
    }

    fn overridden(
        &self,
        policy: &Policy,
        actor: &Actor,
        word: Word,
        roles: Option<Vec<RoleName>>,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        check_reason_length(&word.reason)?;
        self.check_word(&word, now)?;
        let outcome = match (word.decision, &roles) {
            (Decision::Deny, Some(_)) => return Err(Refusal::RolesWithDenial),
            (Decision::Deny, None) => Outcome::Denied,
            (Decision::Approve, _) => {
                if let Some(roles) = &roles {
                    let foreign: Vec<_> = roles
                        .iter()
                        .filter(|role| !self.asked.roles.contains(role))
                        .cloned()
                        .collect();
                    if roles.is_empty() || !foreign.is_empty() {
                        return Err(Refusal::RolesNotAsked { roles: foreign });
                    }
                }
                let mut outcome = self.granted(policy, &self.reviews, Some(&word), now)?;
                if let (Outcome::Approved { roles: granted, .. }, Some(roles)) =
                    (&mut outcome, roles)
                {
                    granted.retain(|role| roles.contains(role));
                }
                outcome
            }
        };
        let act = Act {
            by: actor.author().clone(),
            channel: actor.channel(),
            at: now,
            reason: word.reason.trim().to_owned(),
        };
        Ok(Event::Overridden(act, outcome))
    }

    /// Shorter or later than asked, never longer or earlier.
    fn check_word(&self, word: &Word, now: Timestamp) -> Result<(), Refusal> {
        if let Some(duration) = word.duration {
            if duration <= SignedDuration::ZERO {
                return Err(Refusal::DurationNotPositive);
            }
            if duration > self.asked.duration {
                return Err(Refusal::DurationLengthened);
            }
        }
        match (word.assume_start, self.asked.assume_start) {
            (None, _) => Ok(()),
            (Some(start), Some(asked)) if start == asked => Ok(()),
            (Some(start), Some(asked)) if start < asked => Err(Refusal::StartEarlier { asked }),
            (Some(start), _) => length::check_start(start, self.asked.at, now),
        }
    }

    /// The window of an approval: from now, or the last start somebody set; as long as asked, or the
    /// shortest a reviewer who approved set.
    fn granted(
        &self,
        policy: &Policy,
        reviews: &[Review],
        last: Option<&Word>,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let yes = || reviews.iter().filter(|review| review.decision == Decision::Approve);
        let start = last
            .and_then(|word| word.assume_start)
            .or_else(|| yes().rev().find_map(|review| review.assume_start))
            .or(self.asked.assume_start);
        let shortened =
            yes().filter_map(|review| review.duration).chain(last.and_then(|word| word.duration));
        let duration = shortened.fold(self.asked.duration, SignedDuration::min);
        let start = start.map_or(now, |start| start.max(now));
        let from = match self.asked.extends {
            None => start,
            Some(extension) => {
                // The end that moves is that of a grant which is still there.
                let extended = policy
                    .request(extension.request)
                    .filter(|request| *request.user() == self.asked.user);
                if extended.is_none_or(|request| request.status(now) != Status::Approved) {
                    return Err(Refusal::ExtendedIsOver(extension.request));
                }
                start.max(extension.from)
            }
        };
        Ok(Outcome::Approved {
            roles: self.asked.roles.clone(),
            start,
            until: length::later(from, duration),
        })
    }

    fn closed(&self, now: Timestamp) -> Refusal {
        let by = self.resolution().map(|act| act.by.to_string());
        match self.status(now) {
            Status::Expired => Refusal::TooLate(self.asked.answer_by),
            status @ (Status::Approved
            | Status::Cancelled
            | Status::Denied
            | Status::Pending
            | Status::Promoted
            | Status::Released
            | Status::Revoked) => Refusal::Closed { status, by },
        }
    }

    /// Whether this user may review it, whatever its state: what screens ask before they show a button.
    #[must_use]
    pub fn can_review(&self, policy: &Policy, user: &crate::name::UserName) -> bool {
        can_review(policy, &self.asked, user)
    }

    /// How long a session opened under it lasts at most, for someone whose identity lasts until `expires`.
    #[must_use]
    pub fn session_limit(&self, expires: Timestamp, now: Timestamp) -> SignedDuration {
        let end = match &self.state {
            State::Approved(Approval { until, .. }) => *until,
            State::Pending => length::later(now, self.asked.duration),
            State::Cancelled(_)
            | State::Denied(_)
            | State::Promoted(..)
            | State::Released(..)
            | State::Revoked(..) => now,
        };
        expires.min(end).duration_since(now).max(SignedDuration::ZERO)
    }
}

fn check_owner(list: &AccessList, author: &Author) -> Result<(), Refusal> {
    if list.owners.iter().any(|owner| author.is(owner)) {
        return Ok(());
    }
    Err(Refusal::NotListOwner(list.name.to_string()))
}

impl Actor {
    /// Checks that a review which names its author is the caller's own: whoever speaks for another must
    /// come with that person's own proof, not with a name.
    ///
    /// # Errors
    /// [`Refusal::OtherAuthor`] for anyone else's name.
    pub fn check_author(&self, author: &str) -> Result<(), Refusal> {
        if self.author().to_string() == author {
            return Ok(());
        }
        Err(Refusal::OtherAuthor {
            author: author.chars().filter(|c| !c.is_control()).take(128).collect(),
        })
    }
}
