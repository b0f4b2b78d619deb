//! One stream of one channel, as the writer has it: what is kept of it as text, and its totals.

use std::time::Duration;

use wire::cast::{Encoder, Event, Stream, Utf8};

use super::tally::Total;

/// The longest text of one event, in bytes before escaping.
const MAX_TEXT: usize = 64 << 10;

pub(super) struct Track {
    stream: Stream,
    utf8: Utf8,
    kept: u64,
}

impl Track {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, utf8: Utf8::default(), kept: 0 }
    }

    /// Takes what is kept; it becomes lines.
    pub(super) fn take(
        &mut self,
        at: Duration,
        channel: u32,
        kept: &[u8],
        encoder: &mut Encoder,
        lines: &mut Vec<u8>,
    ) {
        self.kept = self.kept.saturating_add(u64::try_from(kept.len()).unwrap_or(u64::MAX));
        for text in kept.chunks(MAX_TEXT) {
            encoder.text(at, channel, self.stream, &mut self.utf8, text, lines);
        }
    }

    /// The stream is over: what was not kept, and the digest of it all.
    pub(super) fn end(
        mut self,
        at: Duration,
        channel: u32,
        total: &Total,
        encoder: &mut Encoder,
        lines: &mut Vec<u8>,
    ) {
        let (stream, bytes) = (self.stream, total.bytes);
        if bytes == 0 {
            return;
        }
        encoder.text_end(at, channel, stream, &mut self.utf8, lines);
        let blake3 = total.blake3.map(|blake3| blake3.to_hex());
        let blake3 = blake3.as_deref();
        let omitted = bytes.saturating_sub(self.kept);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(pieces: &[&[u8]], total: Total) -> Vec<String> {
        let (mut encoder, mut lines) = (Encoder::default(), Vec::new());
        let mut track = Track::new(Stream::Output);
        for piece in pieces {
            track.take(Duration::ZERO, 0, piece, &mut encoder, &mut lines);
        }
        track.end(Duration::ZERO, 0, &total, &mut encoder, &mut lines);
        String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
    }

    fn whole(pieces: &[&[u8]]) -> Vec<String> {
        let all = pieces.concat();
        let bytes = u64::try_from(all.len()).unwrap();
        recorded(pieces, Total { bytes, blake3: Some(blake3::hash(&all)) })
    }

    #[test]
    fn what_was_not_kept_is_said() {
        let digest = blake3::hash(b"abcd");
        let total = Total { bytes: 4, blake3: Some(digest) };
        assert_eq!(
            recorded(&[b"a"], total),
            [
                "[0.000,\"o\",\"a\"]".to_owned(),
                format!("[0.000,\"g\",\"o 3 blake3:{digest}\"]"),
                format!("[0.000,\"d\",\"o 4 blake3:{digest} 0\"]")
            ]
        );
    }

    #[test]
    fn the_digest_is_the_one_everybody_knows() {
        assert_eq!(
            whole(&[b"a", b"bc"]).last().unwrap(),
            "[0.000,\"d\",\"o 3 blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85 0\"]"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_counted_as_such() {
        let lines = whole(&[b"\xffok\xe2\x82"]);
        assert_eq!(lines[..2], ["[0.000,\"o\",\"\u{fffd}ok\"]", "[0.000,\"o\",\"\u{fffd}\"]"]);
        assert!(lines[2].ends_with(" 3\"]"), "{}", lines[2]);
    }

    #[test]
    fn what_is_only_counted_has_no_digest() {
        let total = Total { bytes: 8, blake3: None };
        assert_eq!(recorded(&[], total), ["[0.000,\"d\",\"o 8 none 0\"]"]);
        assert!(recorded(&[], Total::default()).is_empty());
    }
}
