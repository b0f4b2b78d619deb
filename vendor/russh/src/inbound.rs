//! Reading a connection in large pieces and cutting packets out of them.
//!
//! One `read` may bring many packets; they are decrypted where they lie, and each payload is copied out once. Sharing the
//! buffer instead would save that copy, but what waits somewhere could then hold many times its length in memory. While
//! nothing arrives there is no buffer at all, and a connection that carries little reads into little.

use std::num::Wrapping;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Error;
use crate::cipher::{MAXIMUM_PACKET_LEN, OpeningKey, PACKET_LENGTH_LEN, PADDING_LENGTH_LEN};

/// What a quiet connection reads at once, in bytes.
const LEAST_ROOM: usize = 4 * 1024;
/// What a busy connection reads at once, in bytes.
const MOST_ROOM: usize = 128 * 1024;

/// After so many bytes a connection that brings more lets others take a turn: they pass on what it brought while the
/// processor has it in its cache.
const TURN: usize = 256 * 1024;

/// The receiving half of the transport: what has been read, and how far it has been understood.
#[derive(Debug)]
pub(crate) struct Inbound {
    /// Read, but not yet cut into packets.
    ahead: BytesMut,
    /// Length of the next packet with its length field and tag; 0 while it is not known.
    expected: usize,
    /// How much the next read asks for.
    room: usize,
    /// Bytes read since this connection last let others take a turn.
    turn: usize,
    /// Payload bytes since the last key exchange.
    pub bytes: usize,
    /// Sequence numbers are on 32 bits and wrap (RFC 4253, section 6.4).
    pub seqn: Wrapping<u32>,
}

impl Inbound {
    pub fn new() -> Self {
        Self {
            ahead: BytesMut::new(),
            expected: 0,
            room: LEAST_ROOM,
            turn: 0,
            bytes: 0,
            seqn: Wrapping(0),
        }
    }

    /// The payload of the next packet, without its padding. `cipher` opens this packet and no later one: what has been
    /// read beyond it stays as it came, since a packet may change the keys.
    ///
    /// # Errors
    /// The stream failed or ended; the packet is longer or shorter than a packet may be; it does not decrypt.
    pub async fn packet<R: AsyncRead + Unpin>(
        &mut self,
        stream: &mut R,
        cipher: &mut (dyn OpeningKey + Send),
    ) -> Result<Bytes, Error> {
        loop {
            if let Some(payload) = self.cut(cipher)? {
                return Ok(payload);
            }
            self.fill(stream).await?;
        }
    }

    /// Cuts the next packet off, if all of it is there.
    fn cut(&mut self, cipher: &mut (dyn OpeningKey + Send)) -> Result<Option<Bytes>, Error> {
        if self.expected == 0 {
            let probe = cipher.packet_length_to_read_for_block_length();
            let Some(head) = self.ahead.get(..probe) else {
                return Ok(None);
            };
            let len = u32::from_be_bytes(cipher.decrypt_packet_length(self.seqn.0, head)) as usize;
            // A packet with its tag is never shorter than the block its length is read from. The tag counts: with an
            // EtM MAC and blocks of 8 bytes (3des-cbc) the length can be 8, and the block reaches into the tag.
            if len > MAXIMUM_PACKET_LEN || PACKET_LENGTH_LEN + len + cipher.tag_len() < probe {
                return Err(Error::PacketSize(len));
            }
            self.expected = PACKET_LENGTH_LEN + len + cipher.tag_len();
        }
        if self.ahead.len() < self.expected {
            return Ok(None);
        }
        let total = std::mem::take(&mut self.expected);
        let packet = self.ahead.get_mut(..total).ok_or(Error::IndexOutOfBounds)?;
        let plaintext = cipher.open(self.seqn.0, packet)?;
        let payload = plaintext
            .get(PADDING_LENGTH_LEN..end_of_payload(plaintext)?)
            .ok_or(Error::IndexOutOfBounds)?;
        let payload = Bytes::copy_from_slice(payload);
        self.ahead.advance(total);
        self.seqn += Wrapping(1);
        self.bytes = self.bytes.saturating_add(payload.len());
        Ok(Some(payload))
    }

    /// Reads once. While it waits with nothing in hand it holds no memory.
    async fn fill<R: AsyncRead + Unpin>(&mut self, stream: &mut R) -> Result<(), Error> {
        if self.turn >= TURN {
            self.turn = 0;
            tokio::task::yield_now().await;
        }
        let missing = self.expected.saturating_sub(self.ahead.len());
        let (n, room) = std::future::poll_fn(|cx| {
            if self.ahead.capacity() - self.ahead.len() < missing.max(self.room / 2) {
                self.ahead.reserve(missing.max(self.room));
            }
            let room = self.ahead.capacity() - self.ahead.len();
            let read = pin!(stream.read_buf(&mut self.ahead)).poll(cx);
            if read.is_pending() && self.ahead.is_empty() {
                self.ahead = BytesMut::new();
            }
            read.map_ok(|n| (n, room))
        })
        .await?;
        if n == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        self.turn = if n < LEAST_ROOM { 0 } else { self.turn + n };
        if n == room {
            self.room = (self.room * 4).min(MOST_ROOM);
        } else if n < self.room / 8 {
            self.room = (self.room / 2).max(LEAST_ROOM);
        }
        Ok(())
    }
}

