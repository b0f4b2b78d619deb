//! What a client says it is: its identification string (RFC 4253, section 4.2), read along while it goes by.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest identification string (RFC 4253, section 4.2).
const MAX_IDENTIFICATION: usize = 255;
/// The name of a client that said none.
const UNNAMED: &str = "ssh";

/// A client's software, once it has said it.
#[derive(Clone, Debug, Default)]
pub(super) struct Software(Arc<OnceLock<Box<str>>>);

impl Software {
    /// `OpenSSH_9.6`, as the client says; safe to show.
    pub(super) fn name(&self) -> Box<str> {
        self.0.get().cloned().unwrap_or_else(|| UNNAMED.into())
    }

    fn learn(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let name = line.trim_end().strip_prefix("SSH-2.0-").unwrap_or_default();
        if !name.is_empty() {
            // Learnt once: the line goes by once.
            let _ = self.0.set(access::display::shown_short(name, MAX_IDENTIFICATION).into());
        }
    }
}

/// A stream whose first line is read along.
#[derive(Debug)]
pub(super) struct Overheard<S> {
    stream: S,
    software: Software,
    /// The line as far as it is known; `None` when there is no more to learn.
    line: Option<Vec<u8>>,
}

impl<S> Overheard<S> {
    pub(super) fn new(stream: S, software: Software) -> Self {
        Self { stream, software, line: Some(Vec::new()) }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let Some(mut line) = self.line.take() else { return };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes));
        if end.is_some() || line.len() > MAX_IDENTIFICATION {
            line.truncate(MAX_IDENTIFICATION);
            self.software.learn(&line);
        } else {
            self.line = Some(line);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if self.line.is_some() {
            self.hear(buf.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_pieces_is_put_together_and_made_safe() {
        let named = |pieces: &[&[u8]]| {
            let mut heard = Overheard::new((), Software::default());
            for piece in pieces {
                heard.hear(piece);
            }
            heard.software.name()
        };
        assert_eq!(&*named(&[b"SSH-2.0-Open", b"SSH_9.6 box\r", b"\nrest\n"]), "OpenSSH_9.6 box");
        assert_eq!(&*named(&[b"SSH-2.0-\r\n"]), "ssh");
        assert_eq!(&*named(&[b"SSH-2.0-unfinished"]), "ssh");
        assert!(!named(&[b"SSH-2.0-\x1b[31m\n"]).contains('\x1b'));
        assert!(named(&[b"SSH-2.0-", &[b'a'; 4000]]).len() <= MAX_IDENTIFICATION);
    }
}
