//! Watching over a session: the policy is asked again at every change, and the clock is looked at.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Caller, Refused, Rights};
use crate::live::{Notice, Session};
use crate::record::Broken;

/// How often the clock is looked at while a session has an end or an idle limit. A clock that is set forward is
/// noticed after so long.
const TICK: Duration = Duration::from_secs(1);
/// The least time between two looks at the policy. One change is acted on at once; of a storm of changes, which
/// mostly concern others, a session looks at ten a second.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// How long before the end people are warned, the furthest first (the law, §6).
const WARNINGS: [SignedDuration; 3] =
    [SignedDuration::from_mins(15), SignedDuration::from_mins(5), SignedDuration::from_mins(1)];

/// Why a session is cut.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cut {
    /// A stable code.
    pub(crate) code: &'static str,
    /// The line people see.
    pub(crate) line: String,
    /// The command that would open the door again; empty when there is none.
    pub(crate) hint: String,
    /// For the log only.
    pub(crate) detail: Box<str>,
}

impl Cut {
    fn new(code: &'static str, line: impl Into<String>) -> Self {
        Self { code, line: line.into(), hint: String::new(), detail: "".into() }
    }

    /// What is done can no longer be written down.
    pub(crate) fn unwritten(broken: Broken) -> Self {
        Self::new(broken.code(), broken.public())
    }

    /// What passes is not what its protocol says, so it cannot be recorded.
    pub(crate) fn unfollowed(why: &dyn std::error::Error) -> Self {
        let line = "This session ends: what it sends cannot be followed, and so not recorded.";
        let mut cut = Self::new("recording_broken", line);
        cut.detail = why.to_string().into();
        cut
    }

    fn closing() -> Self {
        Self::new("shutdown", "The gateway is shutting down.")
    }

    fn changed() -> Self {
        let line =
            "Your access to this database has become less. Connect again to go on with the rest.";
        Self::new("rights_changed", line)
    }

    /// What goes on would begin on other terms now: as another user or with other groups.
    fn other_terms() -> Self {
        Self::new(
            "rights_changed",
            "Your access has changed. Ask again to go on with what it is now.",
        )
    }

    fn time_is_up() -> Self {
        Self::new("grant_ended", "Your access has ended: its time is up.")
    }

    fn withdrawn(refused: &Refused, ended: bool) -> Self {
        let why = refused.lines.first().map(String::as_str).unwrap_or_default();
        let mut cut = match (ended, &*refused.code) {
            (true, _) => Self::new("grant_ended", "Your access has ended: its time is up."),
            (false, "locked") => {
                Self::new("locked", format!("This session was ended by a lock. {why}"))
            }
            (false, _) => Self::new("withdrawn", format!("Your access was withdrawn. {why}")),
        };
        let hint = refused.lines.iter().find_map(|line| line.strip_prefix("hint: "));
        cut.hint = hint.unwrap_or_default().to_owned();
        cut.detail = refused.detail.clone();
        cut
    }
}

/// Watches over `session` until it must be cut. Warns before its end.
pub(crate) async fn guard(session: Arc<Session>) -> Cut {
    let gate = &session.house.gate;
    let mut policy = gate.changed();
    let mut lost = session.house.audit_lost();
    let mut warned = usize::MAX;
    loop {
        policy.mark_unchanged();
        let looked = tokio::time::Instant::now();
        let before = session.rights().until;
        match gate.still(&session.asking(), session.id, session.now()) {
            Ok(rights) if takes_roles(&session.rights(), &rights) => return Cut::changed(),
            Ok(rights) => session.adopt(rights),
            Err(refused) => {
                let ended = before.is_some_and(|until| session.now() >= until);
                return Cut::withdrawn(&refused, ended);
            }
        }
        let rights = session.rights();
        // Until the policy changes or the end has come, only the clock is looked at.
        loop {
            let now = session.now();
            if rights.until.is_some_and(|until| now >= until) {
                break;
            }
            if rights
                .idle
                .and_then(|idle| Duration::try_from(idle).ok())
                .is_some_and(|idle| session.silent_for() >= idle)
            {
                return Cut::new("idle_timeout", "This session was idle for too long.");
            }
            if let Some(until) = rights.until {
                warn(&session, until, now, &mut warned).await;
            }
            let wake = pause(&rights, now);
            tokio::select! {
                changed = policy.changed() => {
                    if changed.is_err() {
                        return Cut::closing();
                    }
                    tokio::time::sleep_until(looked + BETWEEN_LOOKS).await;
                    break;
                }
                () = session.turning.notified() => break,
                () = session.house.closing.cancelled() => return Cut::closing(),
                () = async { match wake { Some(wake) => tokio::time::sleep(wake).await, None => std::future::pending().await } } => {}
                broken = session.recording.broken() => return Cut::unwritten(broken),
                _ = lost.changed() => return Cut::new("audit_unavailable", "This session ends: it can no longer be written down."),
            }
        }
        if rights.until.is_some_and(|until| session.now() >= until)
            && gate
                .still(&session.asking(), session.id, session.now())
                .is_ok_and(|again| again.until == rights.until)
        {
            // A permit that claims to go on after its own end.
            return Cut::time_is_up();
        }
    }
}

