//! Filing: the law makes the first event of a draft; the rules have their say; one commit keeps it all.

use super::{Error, TRIES, Who, kept};
use crate::{Control, Failure};
use access::name::RequestId;
use access::request::{Draft, Event, Request, file as decide};
use access::rule;
use jiff::Timestamp;
use store::kv::Revision;
use store::requests::Kept;

/// Says what filing would do. Nothing is kept, and the revision is 0.
///
/// # Errors
/// As [`file`].
pub fn dry_run(control: &Control, who: &Who, draft: Draft) -> Result<Kept, Error> {
    let (request, events) = decided(control, who, draft)?;
    Ok(Kept { request, events, revision: Revision::ZERO })
}

/// Files a request. Reviews by rules belong to the same commit, so nobody ever sees it without them.
///
/// # Errors
/// [`Error::Refused`] with the law's words.
pub async fn file(control: &Control, who: &Who, draft: Draft) -> Result<Kept, Error> {
    control.caught_up().await;
    for _ in 0..TRIES {
        let (_, events) = decided(control, who, draft.clone())?;
        match kept::create(control, who, events).await {
            Ok(kept) => return Ok(kept),
            // The id is taken. It is 64 random bits, so this is once in a lifetime.
            Err(kept::NotKept::Conflict) => {}
            Err(kept::NotKept::Failed(failure)) => return Err(Error::Store(failure)),
        }
    }
    Err(Error::Busy)
}

/// What the law would file at `at`, before any rule has its say. Nothing is kept.
///
/// # Errors
/// As [`file`].
pub(crate) fn made_up(
    control: &Control,
    who: &Who,
    draft: Draft,
    at: Timestamp,
) -> Result<Request, Error> {
    let id = RequestId::from_bits(rand::random());
    control.store().policy().read(|policy| {
        let first = decide(policy, &who.actor, draft, id, at)?;
        Ok(Request::replay([first]).map_err(Failure::internal)?)
    })
}

fn decided(control: &Control, who: &Who, draft: Draft) -> Result<(Request, Vec<Event>), Error> {
    let id = RequestId::from_bits(rand::random());
    let now = control.now();
    control.store().policy().read(|policy| {
        let first = decide(policy, &who.actor, draft, id, now)?;
        let mut request = Request::replay([first.clone()]).map_err(Failure::internal)?;
        let mut events = vec![first];
        events.extend(rule::review(policy, &mut request, now));
        Ok((request, events))
    })
}
