//! Administrative rules: who may read and change the house's own documents, and see its sessions.
//!
//! A deny rule that holds wins. Among allow rules the one that says more is tried first, so its log
//! action is the one that is written. Where no single document is in question yet, two weaker questions
//! can be asked: whether some document could be allowed ([`Policy::may_some`]), and which ones
//! ([`Policy::visible`]): a filter for the query, so that nothing is read only to be dropped.

use super::{Policy, held::Held};
use crate::{
    denial::{Denial, DenialCode},
    expr::{Field, Residual, Values},
    identity::User,
    lock::Subject,
    name::{RoleName, UserName},
    role::{
        Role,
        rules::{LogAction, Rule, Verb},
    },
    target::Labels,
};
use jiff::Timestamp;

/// What is known of the document or session in question.
#[derive(Clone, Debug, Default)]
pub struct About<'a> {
    /// A document's name.
    pub name: Option<&'a str>,
    /// A document's labels.
    pub labels: Option<&'a Labels>,
    /// Who took part in a session.
    pub participants: Option<Vec<&'a str>>,
    /// The account a session used.
    pub login: Option<&'a str>,
    /// The target of a session.
    pub target: Option<&'a str>,
}

impl<'a> About<'a> {
    fn values(&self, user: &'a User) -> Values<'a> {
        let mut values = asker(user);
        let texts = [
            (Field::ResourceName, self.name),
            (Field::SessionLogin, self.login),
            (Field::SessionTarget, self.target),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                values = values.text(field, text);
            }
        }
        if let Some(labels) = self.labels {
            values = values.texts(Field::ResourceLabels, labels);
        }
        if let Some(participants) = &self.participants {
            values = values.list(Field::SessionParticipants, participants.iter().copied());
        }
        values
    }
}

fn asker(user: &User) -> Values<'_> {
    Values::new()
        .text(Field::UserName, user.name.as_str())
        .texts(Field::UserLabels, &user.labels)
        .list(Field::UserRoles, user.roles.iter().map(RoleName::as_str))
        .lists(Field::UserTraits, &user.traits)
}

impl Policy {
    /// Whether `user` may do `verb` to this `resource`; the answer is what the deciding rule logs.
    ///
    /// # Errors
    /// A [`Denial`] that names the verb and the kind, nothing more.
    pub fn may(
        &self,
        user: &UserName,
        resource: &str,
        verb: Verb,
        about: &About<'_>,
        now: Timestamp,
    ) -> Result<&[LogAction], Denial> {
        let (user, held) = self.administrator(user, resource, verb, now)?;
        let values = about.values(user);
        let holds =
            |rule: &&Rule| rule.condition.as_ref().is_none_or(|condition| condition.holds(&values));
        if rules(&held, Role::deny, resource, verb).any(|rule| holds(&rule)) {
            return Err(refused(resource, verb, "a deny rule"));
        }
        let mut allowing: Vec<_> =
            rules(&held, Role::allow, resource, verb).filter(holds).collect();
        allowing.sort_by_key(|rule| core::cmp::Reverse(rule.weight()));
        allowing
            .first()
            .map(|rule| rule.log.as_slice())
            .ok_or_else(|| refused(resource, verb, "no rule"))
    }

    /// Whether `user` could do `verb` to some `resource`: what screens ask before they show a list.
    ///
    /// # Errors
    /// A [`Denial`], where no rule allows it or one denies it under no condition.
    pub fn may_some(
        &self,
        user: &UserName,
        resource: &str,
        verb: Verb,
        now: Timestamp,
    ) -> Result<(), Denial> {
        match self.visible(user, resource, verb, now) {
            Residual::Known(false) => Err(refused(resource, verb, "no rule")),
            Residual::Depends(_) | Residual::Known(true) => Ok(()),
        }
    }

    /// Which of the `resource`s `user` may do `verb` to: a filter over what is not known yet.
    #[must_use]
    pub fn visible(&self, user: &UserName, resource: &str, verb: Verb, now: Timestamp) -> Residual {
        let Ok((user, held)) = self.administrator(user, resource, verb, now) else {
            return Residual::Known(false);
        };
        let values = asker(user);
        let left = |rule: &Rule| {
            rule.condition
                .as_ref()
                .map_or(Residual::Known(true), |condition| condition.residual(&values))
        };
        let any = |side| {
            rules(&held, side, resource, verb).map(left).fold(Residual::Known(false), Residual::or)
        };
        any(Role::deny).negate().and(any(Role::allow))
    }

    fn administrator(
        &self,
        user: &UserName,
        resource: &str,
        verb: Verb,
        now: Timestamp,
    ) -> Result<(&User, Held<'_>), Denial> {
        let user = self.user(user).ok_or_else(|| refused(resource, verb, "no such user"))?;
        if user.disabled {
            return Err(refused(resource, verb, "the user is disabled"));
        }
        let held = self.held(user, now);
        let names = held.names();
        let subject = Subject { user: Some(&user.name), roles: &names, ..Subject::default() };
        if let Some(lock) = self.lock_on(&subject, now) {
            return Err(super::locked::locked(lock));
        }
        Ok((user, held))
    }
}

fn rules<'p>(
    held: &Held<'p>,
    side: fn(&Role) -> &crate::role::Conditions,
    resource: &str,
    verb: Verb,
) -> impl Iterator<Item = &'p Rule> {
    held.roles()
        .flat_map(move |role| &side(role).rules)
        .filter(move |rule| rule.is_about(resource, verb))
}

fn refused(resource: &str, verb: Verb, detail: &str) -> Denial {
    let sentence = format!("access denied: this needs `{verb}` on `{resource}`");
    Denial::new(DenialCode::NoRule, sentence, detail)
}
