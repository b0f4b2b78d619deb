//! Sealing: what a secret looks like on disk.
//!
//! ```text
//!   1 byte   format, 1
//!   8 bytes  which key: the beginning of SHA-256("countersign seal key 1" ‖ key)
//!  12 bytes  nonce, random
//!   n bytes  AES-256-GCM ciphertext and tag; additional data = format ‖ key id ‖ context
//! ```
//!
//! The context says what the secret is (`ca`, `node/db-box/password`): a blob moved to another
//! place does not open there. Random nonces are safe for 2^32 seals under one key (NIST SP
//! 800-38D section 8.3), far beyond what one installation ever seals.

use std::{
    fmt, fs, io,
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, rand,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const KEY_LEN: usize = 32;
const KEY_ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;
/// A key file holds 44 characters and a line end; more is another file.
const MAX_KEY_FILE: u64 = 256;

/// The key under which everything secret lies at rest.
pub struct SealKey {
    key: LessSafeKey,
    id: [u8; KEY_ID_LEN],
    text: Zeroizing<String>,
}

/// Why a seal key or a sealed secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be read or written.
    #[error("cannot use the seal key file `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read the key file.
    #[error("the seal key file `{path}` has mode {mode:04o}; run `chmod 600 {path}`")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The text is not a seal key.
    #[error(
        "a seal key is 32 bytes in base64 (44 characters), for instance from `openssl rand -base64 32`, or 64 hexadecimal digits"
    )]
    NotAKey,
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    Random,
    /// The blob is cut short, changed, of another format, or was sealed for another place.
    #[error("the sealed `{context}` is damaged, or was sealed for another place")]
    Damaged {
        /// What was to be opened.
        context: String,
    },
    /// The blob was sealed with another key.
    #[error(
        "the sealed `{context}` needs the seal key {needed}, but the key in use is {present}; give the key file this data directory was made with"
    )]
    WrongKey {
        /// What was to be opened.
        context: String,
        /// The id of the key it was sealed with.
        needed: String,
        /// The id of the key in use.
        present: String,
    },
}

impl SealKey {
    /// Makes a new key from the system's randomness.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0u8; KEY_LEN]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| SealError::Random)?;
        Self::from_bytes(&bytes)
    }

    /// Reads a key from its text form: 32 bytes in base64, or 64 hexadecimal digits. White space
    /// around it is ignored.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        if text.len() == 2 * KEY_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let mut bytes = Zeroizing::new([0u8; KEY_LEN]);
            for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
                let pair = text.get(at..at + 2).ok_or(SealError::NotAKey)?;
                *byte = u8::from_str_radix(pair, 16).map_err(|_| SealError::NotAKey)?;
            }
            return Self::from_bytes(&bytes);
        }
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| SealError::NotAKey)?);
        Self::from_bytes(bytes.as_slice().try_into().map_err(|_| SealError::NotAKey)?)
    }

    /// Reads a key from a file that only its owner may read.
    pub fn from_file(path: &Path) -> Result<Self, SealError> {
        let failed = |source| SealError::File { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(failed)?;
        // Asked of the open file: a name could be another file a moment later.
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SealError::Mode { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(failed)?;
        Self::from_text(&text)
    }

    /// Makes a new key and writes it to a new file of mode 0600. An existing file is an error.
    pub fn create_file(path: &Path) -> Result<Self, SealError> {
        let failed = |source| SealError::File { path: path.to_owned(), source };
        let key = Self::generate()?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let written = writeln!(file, "{}", key.text.as_str()).and_then(|()| file.sync_all());
        // The name is durable only when its directory is: losing the key loses everything sealed.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        written
            .and_then(|()| fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all())
            .map_err(failed)?;
        Ok(key)
    }

    /// Which key this is, without telling the key: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    /// Seals `secret`; it opens only with this key and the same `context`.
    pub fn seal(&self, secret: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0u8; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let mut sealed = Vec::with_capacity(HEADER_LEN + secret.len() + AES_256_GCM.tag_len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        let mut body = secret.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                self.additional(context),
                &mut body,
            )
            .map_err(|_| SealError::Random)?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let damaged = || SealError::Damaged { context: context.to_owned() };
        let (header, body) = sealed.split_at_checked(HEADER_LEN).ok_or_else(damaged)?;
        let (format, rest) = header.split_first().ok_or_else(damaged)?;
        let (id, nonce) = rest.split_at_checked(KEY_ID_LEN).ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(damaged());
        }
        if id != self.id {
            return Err(SealError::WrongKey {
                context: context.to_owned(),
                needed: hex(id),
                present: self.id(),
            });
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(nonce, self.additional(context), &mut body)
            .map_err(|_| damaged())?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn from_bytes(bytes: &[u8; KEY_LEN]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| SealError::NotAKey)?;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"countersign seal key 1");
        context.update(bytes);
        let mut id = [0u8; KEY_ID_LEN];
        for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        let text = Zeroizing::new(STANDARD.encode(bytes));
        Ok(Self { key: LessSafeKey::new(key), id, text })
    }

    fn additional(&self, context: &str) -> Aad<Vec<u8>> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(context.as_bytes());
        Aad::from(bytes)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({}, ***)", self.id())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
