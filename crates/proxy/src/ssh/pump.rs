//! Moving one direction of one channel, in order, without ever holding up the connection.
//!
//! A channel's window is given back only for bytes that were passed on, so a reader who stalls stops his own
//! channel and nothing else: what piles up is at most one window. While a delivery waits, the pump keeps taking
//! messages off the connection's queue and packs small ones together; the connection's loop never waits for it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::{ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::time::Instant;

/// A channel's window, in bytes: what a stalled channel can hold in the house, per direction.
pub(super) const WINDOW: u32 = 2 * 1024 * 1024;
/// The most data a peer may put into one packet, in bytes. OpenSSH fills them; what goes out is cut to what its receiver takes.
pub(super) const MAX_PACKET: u32 = 64 * 1024;
/// How many passed-on bytes are given back to the sender at once.
const LUMP: u32 = WINDOW / 4;
/// Messages waiting behind a delivery, after packing. Beyond it the client holds up its own connection.
const MAX_BACKLOG: usize = 4096;
/// Data messages below this size are packed together while they wait.
const SMALL: usize = 16 * 1024;

/// What a delivery means for the pump.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flow {
    /// Take the next message.
    Go,
    /// This direction has ended.
    Stop,
}

/// The connection or the channel at the other side is gone, or what must be recorded cannot be.
#[derive(Debug)]
pub(super) struct Broken;

/// Where a pump delivers.
pub(super) trait Sink {
    /// Passes one message on. It may wait as long as the receiver likes.
    async fn deliver(&mut self, message: ChannelMsg) -> Result<Flow, Broken>;
}

/// How long a receiver may take the last bytes of a sender who has closed the channel already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    /// As long as he likes: a slow reader gets all of a program's output.
    Endless,
    /// So long; then what is left is dropped. Nobody waits for it any more.
    Limited(Duration),
}

/// Moves messages from `source` to `sink` until one of them ends.
pub(super) async fn pump<S: Sink>(
    source: &mut ChannelReadHalf,
    sink: &mut S,
    patience: Patience,
) -> Result<(), Broken> {
    let mut backlog = VecDeque::new();
    let mut open = true;
    let mut deadline: Option<Instant> = None;
    loop {
        let message = match backlog.pop_front() {
            Some(message) => message,
            None if !open => return Ok(()),
            None => match source.wait().await {
                Some(message) => message,
                None => return Ok(()),
            },
        };
        let mut delivery = std::pin::pin!(sink.deliver(message));
        let flow = loop {
            tokio::select! {
                biased;
                flow = &mut delivery => break flow?,
                message = source.wait(), if open && backlog.len() < MAX_BACKLOG => match message {
                    Some(message) => {
                        if let (ChannelMsg::Close, Patience::Limited(grace)) = (&message, patience) {
                            deadline = Some(Instant::now() + grace);
                        }
                        queue(&mut backlog, message);
                    }
                    None => open = false,
                },
                () = until(deadline) => return Err(Broken),
            }
        };
        if flow == Flow::Stop {
            return Ok(());
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Appends a message; small data joins the data before it.
fn queue(backlog: &mut VecDeque<ChannelMsg>, message: ChannelMsg) {
    if let (Some(ChannelMsg::Data { data: last }), ChannelMsg::Data { data }) =
        (backlog.back_mut(), &message)
        && last.len() < SMALL
    {
        let mut packed = match std::mem::take(last).try_into_mut() {
            Ok(mine) => mine,
            Err(shared) => BytesMut::from(&shared[..]),
        };
        packed.extend_from_slice(data);
        *last = packed.freeze();
        return;
    }
    backlog.push_back(message);
}

/// What is owed to the sender of a channel: bytes passed on but not yet given back to his window.
#[derive(Debug, Default)]
pub(super) struct Owed(u32);

impl Owed {
    /// `passed` more bytes have been passed on; gives the window back in lumps.
    pub(super) async fn pay<M>(
        &mut self,
        sender: &ChannelWriteHalf<M>,
        passed: &Bytes,
    ) -> Result<(), Broken>
    where
        M: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
    {
        self.0 = self.0.saturating_add(u32::try_from(passed.len()).unwrap_or(u32::MAX));
        if self.0 >= LUMP {
            sender.adjust_window(self.0).await.map_err(|_| Broken)?;
            self.0 = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_packed_and_kept_in_order() {
        let mut backlog = VecDeque::new();
        for byte in 0..200u8 {
            queue(&mut backlog, ChannelMsg::Data { data: Bytes::copy_from_slice(&[byte]) });
        }
        queue(&mut backlog, ChannelMsg::Eof);
        queue(&mut backlog, ChannelMsg::Data { data: Bytes::from_static(b"x") });
        assert_eq!(backlog.len(), 3);
        let Some(ChannelMsg::Data { data }) = backlog.pop_front() else { panic!("data first") };
        assert_eq!(data, Bytes::from_iter(0..200u8));
        assert!(matches!(backlog.pop_front(), Some(ChannelMsg::Eof)));
    }
}
