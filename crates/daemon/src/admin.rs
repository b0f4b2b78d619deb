//! The administrator's socket: `tctl` on the daemon's own host, without a login.
//!
//! Who may speak is decided by the kernel: the file is 0600, and the peer's user id must be ours or root's.

use crate::http;
use anyhow::Context as _;
use axum::Router;
use control::Caller;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once.
const MAX_CONNECTIONS: usize = 64;

/// Makes the socket, replacing one that an earlier daemon left behind.
///
/// # Errors
/// The path cannot be bound, or its mode cannot be set.
pub(crate) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    // The data directory is locked by us, so a socket that is there belongs to no one.
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error)
                .with_context(|| format!("cannot replace the admin socket {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)
        .with_context(|| format!("cannot bind the admin socket {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .context("cannot close the admin socket to others")?;
    Ok(listener)
}

/// Serves the API to administrators until `stop` is cancelled.
pub(crate) async fn serve(listener: UnixListener, router: Router, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let Some(uid) = administrator(&stream) else {
            tracing::warn!("someone else's process reached the admin socket; refused");
            continue;
        };
        if tasks.len() >= MAX_CONNECTIONS {
            tracing::warn!("too many connections on the admin socket; one is refused");
            continue;
        }
        tasks.spawn(http::serve(
            stream,
            None,
            router.clone(),
            Caller::Admin { uid },
            stop.child_token(),
        ));
    }
    tasks.close();
    tasks.wait().await;
}

/// The peer's user id, if it is ours or root's.
fn administrator(stream: &UnixStream) -> Option<u32> {
    let uid = stream.peer_cred().ok()?.uid();
    (uid == 0 || uid == rustix::process::geteuid().as_raw()).then_some(uid)
}
