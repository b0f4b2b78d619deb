//! Tells a session that its recording is over: asked with every packet, and waited for by the session's guard.

use std::sync::OnceLock;

use tokio::sync::Notify;

use super::Broken;

#[derive(Debug, Default)]
pub(super) struct Fuse {
    blown: OnceLock<Broken>,
    waiters: Notify,
}

impl Fuse {
    /// Says that it is over. The first reason counts.
    pub(super) fn blow(&self, why: Broken) {
        let _: Result<(), Broken> = self.blown.set(why);
        self.waiters.notify_waiters();
    }

    /// That nothing is over.
    ///
    /// # Errors
    /// Why it is.
    pub(super) fn whole(&self) -> Result<(), Broken> {
        self.blown.get().copied().map_or(Ok(()), Err)
    }

    pub(super) async fn blown(&self) -> Broken {
        loop {
            // Registered before the flag is looked at, so a blow in between wakes it.
            let woken = self.waiters.notified();
            if let Err(why) = self.whole() {
                return why;
            }
            woken.await;
        }
    }
}
