//! The channels of `exec` and `attach`: what a program reads and writes, its terminal's size, and how it ended.

/// A channel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Channel {
    /// How the program ended: a `Status` object.
    Error,
    /// The terminal's size: objects with `Width` and `Height`.
    Resize,
    /// What it writes on its error output.
    Stderr,
    /// What it reads.
    Stdin,
    /// What it writes.
    Stdout,
}

impl Channel {
    /// The channel of this number in the WebSocket protocols `*.channel.k8s.io` (Kubernetes, `remotecommand/constants`).
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Stdin),
            1 => Some(Self::Stdout),
            2 => Some(Self::Stderr),
            3 => Some(Self::Error),
            4 => Some(Self::Resize),
            _ => None,
        }
    }

    /// The channel of this `streamtype` in SPDY.
    #[must_use]
    pub const fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"stdin" => Some(Self::Stdin),
            b"stdout" => Some(Self::Stdout),
            b"stderr" => Some(Self::Stderr),
            b"error" => Some(Self::Error),
            b"resize" => Some(Self::Resize),
            _ => None,
        }
    }
}

/// Takes what was heard.
pub trait Listener {
    /// Some bytes of a channel, in their order.
    fn heard(&mut self, channel: Channel, bytes: &[u8]);
}

impl<F: FnMut(Channel, &[u8])> Listener for F {
    fn heard(&mut self, channel: Channel, bytes: &[u8]) {
        self(channel, bytes);
    }
}

/// Why a stream cannot be followed. What cannot be followed cannot be recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfollowed {
    /// A WebSocket frame that RFC 6455 does not allow.
    #[error("a WebSocket frame is not one: {0}")]
    WebSocket(&'static str),
    /// A SPDY frame that the protocol does not allow.
    #[error("a SPDY frame is not one: {0}")]
    Spdy(&'static str),
}
