//! Filing: the law makes the first event of a draft; the rules have their say; one commit keeps it all.

use super::{Error, TRIES, kept};
use crate::Control;
use access::name::RequestId;
use access::request::{Actor, Draft, Event, Request, file as decide};
use access::rule;
use store::kv::CommitError;

/// A request as it was filed, or would be.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The request, after the rules have had their say.
    pub request: Request,
    /// The store's revision of it; 0 for a dry run.
    pub revision: u64,
}

/// Says what filing would do. Nothing is kept.
///
/// # Errors
/// As [`file`].
pub fn dry_run(control: &Control, actor: &Actor, draft: Draft) -> Result<Filed, Error> {
    let (request, _) = decided(control, actor, draft)?;
    Ok(Filed { request, revision: 0 })
}

/// Files a request. Reviews by rules belong to the same commit, so nobody ever sees it without them.
///
/// # Errors
/// [`Error::Refused`] with the law's words.
pub async fn file(control: &Control, actor: &Actor, draft: Draft) -> Result<Filed, Error> {
    control.caught_up().await;
    for _ in 0..TRIES {
        let (request, events) = decided(control, actor, draft.clone())?;
        match kept::create(control, actor, events).await {
            Ok(revision) => return Ok(Filed { request, revision }),
            // An id that is taken: 64 random bits, so once in a lifetime.
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(Error::Store(error.into())),
        }
    }
    Err(Error::Busy)
}

fn decided(control: &Control, actor: &Actor, draft: Draft) -> Result<(Request, Vec<Event>), Error> {
    let id = RequestId::from_bits(rand::random());
    let now = control.now();
    control.store().policy().read(|policy| {
        let first = decide(policy, actor, draft, id, now)?;
        let mut events = vec![first];
        let mut request = Request::replay(events.clone()).map_err(|error| Error::Store(crate::Failure::internal(error)))?;
        events.extend(rule::review(policy, &mut request, now));
        Ok((request, events))
    })
}
