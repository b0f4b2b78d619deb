//! One TCP connection of ours, on either leg.
//!
//! Two things a plain socket does not do. While handshakes last, every read asks the kernel to acknowledge at once
//! (`TCP_QUICKACK`, tcp(7)): an SSH handshake is a ping-pong of small packets, and a peer with Nagle's algorithm on
//! waits 40 ms for each delayed acknowledgement otherwise. And a connection can be severed from outside, whoever
//! is reading it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How many reads after the first are acknowledged at once: both handshakes and the first channel's requests.
const QUICK_READS: u8 = 48;

/// A TCP connection with the bytes that were read ahead of it.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Arc<TcpStream>,
    ahead: Bytes,
    quick: u8,
}

/// Cuts a connection from outside.
#[derive(Clone, Debug)]
pub(crate) struct Severer(Arc<TcpStream>);

impl Severer {
    /// Ends the connection in both directions: its reader sees the end at once.
    pub(crate) fn sever(&self) {
        // An error means that it is already gone.
        let _ = rustix::net::shutdown(&*self.0, rustix::net::Shutdown::Both);
    }
}

/// How long a peer may be silent before the kernel asks after it, and between two such questions.
const ALIVE_AFTER: Duration = Duration::from_secs(60);
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Questions without an answer after which the peer is gone.
const ALIVE_TRIES: u32 = 4;

/// Has the kernel ask after the peer of `socket` when it is silent: one that vanished without a word is found out
/// after two minutes, and its session ends.
pub(crate) fn keep_alive(socket: impl std::os::fd::AsFd) {
    use rustix::net::sockopt;
    // Refused only by sockets that are already gone.
    let _ = sockopt::set_socket_keepalive(&socket, true);
    let _ = sockopt::set_tcp_keepidle(&socket, ALIVE_AFTER);
    let _ = sockopt::set_tcp_keepintvl(&socket, ALIVE_EVERY);
    let _ = sockopt::set_tcp_keepcnt(&socket, ALIVE_TRIES);
}

impl Wire {
    /// Takes a fresh connection.
    pub(crate) fn new(socket: TcpStream) -> Self {
        // Refused only by sockets that are already gone.
        let _ = socket.set_nodelay(true);
        let wire = Self { socket: Arc::new(socket), ahead: Bytes::new(), quick: QUICK_READS };
        wire.acknowledge_quickly();
        wire
    }

    /// Puts bytes back in front of the connection.
    pub(crate) fn with_ahead(mut self, ahead: Bytes) -> Self {
        self.ahead = ahead;
        self
    }

    /// Has the kernel ask after a silent peer from time to time (`SO_KEEPALIVE`), for protocols that do not.
    pub(crate) fn keep_alive(&self) {
        keep_alive(&*self.socket);
    }

    /// The way to cut this connection from outside.
    pub(crate) fn severer(&self) -> Severer {
        Severer(Arc::clone(&self.socket))
    }

    fn acknowledge_quickly(&self) {
        let _ = rustix::net::sockopt::set_tcp_quickack(&*self.socket, true);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.has_remaining() {
            let n = self.ahead.remaining().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(n));
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.try_read_buf(buf) {
                Ok(_) => {
                    if self.quick > 0 {
                        self.quick -= 1;
                        // The kernel drops the mode by itself after a few segments, so it is armed again.
                        self.acknowledge_quickly();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            match self.socket.try_write(buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            match self.socket.try_write_vectored(bufs) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match rustix::net::shutdown(&*self.socket, rustix::net::Shutdown::Write) {
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(e) => Poll::Ready(Err(e.into())),
        }
    }
}
