//! A command on a request that is there.

use super::{Error, TRIES, Who, kept};
use crate::Control;
use access::name::RequestId;
use access::request::{Command, extensions};
use store::requests::Kept;

/// Does what `who` commands, if the law allows it, and gives the request as it is then.
///
/// What ends a grant ends its extensions with it, the last first: cut short in between, nothing was
/// acknowledged, and the command can be given again.
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
    if !ends_a_grant(&command) {
        return one(control, who, id, command).await;
    }
    end_extensions(control, who, id, &command).await?;
    let kept = one(control, who, id, command.clone()).await?;
    // One may have been approved while the others ended; none can be from here on.
    end_extensions(control, who, id, &command).await?;
    Ok(kept)
}

const fn ends_a_grant(command: &Command) -> bool {
    match command {
        Command::Release | Command::Revoke { .. } => true,
        Command::Approve { .. }
        | Command::Cancel
        | Command::Deny { .. }
        | Command::Override { .. }
        | Command::Promote { .. } => false,
    }
}

/// Ends what extends this request, if the caller may end the request itself or it has ended.
async fn end_extensions(
    control: &Control,
    who: &Who,
    id: RequestId,
    command: &Command,
) -> Result<(), Error> {
    let Some(kept) = kept::load(control, id).await? else { return Err(Error::Unknown) };
    let now = control.now();
    let extensions = control.store().policy().read(|policy| {
        if kept.request.grant(now).is_some() {
            kept.request.decide(policy, &who.actor, command.clone(), now)?;
        }
        Ok::<_, Error>(extensions(policy, &kept.request, now))
    })?;
    for extension in extensions {
        match one(control, who, extension, command.clone()).await {
            // Somebody else ended it, or its time did.
            Ok(_) | Err(Error::Refused(_) | Error::Unknown) => {}
            Err(error @ (Error::Busy | Error::Store(_))) => return Err(error),
        }
    }
    Ok(())
}

async fn one(control: &Control, who: &Who, id: RequestId, command: Command) -> Result<Kept, Error> {
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