/// Where the padding begins in `plaintext`, which begins with the padding's length.
fn end_of_payload(plaintext: &[u8]) -> Result<usize, Error> {
    let padding = plaintext.first().copied().unwrap_or_default();
    plaintext
        .len()
        .checked_sub(usize::from(padding))
        .filter(|end| *end >= PADDING_LENGTH_LEN)
        .ok_or(Error::IndexOutOfBounds)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;
    use crate::cipher::{AES_256_GCM, CIPHERS, SealingKey};
    use crate::sshbuffer::SSHBuffer;

    /// A stream whose reads end at given places, each after a read that had to wait.
    struct Pieces {
        bytes: Vec<u8>,
        at: usize,
        ends: Vec<usize>,
        waited: bool,
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            self.waited = !self.waited;
            if self.waited {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let all = self.bytes.len();
            let end = self.ends.iter().copied().find(|end| *end > self.at).unwrap_or(all);
            let end = end.min(self.at + buf.remaining());
            buf.put_slice(&self.bytes[self.at..end]);
            self.at = end;
            Poll::Ready(Ok(()))
        }
    }

    fn keys() -> (Box<dyn SealingKey + Send>, Box<dyn OpeningKey + Send>) {
        let cipher = CIPHERS.get(&AES_256_GCM).unwrap();
        let (key, nonce) = ([7; 32], [9; 12]);
        let mac = &crate::mac::_NONE;
        (
            cipher.make_sealing_key(&key, &nonce, &[], mac),
            cipher.make_opening_key(&key, &nonce, &[], mac),
        )
    }

    fn payloads() -> Vec<Vec<u8>> {
        [1, 40, 3, 16 * 1024, MOST_ROOM - 60, 200_000, 7]
            .iter()
            .enumerate()
            .map(|(n, len)| (0..*len).map(|at| (at + 31 * n) as u8).collect())
            .collect()
    }

    fn sealed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let (mut sealing, _) = keys();
        let mut buffer = SSHBuffer::new();
        for payload in payloads {
            sealing.write(payload, &mut buffer);
        }
        buffer.buffer
    }

    async fn read_all(bytes: Vec<u8>, ends: Vec<usize>, count: usize) -> Vec<Bytes> {
        let mut stream = Pieces { bytes, at: 0, ends, waited: false };
        let (_, mut opening) = keys();
        let mut inbound = Inbound::new();
        let mut read = Vec::new();
        for _ in 0..count {
            read.push(inbound.packet(&mut stream, &mut *opening).await.unwrap());
        }
        let end = inbound.packet(&mut stream, &mut *opening).await;
        assert!(matches!(end, Err(Error::IO(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof));
        assert_eq!(inbound.seqn, Wrapping(count as u32));
        assert_eq!(inbound.bytes, read.iter().map(Bytes::len).sum::<usize>());
        read
    }

    #[tokio::test]
    async fn packets_come_out_whole_wherever_a_read_ends() {
        let small = vec![vec![1u8; 5], vec![2u8; 300], vec![3u8; 1]];
        let bytes = sealed(&small);
        for end in 1..bytes.len() {
            assert_eq!(read_all(bytes.clone(), vec![end], small.len()).await, small);
        }
        let each: Vec<usize> = (1..bytes.len()).collect();
        assert_eq!(read_all(bytes, each, small.len()).await, small);
    }

    #[tokio::test]
    async fn packets_of_all_sizes_come_out_whole_of_large_and_small_reads() {
        let payloads = payloads();
        let bytes = sealed(&payloads);
        for step in [1000, 4096, 16 * 1024 + 1, 70_000, bytes.len()] {
            let ends = (step..bytes.len()).step_by(step).collect();
            assert_eq!(read_all(bytes.clone(), ends, payloads.len()).await, payloads);
        }
    }

    #[tokio::test]
    async fn a_changed_byte_is_found_wherever_it_is() {
        let bytes = sealed(&[vec![1; 20]]);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let (_, mut opening) = keys();
            let mut stream = &changed[..];
            assert!(Inbound::new().packet(&mut stream, &mut *opening).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_quiet_connection_holds_no_buffer() {
        let (mut stream, mut far) = tokio::io::duplex(1 << 20);
        let payloads = payloads();
        tokio::io::AsyncWriteExt::write_all(&mut far, &sealed(&payloads)).await.unwrap();
        let (_, mut opening) = keys();
        let mut inbound = Inbound::new();
        for payload in &payloads {
            assert_eq!(inbound.packet(&mut stream, &mut *opening).await.unwrap(), payload);
        }
        let waiting = inbound.packet(&mut stream, &mut *opening);
        assert!(futures::poll!(pin!(waiting)).is_pending());
        assert_eq!(inbound.ahead.capacity(), 0);
    }

    #[tokio::test]
    async fn lengths_no_packet_has_are_refused_at_once() {
        let too_long = (MAXIMUM_PACKET_LEN as u32 + 1).to_be_bytes();
        let (_, mut opening) = keys();
        let mut stream = &too_long[..];
        let refused = Inbound::new().packet(&mut stream, &mut *opening).await;
        assert!(matches!(refused, Err(Error::PacketSize(_))));
    }
}
