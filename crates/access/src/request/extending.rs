//! Extensions and what they extend end together.

use super::{Request, Status};
use crate::{name::RequestId, policy::Policy};
use jiff::Timestamp;

/// The approved requests that extend `request`, one over the other, the last first.
///
/// An extension is a grant of its own. Whoever revokes or gives back a grant means the access, so the
/// caller ends these first, and the request itself last: cut short in between, nothing was acknowledged
/// and the command can be given again.
#[must_use]
pub fn extensions(policy: &Policy, request: &Request, now: Timestamp) -> Vec<RequestId> {
    let mut chain = vec![request.id()];
    let mut at = 0;
    while let Some(id) = chain.get(at).copied() {
        at += 1;
        let next = policy
            .requests_of(request.user())
            .filter(|other| other.asked().extends.is_some_and(|extended| extended.request == id))
            .map(|other| other.id());
        // An id stands in the chain once, so a circle, which filing cannot make, would end too.
        let next: Vec<RequestId> = next.filter(|id| !chain.contains(id)).collect();
        chain.extend(next);
    }
    let runs = |id: &RequestId| {
        policy.request(*id).is_some_and(|other| other.status(now) == Status::Approved)
    };
    chain.into_iter().skip(1).rev().filter(runs).collect()
}
