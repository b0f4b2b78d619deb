//! Cancel requests (PostgreSQL documentation, 55.2.9): they come on a connection of their own, often in the clear, and
//! their key is all they have.
//!
//! The database's key never reaches the client. He gets one of ours, made for his session; whoever shows it has the
//! database told to stop what that session does, and nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use access::identity::Identity;
use serde_json::json;
use wire::postgres::CancelKey;

use crate::House;
use crate::database::{self, Database};
use crate::live::Session;

/// Bytes of a secret in protocol 3.0, and before.
const SHORT: usize = 4;
/// Bytes of a secret since protocol 3.2.
const LONG: usize = 32;
/// How long the database may take to be told.
const FORWARD_WAIT: Duration = Duration::from_secs(10);

/// Who may cancel what. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancels(Arc<Mutex<BTreeMap<u32, Backend>>>);

#[derive(Clone, Debug)]
struct Backend {
    /// The key that the client was given.
    ours: CancelKey,
    /// The key that the database gave us.
    theirs: CancelKey,
    database: Arc<Database>,
    session: Weak<Session>,
}

/// A key that was given to a client; good until dropped.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) key: CancelKey,
    backend: Backend,
    cancels: Cancels,
}

impl Cancels {
    /// Makes a key for the client of `session`, which stands for the database's key `theirs`. `minor` is the version of
    /// protocol 3 that the client speaks.
    pub(super) fn issue(
        &self,
        minor: u16,
        theirs: CancelKey,
        database: &Arc<Database>,
        session: &Arc<Session>,
    ) -> Issued {
        let mut secret = vec![0; if minor >= 2 { LONG } else { SHORT }].into_boxed_slice();
        rand::fill(&mut secret[..]);
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Drivers hold it in a signed number.
        let process = loop {
            let process = rand::random_range(1..=u32::MAX >> 1);
            if !issued.contains_key(&process) {
                break process;
            }
        };
        let key = CancelKey { process, secret };
        let (database, session) = (Arc::clone(database), Arc::downgrade(session));
        let backend = Backend { ours: key.clone(), theirs, database, session };
        issued.insert(process, backend.clone());
        Issued { key, backend, cancels: self.clone() }
    }

    /// The backend that was issued for this process id, and whether `key` is the whole key.
    fn find(&self, key: &CancelKey) -> Option<(Backend, bool)> {
        let issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let backend = issued.get(&key.process)?.clone();
        drop(issued);
        let same =
            aws_lc_rs::constant_time::verify_slices_are_equal(&backend.ours.secret, &key.secret);
        Some((backend, same.is_ok()))
    }
}

impl Issued {
    /// Has the database stop what the session does, some time soon: nobody is left to wait for it.
    pub(super) fn cancel(&self) {
        let backend = self.backend.clone();
        tokio::spawn(async move { backend.forward().await });
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        let mut issued = self.cancels.0.lock().unwrap_or_else(PoisonError::into_inner);
        issued.remove(&self.key.process);
    }
}

impl Backend {
    async fn forward(&self) {
        let Some(session) = self.session.upgrade() else { return };
        let forwarding = database::postgres::cancel(&session, &self.database, &self.theirs);
        match tokio::time::timeout(FORWARD_WAIT, forwarding).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(session = %session.id, ?error, "a cancel request was not delivered");
            }
            Err(_) => tracing::debug!(session = %session.id, "a cancel request took too long"),
        }
    }
}

/// Serves a cancel request. The one who sent it never learns what came of it, as PostgreSQL has it.
pub(super) async fn serve(
    house: &Arc<House>,
    key: &CancelKey,
    who: Option<&Identity>,
    peer: SocketAddr,
) {
    let Some((backend, right)) = house.cancels.find(key) else {
        tracing::debug!(%peer, "a cancel request names no session");
        return;
    };
    let Some(session) = backend.session.upgrade() else { return };
    // The key is enough, since stock clients show no more; but who shows a certificate has to be the one.
    let foreign = who.is_some_and(|who| who.user != session.caller.identity.user);
    let peer = peer.to_string();
    if !right || foreign {
        let code = if right { "other_user" } else { "wrong_key" };
        let by = who.map(|who| who.user.as_str());
        let body = json!({ "code": code, "cancel_peer": peer, "by": by });
        // Nothing happens, so nothing depends on its being written down.
        let _ = session.note("db.cancel.refused", body).await;
        return;
    }
    let body = json!({ "cancel_peer": peer });
    // What cannot be written down does not happen.
    if session.note("db.cancelled", body).await.is_ok() {
        backend.forward().await;
    }
}
