//! One stream of one channel: every byte counted and digested, the beginning kept, or all of it.

use std::time::Duration;

use blake3::Hasher;
use wire::cast::{Encoder, Event, Stream, Utf8};

/// Bytes of a stream without a terminal that are kept: what a person would read. The rest is counted and digested.
pub(super) const KEEP: u64 = 1 << 20;
/// The longest text of one event, in bytes before escaping.
const MAX_TEXT: usize = 64 << 10;

/// What becomes of a stream's bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Policy {
    /// Counted only: a digest of a few typed characters would be as good as the characters.
    Count,
    /// The first [`KEEP`] bytes are kept, all are digested.
    Beginning,
    /// All are kept and digested.
    Whole,
}

pub(super) struct Track {
    stream: Stream,
    policy: Policy,
    utf8: Utf8,
    /// Made with the first byte: most channels have no stderr, and it takes 2 KiB.
    blake3: Option<Box<Hasher>>,
    bytes: u64,
    kept: u64,
}

impl Track {
    pub(super) fn new(stream: Stream, policy: Policy) -> Self {
        Self { stream, policy, utf8: Utf8::default(), blake3: None, bytes: 0, kept: 0 }
    }

    /// Takes bytes; what is kept of them becomes lines.
    pub(super) fn take(
        &mut self,
        at: Duration,
        channel: u32,
        bytes: &[u8],
        encoder: &mut Encoder,
        lines: &mut Vec<u8>,
    ) {
        self.bytes = self.bytes.saturating_add(length(bytes));
        let kept = match self.policy {
            Policy::Count => return,
            Policy::Beginning => {
                let left = usize::try_from(KEEP.saturating_sub(self.kept)).unwrap_or(usize::MAX);
                bytes.get(..left).unwrap_or(bytes)
            }
            Policy::Whole => bytes,
        };
        self.blake3.get_or_insert_default().update(bytes);
        self.kept = self.kept.saturating_add(length(kept));
        for text in kept.chunks(MAX_TEXT) {
            encoder.text(at, channel, self.stream, &mut self.utf8, text, lines);
        }
    }

    /// The stream is over: what was not kept, and the digest of it all.
    pub(super) fn end(
        mut self,
        at: Duration,
        channel: u32,
        encoder: &mut Encoder,
        lines: &mut Vec<u8>,
    ) {
        let (stream, bytes) = (self.stream, self.bytes);
        if bytes == 0 {
            return;
        }
        encoder.text_end(at, channel, stream, &mut self.utf8, lines);
        let blake3 = self.blake3.take().map(|blake3| blake3.finalize().to_hex());
        let blake3 = blake3.as_deref();
        let omitted = bytes - self.kept;
        if let Some(blake3) = blake3
            && omitted > 0
        {
            let event = Event::Omitted { stream, bytes: omitted, blake3 };
            encoder.event(at, channel, event, lines);
        }
        let replaced = self.utf8.replaced();
        encoder.event(at, channel, Event::Digest { stream, bytes, blake3, replaced }, lines);
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(policy: Policy, pieces: &[&[u8]]) -> Vec<String> {
        let (mut encoder, mut lines) = (Encoder::default(), Vec::new());
        let mut track = Track::new(Stream::Output, policy);
        for piece in pieces {
            track.take(Duration::ZERO, 0, piece, &mut encoder, &mut lines);
        }
        track.end(Duration::ZERO, 0, &mut encoder, &mut lines);
        String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_kept_is_counted_and_proven() {
        let big = vec![b'a'; usize::try_from(KEEP).unwrap() - 1];
        let lines = recorded(Policy::Beginning, &[&big, b"bcd", b"e"]);
        let kept: usize = lines
            .iter()
            .filter(|l| l.contains("\"o\""))
            .map(|l| l.len() - "[0.000,\"o\",\"\"]".len())
            .sum();
        assert_eq!(kept, big.len() + 1);
        // printf 'a%.0s' {1..1048575} | cat - <(printf bcde) | b3sum
        let digest = blake3::hash(&[&big[..], b"bcde"].concat());
        assert_eq!(
            lines[lines.len() - 2..],
            [
                format!("[0.000,\"g\",\"o 3 blake3:{digest}\"]"),
                format!("[0.000,\"d\",\"o 1048579 blake3:{digest} 0\"]")
            ]
        );
    }

    #[test]
    fn a_terminal_is_kept_whole() {
        let big = vec![b'a'; 3 << 20];
        let lines = recorded(Policy::Whole, &[&big]);
        assert!(lines.last().unwrap().starts_with("[0.000,\"d\",\"o 3145728 "));
        assert!(!lines.iter().any(|line| line.contains("\"g\"")));
    }

    #[test]
    fn the_digest_is_the_one_everybody_knows() {
        assert_eq!(
            recorded(Policy::Whole, &[b"a", b"bc"]).last().unwrap(),
            "[0.000,\"d\",\"o 3 blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85 0\"]"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_counted_as_such() {
        let lines = recorded(Policy::Whole, &[b"\xffok\xe2\x82"]);
        assert_eq!(lines[..2], ["[0.000,\"o\",\"\u{fffd}ok\"]", "[0.000,\"o\",\"\u{fffd}\"]"]);
        assert!(lines[2].ends_with(" 3\"]"), "{}", lines[2]);
    }

    #[test]
    fn what_is_only_counted_leaves_nothing_to_guess_from() {
        assert_eq!(recorded(Policy::Count, &[b"hunter2\n"]), ["[0.000,\"d\",\"o 8 none 0\"]"]);
        assert!(recorded(Policy::Count, &[]).is_empty());
    }
}
