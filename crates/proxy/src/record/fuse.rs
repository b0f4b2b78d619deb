//! Tells a session that its recording broke: asked with every packet, and waited for by the session's guard.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Fuse {
    blown: AtomicBool,
    waiters: Notify,
}

impl Fuse {
    pub(super) fn blow(&self) {
        self.blown.store(true, Ordering::Release);
        self.waiters.notify_waiters();
    }

    pub(super) fn is_blown(&self) -> bool {
        self.blown.load(Ordering::Acquire)
    }

    pub(super) async fn blown(&self) {
        loop {
            // Registered before the flag is looked at, so a blow in between wakes it.
            let woken = self.waiters.notified();
            if self.is_blown() {
                return;
            }
            woken.await;
        }
    }
}
