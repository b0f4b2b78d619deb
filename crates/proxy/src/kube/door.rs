//! The door itself: one session of one connection with one cluster.
//!
//! Requests are answered by the connection they came on; the door only opens the session for them, and ends it.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::status::No;
use super::upstream::Upstream;
use crate::House;
use crate::corridor::{self, Door, Ended};
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused};
use crate::live::Session;
use crate::route::log_end;

/// Where a session stands, for the requests that wait for it.
#[derive(Clone)]
pub(super) enum Stage {
    /// It is being opened.
    Opening,
    /// It is open.
    Open(Live),
    /// It was not opened, or is over: the answer to whoever still asks.
    Closed(Arc<No>),
}

/// A session that is open.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) session: Arc<Session>,
    pub(super) upstream: Arc<Upstream>,
    end: Arc<End>,
}

/// The end of a session, for everything that goes on in it.
#[derive(Default)]
struct End {
    came: CancellationToken,
    cut: OnceLock<Cut>,
}

impl Live {
    /// Returns when the session is cut; never when it ends by itself, since then nothing goes on in it.
    pub(super) async fn cut(&self) -> Cut {
        self.end.came.cancelled().await;
        match self.end.cut.get() {
            Some(cut) => cut.clone(),
            None => std::future::pending().await,
        }
    }
}

/// Opens a session for `caller`; it lasts until it is cut, or `left` says that its connection is gone.
pub(super) fn open(
    house: Arc<House>,
    caller: Caller,
    left: CancellationToken,
) -> watch::Receiver<Stage> {
    let (stage, stages) = watch::channel(Stage::Opening);
    let stage = Arc::new(stage);
    tokio::spawn(async move {
        let peer = caller.peer;
        let door = KubeDoor { caller: Some(caller), left, stage: Arc::clone(&stage) };
        let served = corridor::serve(&house, door).await;
        log_end(peer, &served);
        stage.send_if_modified(|stage| match (&stage, &served) {
            (Stage::Closed(_), _) => false,
            (Stage::Opening | Stage::Open(_), Ok(())) => {
                *stage = Stage::Closed(Arc::new(No::over()));
                true
            }
            (Stage::Opening | Stage::Open(_), Err(error)) => {
                *stage = Stage::Closed(Arc::new(No::failed(error)));
                true
            }
        });
    });
    stages
}

struct KubeDoor {
    caller: Option<Caller>,
    left: CancellationToken,
    stage: Arc<watch::Sender<Stage>>,
}

impl Door for KubeDoor {
    type Guest = ();

    async fn greet(&mut self) -> Result<Option<((), Caller)>, Error> {
        Ok(self.caller.take().map(|caller| ((), caller)))
    }

    /// Nothing in this protocol waits for people: the answer names the command that asks them.
    async fn offer(&mut self, (): &mut (), _: &Refused) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn tell(&mut self, (): &mut (), _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn refuse(&mut self, (): (), refused: &Refused) {
        self.stage.send_replace(Stage::Closed(Arc::new(No::refused(refused))));
    }

    async fn serve(
        &mut self,
        (): (),
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let upstream = match session.house.clusters.of(session.caller.target()).await {
            Ok(upstream) => upstream,
            Err(error) => return Ended::Failed(error),
        };
        let end = Arc::new(End::default());
        self.stage.send_replace(Stage::Open(Live { session, upstream, end: Arc::clone(&end) }));
        tokio::select! {
            cut = cut => {
                let _first: Result<(), Cut> = end.cut.set(cut.clone());
                self.stage.send_replace(Stage::Closed(Arc::new(No::cut(&cut))));
                end.came.cancel();
                Ended::Cut(cut)
            }
            () = self.left.cancelled() => Ended::Finished,
        }
    }
}
