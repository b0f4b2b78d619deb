//! A command on a request that is there.

use super::{Error, TRIES, Who, kept};
use crate::Control;
use access::name::RequestId;
use access::request::Command;
use store::requests::Kept;

/// Does what `who` commands, if the law allows it, and gives the request as it is then.
///
/// # Errors
/// [`Error::Refused`] with the law's words; [`Error::Unknown`] where there is no such request.
pub async fn act(
    control: &Control,
    who: &Who,
    id: RequestId,
    command: Command,
) -> Result<Kept, Error> {
    control.caught_up().await;
    for _ in 0..TRIES {
        let Some(before) = kept::load(control, id).await? else { return Err(Error::Unknown) };
        let now = control.now();
        let event = control
            .store()
            .policy()
            .read(|policy| before.request.decide(policy, &who.actor, command.clone(), now))?;
        match kept::append(control, who, &before, vec![event]).await {
            Ok(after) => return Ok(after),
            // Someone was faster. What they did decides what this command can still do.
            Err(kept::NotKept::Conflict) => {}
            Err(kept::NotKept::Failed(failure)) => return Err(Error::Store(failure)),
        }
    }
    Err(Error::Busy)
}
