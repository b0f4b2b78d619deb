//! The corridor: the one way from a client to a target, the same for every protocol.
//!
//! ```text
//!   greet ──► admit ──► open (audit, recording) ──► connect ──► relay until it ends, or is cut ──► close
//!               │ no
//!               ▼
//!             offer ──► file the request, wait ──► admit
//!               └─────► refuse, audited
//! ```
//!
//! Nothing else in this crate opens a recording or lets a door connect to a target.

mod hold;

use std::sync::Arc;

use serde_json::json;
use store::recording::{Meta, Outcome};

use crate::House;
use crate::bell::Seldom;
use crate::database::provision::Stay;
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused, Rights, guard, new_session_id};
use crate::live::{Counted, Session};

/// What a protocol must be able to do. A door is made for one connection.
pub(crate) trait Door: Send {
    /// Someone who has proven who he is, and waits for an answer.
    type Guest: Send;

    /// Speaks the protocol until it is known who is there and what for. `None` when the door has served him by itself.
    async fn greet(&mut self) -> Result<Option<(Self::Guest, Caller)>, Error>;

    /// Offers to ask for access; the reason he gave, or `None` when he cannot or does not want to.
    async fn offer(
        &mut self,
        guest: &mut Self::Guest,
        refused: &Refused,
    ) -> Result<Option<String>, Error>;

    /// Shows words to someone who waits (they may be empty), and sees that he is still there.
    async fn tell(&mut self, guest: &mut Self::Guest, words: &str) -> Result<(), Error>;

    /// Says no.
    async fn refuse(&mut self, guest: Self::Guest, refused: &Refused);

    /// Lets him in, connects to the target, and passes everything both ways. Returns when the session has ended by
    /// itself, or some moments after it was cut.
    async fn serve(
        &mut self,
        guest: Self::Guest,
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended;
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Finished,
    /// We cut it.
    Cut(Cut),
    /// Something broke.
    Failed(Error),
}

/// Serves one connection from its first byte to its last.
pub(crate) async fn serve<D: Door>(house: &Arc<House>, mut door: D) -> Result<(), Error> {
    let Some((mut guest, caller)) = door.greet().await? else { return Ok(()) };
    let mut admitted = house.gate.admit(&caller, house.now());
    if let Err(refused) = &admitted
        && let Some(wish) = refused.wish.clone()
        && let Some(reason) = door.offer(&mut guest, refused).await?
    {
        let waiting = hold::ask_and_wait(house, &mut door, &mut guest, &caller, *wish, reason);
        admitted = Box::pin(waiting).await?;
    }
    let entered = admitted.and_then(|rights| {
        let counted = house.counts.enter(&caller.identity.user, rights.max_connections);
        counted.map(|counted| (rights, counted)).map_err(Refused::too_many)
    });
    let (rights, counted) = match entered {
        Ok(entered) => entered,
        Err(refused) => {
            let event = caller.event("session.refused", house.now());
            let event = event.with("code", &*refused.code).with("detail", &*refused.detail);
            house.audit(vec![event]).await?;
            door.refuse(guest, &refused).await;
            return Err(Error::Refused(Box::new(refused)));
        }
    };
    // On the heap, and freed when it is done: a session keeps no room for its beginning.
    match Box::pin(open(house, caller, rights)).await {
        Ok(session) => run(door, guest, Arc::new(session), counted).await,
        Err(error) => {
            let refused = Refused::failed(&error);
            door.refuse(guest, &refused).await;
            Err(error)
        }
    }
}

/// Begins a session: it is in the audit log, and its recording is on the disk, before a byte flows.
async fn open(house: &Arc<House>, caller: Caller, rights: Rights) -> Result<Session, Error> {
    let id = new_session_id();
    let meta = Meta {
        session: id.to_string(),
        user: caller.identity.user.to_string(),
        login_id: Some(caller.identity.login.to_string()),
        target: caller.target().to_string(),
        login: caller.account().to_owned(),
        requests: rights.requests.iter().map(ToString::to_string).collect(),
        peer: Some(caller.peer.to_string()),
        client: Some(caller.client.to_string()),
        started: house.now(),
    };
    let recording = house.archive.open(meta, rights.keep).await?;
    Ok(Session::new(id, caller, rights, Arc::clone(house), recording))
}

async fn run<D: Door>(
    mut door: D,
    guest: D::Guest,
    session: Arc<Session>,
    counted: Counted,
) -> Result<(), Error> {
    // Dropped in reverse: who waits for the last session to be gone finds it counted out.
    let _open = session.house.open.token();
    let _counted = counted;
    let entry = session.house.registry.enter(&session);
    let stay = Stay::of(&session);
    let cut = Seldom::new(guard(Arc::clone(&session)));
    let ended = door.serve(guest, Arc::clone(&session), cut).await;
    let (outcome, result) = match ended {
        Ended::Finished => (Outcome::Finished, Ok(())),
        Ended::Cut(cut) => {
            let body = json!({ "code": cut.code, "line": cut.line, "detail": cut.detail });
            // The end itself is written by the recording; this is the reason beside it.
            let _ = session.note("session.cut", body).await;
            (Outcome::Cut(cut.code.to_owned()), Ok(()))
        }
        Ended::Failed(error) => (Outcome::Failed(error.code().to_owned()), Err(error)),
    };
    session.recording.close(outcome, session.now()).await;
    entry.leave().await;
    stay.end().await;
    result
}
