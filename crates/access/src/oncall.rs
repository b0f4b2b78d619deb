//! On call: whoever is on call for the right service is approved by the house (the law, §8).
//!
//! The lookup is done elsewhere; what it found is judged here. The answer is one review, under the
//! thresholds like any other.

use crate::{identity::Traits, name::UserName};

/// The annotation that names the services: being on call for any of them is enough.
pub const SERVICES: &str = "pagerduty_services";

/// The annotation that names the services to be told, whatever the answer.
pub const NOTIFY: &str = "pagerduty_notify_service";

/// Which levels of an escalation policy count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tier {
    /// Anyone who is on call at any level.
    Any,
    /// Who is called first.
    #[default]
    First,
}

/// One person on call, as the lookup found it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OnCall {
    /// The service's name.
    pub service: String,
    /// The e-mail address of the person.
    pub email: String,
    /// The level of the escalation policy, from 1.
    pub level: u32,
}

/// What the house says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The reason of an approving review; `None`: no review.
    pub review: Option<String>,
    /// Why there is none, for the log.
    pub log: Option<String>,
    /// The services to open an incident for.
    pub notify: Vec<String>,
}

/// Judges a request by `user` with these annotations, given who is on call.
#[must_use]
pub fn answer(user: &UserName, annotations: &Traits, found: &[OnCall], tier: Tier) -> Answer {
    let notify = annotations.get(NOTIFY).into_iter().flatten().cloned().collect();
    let no = |log: String| Answer { review: None, log: Some(log), notify: Vec::clone(&notify) };
    let Some(services) = annotations.get(SERVICES).filter(|services| !services.is_empty()) else {
        return no(format!("no annotation `{SERVICES}` names a service"));
    };
    if !is_email(user.as_str()) {
        return no(format!("user name `{user}` does not look like a valid email"));
    }
    let counts = |level: u32| match tier {
        Tier::Any => true,
        Tier::First => level <= 1,
    };
    let on_call: Vec<&str> = services
        .iter()
        .map(String::as_str)
        .filter(|service| {
            found.iter().any(|entry| {
                entry.service == **service
                    && counts(entry.level)
                    && entry.email.eq_ignore_ascii_case(user.as_str())
            })
        })
        .collect();
    if on_call.is_empty() {
        return no(format!("user `{user}` is not on call for any of these services"));
    }
    let reason = format!("user `{user}` <{user}> is on call for service {}", on_call.join(", "));
    Answer { review: Some(reason), log: None, notify }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    })
}
