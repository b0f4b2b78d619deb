//! SFTP packets out of a byte stream: the head of each is kept, the bulk is counted and skipped.
//!
//! Section 3 of draft-ietf-secsh-filexfer-02: `u32 length, byte type, u32 request-id, …`; INIT and VERSION
//! carry the version where the others have their id.

use super::MAX_PATH;

pub(super) const INIT: u8 = 1;
pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const SETSTAT: u8 = 9;
pub(super) const FSETSTAT: u8 = 10;
pub(super) const OPENDIR: u8 = 11;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const RMDIR: u8 = 15;
pub(super) const RENAME: u8 = 18;
pub(super) const SYMLINK: u8 = 20;
pub(super) const STATUS: u8 = 101;
pub(super) const HANDLE: u8 = 102;
pub(super) const DATA: u8 = 103;
pub(super) const EXTENDED: u8 = 200;

/// The longest packet that can be SFTP: OpenSSH allows 256 KiB and a header, others up to 1 MiB.
const MAX_PACKET: u32 = 2 * 1024 * 1024;
/// Length, type and id.
const HEAD: usize = 9;
/// A handle is at most 256 bytes (section 6.3); with its length, an offset and a data length.
const WITH_HANDLE: usize = 4 + 256 + 8 + 4;
/// Two paths and an extension's name.
const WITH_PATHS: usize = 64 + 2 * (4 + MAX_PATH);

/// The head of one packet.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) id: u32,
    body: Vec<u8>,
}

impl Frame {
    pub(super) fn body(&self) -> Body<'_> {
        Body(&self.body)
    }
}

/// How many bytes of the body of a client's packet are worth keeping.
pub(super) fn client_capture(kind: u8) -> usize {
    match kind {
        CLOSE | READ | WRITE | FSETSTAT => WITH_HANDLE,
        OPEN | SETSTAT | OPENDIR | REMOVE | MKDIR | RMDIR | RENAME | SYMLINK | EXTENDED => {
            WITH_PATHS
        }
        _ => 0,
    }
}

/// How many bytes of the body of a server's packet are worth keeping.
pub(super) fn server_capture(kind: u8) -> usize {
    match kind {
        STATUS | DATA => 4,
        HANDLE => WITH_HANDLE,
        _ => 0,
    }
}

/// Cuts one direction's bytes into packets.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: Vec<u8>,
    /// Bytes of the current packet still to come after what is kept.
    skip: u64,
}

impl Frames {
    /// The next packet's head, or `None` when `bytes` are used up. `capture` says how much of a body to keep.
    pub(super) fn next(
        &mut self,
        bytes: &mut &[u8],
        capture: fn(u8) -> usize,
    ) -> Result<Option<Frame>, &'static str> {
        if self.skip > 0 {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            *bytes = bytes.get(skipped..).unwrap_or_default();
            self.skip = self.skip.saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX));
            if self.skip > 0 {
                return Ok(None);
            }
        }
        if !self.fill(HEAD, bytes) {
            return Ok(None);
        }
        let Some((&[a, b, c, d, kind, e, f, g, h], _)) = self.head.split_first_chunk::<HEAD>()
        else {
            return Ok(None);
        };
        let len = u32::from_be_bytes([a, b, c, d]);
        if !(5..=MAX_PACKET).contains(&len) {
            return Err("a packet's length is impossible");
        }
        let body_len = usize::try_from(len).unwrap_or(usize::MAX).saturating_sub(5);
        let keep = capture(kind).min(body_len);
        if !self.fill(HEAD.saturating_add(keep), bytes) {
            return Ok(None);
        }
        self.skip = u64::try_from(body_len.saturating_sub(keep)).unwrap_or(u64::MAX);
        let body = self.head.get(HEAD..).unwrap_or_default().to_vec();
        self.head.clear();
        Ok(Some(Frame { kind, id: u32::from_be_bytes([e, f, g, h]), body }))
    }

    /// Grows the kept head to `want` bytes; whether it got there.
    fn fill(&mut self, want: usize, bytes: &mut &[u8]) -> bool {
        let missing = want.saturating_sub(self.head.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(taken);
        *bytes = rest;
        self.head.len() >= want
    }
}

/// A cursor over a packet's body.
#[derive(Debug)]
pub(super) struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*head))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A path, at most [`MAX_PATH`] bytes; bytes that are not UTF-8 are shown as U+FFFD.
    pub(super) fn path(&mut self) -> Option<String> {
        let bytes = self.bytes()?;
        (bytes.len() <= MAX_PATH).then(|| String::from_utf8_lossy(bytes).into_owned())
    }
}
