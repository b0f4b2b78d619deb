//! The one listener: accepting, and keeping strangers within limits.

mod lanes;
mod slots;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::House;

pub(crate) use lanes::Lanes;
pub use slots::SlotLimits;
pub(crate) use slots::{Slot, Slots};
pub(crate) use wire::{Severer, Wire, keep_alive};

/// Connections the kernel queues for us.
const BACKLOG: i32 = 4096;
/// How long to wait when the process has no file descriptor left.
const BREATH: Duration = Duration::from_millis(100);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Someone else listens there.
    #[error("{0} is in use: is another daemon running? Choose another port, or stop it")]
    InUse(SocketAddr),
    /// Ports below 1024 need a privilege.
    #[error(
        "{0} may not be listened on without CAP_NET_BIND_SERVICE: choose a port above 1023, or grant it"
    )]
    Forbidden(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}")]
    Other(SocketAddr, #[source] io::Error),
}

/// Listens on `address`.
///
/// # Errors
/// Saying what to do about it.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let made = || {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG.unsigned_abs())
    };
    made().map_err(|e| {
        if e.kind() == io::ErrorKind::AddrInUse {
            BindError::InUse(address)
        } else if e.kind() == io::ErrorKind::PermissionDenied {
            BindError::Forbidden(address)
        } else {
            BindError::Other(address, e)
        }
    })
}

/// Accepts connections until `shutdown` is ready, and gives each to `serve`.
pub(crate) async fn accept<S: Future<Output = ()> + Send + 'static>(
    house: Arc<House>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
    serve: impl Fn(Wire, SocketAddr, Option<Slot>) -> S + Clone + Send + 'static,
) -> io::Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let (serve, house_of) = (serve.clone(), Arc::clone(&house));
                let served = house.lanes.spawn(socket, move |wire| async move {
                    let house = house_of;
                    // A balancer's connections are counted by the address it names, see route.
                    let balancer = house.trusted.iter().any(|network| network.contains(peer.ip()));
                    let slot =
                        if balancer { None } else { house.slots.take(peer.ip(), wire.severer()) };
                    if slot.is_none() && !balancer {
                        tracing::debug!(%peer, "too many unauthenticated connections from this address: refused");
                        return;
                    }
                    drop(house);
                    serve(wire, peer, slot).await;
                });
                if let Err(error) = served {
                    tracing::debug!(%peer, %error, "a connection was gone before it was served");
                }
            }
            Err(error) if is_passing(&error) => {
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                // No descriptors or no memory: connections wait in the kernel meanwhile.
                tracing::warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
