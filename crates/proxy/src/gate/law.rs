//! stub
use super::*;
use tokio::sync::watch;
#[derive(Debug)]
pub(crate) struct Gate { tx: watch::Sender<u64> }
impl Gate {
    pub(crate) fn changed(&self) -> watch::Receiver<u64> { self.tx.subscribe() }
    pub(crate) fn admit(&self, _caller: &Caller, _now: Timestamp) -> Result<Rights, Refused> { todo!() }
}
