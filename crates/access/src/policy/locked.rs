//! What locks forbid: to someone, and on a way to a target.

use super::{Policy, decide::Carried};
use crate::{
    denial::{Denial, DenialCode, NextStep},
    lock::{Lock, LockTarget, Subject},
    name::RoleName,
    target::TargetId,
};
use jiff::Timestamp;

impl Policy {
    pub(super) fn unlocked(&self, subject: &Subject<'_>, now: Timestamp) -> Result<(), Denial> {
        self.lock_on(subject, now).map_or(Ok(()), |lock| Err(locked(lock)))
    }

    /// Whether `subject` may go to `target` on what carries them there: its roles, held or lent for this resource
    /// alone, and each of its requests.
    pub(super) fn way_unlocked(
        &self,
        subject: &Subject<'_>,
        target: &TargetId,
        carried: &Carried<'_>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let mut roles: Vec<&RoleName> = subject.roles.to_vec();
        roles.extend(carried.roles.iter().map(|role| role.name()));
        let subject = Subject { roles: &roles, target: Some(target), ..*subject };
        self.unlocked(&subject, now)?;
        for request in &carried.requests {
            self.unlocked(&Subject { request: Some(*request), ..subject }, now)?;
        }
        Ok(())
    }
}

pub(super) fn locked(lock: &Lock) -> Denial {
    let message =
        if lock.message.is_empty() { String::new() } else { format!(": {}", lock.message) };
    let sentence = format!("lock targeting {} is in force{message}", lock.target);
    // A lock on a login alone leaves the way of a new one.
    let by_login = LockTarget { login_session: lock.target.login_session, ..LockTarget::default() };
    let next = (lock.target == by_login).then_some(NextStep::Login);
    Denial::new(DenialCode::Locked, sentence, format!("lock `{}`", lock.name)).with_next(next)
}
