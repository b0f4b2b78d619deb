//! Holding the line: a denied client that can wait, waits while people decide.

use std::sync::Arc;
use std::time::Duration;

use super::Door;
use crate::House;
use crate::error::Error;
use crate::gate::{Caller, Refused, Rights, Wish};
use crate::{Filed, Question, Standing};

/// How often a waiting client is looked after: is he still there, has someone decided.
const ROUND: Duration = Duration::from_secs(3);
/// How long one connection waits at most; the request lives on without it.
const LONGEST: Duration = Duration::from_hours(8);

/// Files the request and waits until it is decided.
///
/// # Errors
/// When the client leaves; the request stays.
pub(super) async fn ask_and_wait<D: Door>(
    house: &Arc<House>,
    door: &mut D,
    guest: &mut D::Guest,
    caller: &Caller,
    wish: Wish,
    reason: String,
) -> Result<Result<Rights, Refused>, Error> {
    let question = Question { caller: caller.clone(), wish, reason };
    let filed = match house.requests.file(question).await {
        Ok(filed) => filed,
        Err(sentence) => return Ok(Err(Refused::answered("request_refused", vec![sentence]))),
    };
    door.tell(guest, &words(&filed)).await?;
    let mut policy = house.gate.changed();
    let given_up = tokio::time::Instant::now() + LONGEST;
    loop {
        policy.mark_unchanged();
        let admitted = house.gate.admit(caller, house.now());
        if admitted.is_ok() {
            door.tell(guest, "Approved.").await?;
            return Ok(admitted);
        }
        match house.requests.standing(filed.request).await {
            Standing::Waiting => {}
            Standing::Decided(line) => {
                return Ok(Err(Refused::answered("request_denied", vec![line])));
            }
        }
        tokio::select! {
            changed = policy.changed() => {
                if changed.is_err() {
                    return Err(Error::Left);
                }
            }
            () = tokio::time::sleep(ROUND) => door.tell(guest, "").await?,
        }
        if tokio::time::Instant::now() >= given_up {
            let line = format!(
                "Nobody has decided request {} yet; it stays open. Connect again later.",
                filed.request
            );
            return Ok(Err(Refused::answered("request_pending", vec![line])));
        }
    }
}

fn words(filed: &Filed) -> String {
    let asked = match filed.asked.as_slice() {
        [] => String::new(),
        asked => format!(" Asked: {}.", access::display::shown(&asked.join(", "))),
    };
    format!(
        "Request {} is filed.{asked}\nSeeking request approval... (Ctrl-C leaves, the request stays)",
        filed.request
    )
}
