//! One TCP connection of ours, on either leg.
//!
//! Three things a plain socket does not do. While handshakes last, every read asks the kernel to acknowledge at once
//! (`TCP_QUICKACK`, tcp(7)): an SSH handshake is a ping-pong of small packets, and a peer with Nagle's algorithm on
//! waits 40 ms for each delayed acknowledgement otherwise. A connection can be severed from outside, whoever is
//! reading it. And whoever reads little at a time, as TLS does, is served out of a [`Gulp`] while much is coming in.

mod gulp;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use rustix::buffer::spare_capacity;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use gulp::Gulp;

/// How many reads after the first are acknowledged at once: both handshakes and the first channel's requests.
const QUICK_READS: u8 = 48;

/// A TCP connection with the bytes that were read ahead of it.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Arc<TcpStream>,
    ahead: Bytes,
    gulp: Gulp,
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
        let wire = Self { quick: QUICK_READS, ..Self::plain(socket) };
        wire.acknowledge_quickly();
        wire
    }

    /// Takes a connection that was made to a peer which answers without being hurried.
    pub(crate) fn plain(socket: TcpStream) -> Self {
        // Refused only by sockets that are already gone.
        let _ = socket.set_nodelay(true);
        Self { socket: Arc::new(socket), ahead: Bytes::new(), gulp: Gulp::default(), quick: 0 }
    }

    /// The other end's address.
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
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

impl Wire {
    /// Reads once.
    fn read_socket(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let socket = &*self.socket;
        if let Some(space) = self.gulp.space(buf) {
            read_once(socket, gulp::LONG, || rustix::io::read(socket, spare_capacity(space)))?;
            self.gulp.give(buf);
            return Ok(());
        }
        let asked = buf.remaining();
        if buf.initialized().len() < buf.capacity() {
            return socket.try_read_buf(buf).map(drop);
        }
        let space = buf.initialize_unfilled();
        let read = read_once(socket, asked, || rustix::io::read(socket, space))?;
        buf.advance(read);
        self.gulp.saw(read, asked);
        Ok(())
    }
}

/// Reads once, from a socket that is said to be ready. One that gave less than it was `asked` for is empty, and its
/// readiness is spent: events are edge-triggered (epoll(7)), so the next reader need not ask the kernel again.
fn read_once(
    socket: &TcpStream,
    asked: usize,
    read: impl FnOnce() -> rustix::io::Result<usize>,
) -> io::Result<usize> {
    let mut got = None;
    let ready = socket.try_io(Interest::READABLE, || {
        let n = *got.insert(read()?);
        if n > 0 && n < asked { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
    });
    got.map_or(ready, Ok)
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.has_remaining() {
            let n = this.ahead.remaining().min(buf.remaining());
            buf.put_slice(&this.ahead.split_to(n));
            return Poll::Ready(Ok(()));
        }
        if this.gulp.give(buf) {
            return Poll::Ready(Ok(()));
        }
        loop {
            let Poll::Ready(ready) = this.socket.poll_read_ready(cx) else {
                this.gulp.rest();
                return Poll::Pending;
            };
            ready?;
            match this.read_socket(buf) {
                Ok(()) => {
                    if this.quick > 0 {
                        this.quick -= 1;
                        // The kernel drops the mode by itself after a few segments, so it is armed again.
                        this.acknowledge_quickly();
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
        // send(2) is a shorter way through the kernel than writev(2), and most writes are one piece.
        if let [one] = bufs {
            return self.poll_write(cx, one);
        }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A reader of little at a time gets every byte, in order, whether it is served out of a long read or not; and
    /// after each pause it is woken, though the socket was found empty without being asked again.
    #[tokio::test]
    async fn short_reads_get_every_byte_and_no_wake_is_lost() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        let pieces = sent.clone();
        let peer = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut rest = pieces.as_slice();
            for size in [1, 100, 4096, 70_000, 3, 200_000, 4096, 8192, 5].iter().cycle() {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                socket.write_all(piece).await.unwrap();
                // What was written is answered when all of it was read: a pause after every piece.
                assert_eq!(socket.read_u32().await.unwrap() as usize, piece.len());
                rest = after;
                if rest.is_empty() {
                    return;
                }
            }
        });
        let socket = TcpStream::connect(address).await.unwrap();
        let mut wire = Wire::plain(socket);
        let (mut got, mut piece) = (Vec::new(), 0_u32);
        for size in [1, 100, 4096, 70_000, 3, 200_000, 4096, 8192, 5].iter().cycle() {
            let whole = (*size).min(sent.len() - got.len());
            while (piece as usize) < whole {
                let mut space = [0; 4096];
                let read = wire.read(&mut space).await.unwrap();
                assert!(read > 0);
                got.extend_from_slice(&space[..read]);
                piece += u32::try_from(read).unwrap();
            }
            wire.write_all(&piece.to_be_bytes()).await.unwrap();
            piece = 0;
            if got.len() == sent.len() {
                break;
            }
        }
        peer.await.unwrap();
        assert!(got == sent);
        assert_eq!(wire.read(&mut [0; 4096]).await.unwrap(), 0, "the end is the end");
    }
}
