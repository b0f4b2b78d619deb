//! What a byte stream of `exec` or `attach` says, while it passes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wire::kube::spdy::{Spdy, Way};
use wire::kube::websocket::{self, Sender, WebSocket};
use wire::kube::{Channel, Unfollowed};

/// Something that was said.
pub(super) type Heard = (Channel, Bytes);

/// Follows both directions of one stream.
pub(super) struct Follower(Mutex<Protocol>);

enum Protocol {
    Spdy(Box<Spdy>),
    WebSocket { up: WebSocket, down: WebSocket },
}

impl Follower {
    /// For a stream of SPDY/3.1.
    pub(super) fn spdy() -> Self {
        Self(Mutex::new(Protocol::Spdy(Box::default())))
    }

    /// For a WebSocket whose messages begin with the number of their channel.
    pub(super) fn websocket() -> Self {
        let (up, down) = (WebSocket::new(Sender::Client), WebSocket::new(Sender::Server));
        Self(Mutex::new(Protocol::WebSocket { up, down }))
    }

    /// What some more bytes say.
    ///
    /// # Errors
    /// Where they cannot be followed.
    pub(super) fn follow(&self, way: Way, bytes: &[u8]) -> Result<Vec<Heard>, Unfollowed> {
        let mut heard: Vec<Heard> = Vec::new();
        let mut listen = |channel: Channel, bytes: &[u8]| {
            heard.push((channel, Bytes::copy_from_slice(bytes)));
        };
        match &mut *self.protocol() {
            Protocol::Spdy(spdy) => spdy.follow(way, bytes, &mut listen)?,
            Protocol::WebSocket { up, down } => match way {
                Way::Up => up.follow(bytes, &mut listen)?,
                Way::Down => down.follow(bytes, &mut listen)?,
            },
        }
        Ok(heard)
    }

    /// What tells the client, as the server would, how the program ended: `status`. `None` in the middle of a frame.
    pub(super) fn last_word(&self, status: &str) -> Option<Vec<u8>> {
        match &*self.protocol() {
            Protocol::Spdy(spdy) => spdy.last_word(Channel::Error, status.as_bytes()),
            Protocol::WebSocket { down, .. } => down.is_between_frames().then(|| {
                let mut word = websocket::message(3, status.as_bytes());
                word.extend(websocket::CLOSE);
                word
            }),
        }
    }

    fn protocol(&self) -> MutexGuard<'_, Protocol> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
