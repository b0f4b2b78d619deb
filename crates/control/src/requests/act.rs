//! A command on a request that is there.

use super::{Error, TRIES, kept, rules};
use crate::Control;
use access::name::RequestId;
use access::request::{Actor, Command, Request};
use store::kv::CommitError;

/// Does what `actor` commands, if the law allows it, and gives the request as it is then.
///
/// # Errors
/// [`Error::Refused`] with the law's words; [`Error::Unknown`] where there is no such request.
pub async fn act(control: &Control, actor: &Actor, id: RequestId, command: Command) -> Result<kept::Kept, Error> {
    for _ in 0..TRIES {
        let Some(kept) = kept::load(control, id).await? else { return Err(Error::Unknown) };
        let now = control.now();
        let decided = control.store().policy().read(|policy| kept.request.decide(policy, actor, command.clone(), now));
        let event = decided?;
        match kept::append(control, kept, vec![event]).await {
            Ok(kept) => return Ok(kept),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(Error::Store(error.into())),
        }
    }
    Err(Error::Busy)
}