/// Watches over one thing that goes on inside a session and was judged by itself: `caller` asked for it, and got
/// `rights`. Returns when it is allowed no more, or not on these terms.
pub(crate) async fn watch_over(session: &Session, caller: &Caller, rights: &Rights) -> Cut {
    let gate = &session.house.gate;
    let mut policy = gate.changed();
    let mut until = rights.until;
    loop {
        policy.mark_unchanged();
        let looked = tokio::time::Instant::now();
        let now = session.now();
        let ended = until.is_some_and(|until| now >= until);
        match gate.still(caller, session.id, now) {
            Ok(again) if again.terms != rights.terms => return Cut::other_terms(),
            // A permit that claims to go on after its own end.
            Ok(again) if again.until.is_some_and(|until| now >= until) => return Cut::time_is_up(),
            Ok(again) => until = again.until,
            Err(refused) => return Cut::withdrawn(&refused, ended),
        }
        loop {
            let left = until.map(|until| until.duration_since(session.now()));
            if left.is_some_and(|left| left <= SignedDuration::ZERO) {
                break;
            }
            let wake =
                left.and_then(|left| Duration::try_from(left).ok()).map(|left| left.min(TICK));
            tokio::select! {
                changed = policy.changed() => {
                    if changed.is_err() {
                        return Cut::closing();
                    }
                    tokio::time::sleep_until(looked + BETWEEN_LOOKS).await;
                    break;
                }
                () = async { match wake { Some(wake) => tokio::time::sleep(wake).await, None => std::future::pending().await } } => {}
            }
        }
    }
}

/// Whether a user made for the session would lose a database role by this change: what the server has given a
/// connection it does not take back.
fn takes_roles(before: &super::Rights, now: &super::Rights) -> bool {
    before.terms.db_provision.as_ref().is_some_and(|before| {
        now.terms.db_provision.as_ref().is_none_or(|now| !before.roles.is_subset(&now.roles))
    })
}

/// How long until the clock must be looked at again; `None` when there is nothing to look for.
fn pause(rights: &super::Rights, now: Timestamp) -> Option<Duration> {
    if rights.idle.is_some() {
        return Some(TICK);
    }
    let left = Duration::try_from(rights.until?.duration_since(now)).unwrap_or(Duration::ZERO);
    Some(left.min(TICK))
}

/// Says so when one more of the warnings is due. `warned` is the index of the last one said.
async fn warn(session: &Session, until: Timestamp, now: Timestamp, warned: &mut usize) {
    let left = until.duration_since(now);
    let Some((due, at)) = WARNINGS.iter().enumerate().rfind(|(_, before)| left <= **before) else {
        *warned = usize::MAX;
        return;
    };
    if *warned != usize::MAX && *warned >= due {
        return;
    }
    *warned = due;
    let minutes = at.as_mins().max(1);
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    let line =
        format!("Your access ends in less than {minutes} {unit}. To go on: tsh request extend");
    session.tell(Notice::Warning(line.as_str().into()));
    // A log that is gone cuts the session by itself.
    let _ = session.note("session.warned", json!({ "line": line, "until": until })).await;
}
