//! Bytes of a terminal as text in JSON: characters cut between packets, bytes that are no UTF-8, escapes.

/// U+FFFD REPLACEMENT CHARACTER in UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The state of one stream: the beginning of a character whose rest has not come yet.
///
/// Bytes that are no UTF-8 become U+FFFD and are counted; the digest of the stream proves what they were.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    pending: [u8; 3],
    length: u8,
    replaced: u64,
}

impl Utf8 {
    /// How many bytes were no UTF-8 so far.
    #[must_use]
    pub const fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Appends the whole characters of what was pending and `bytes`, escaped for JSON; the rest waits.
    /// Says whether anything was appended.
    pub fn push(&mut self, bytes: &[u8], json: &mut Vec<u8>) -> bool {
        let before = json.len();
        let mut rest = bytes;
        while self.length > 0 {
            let Some((next, after)) = rest.split_first() else { return json.len() > before };
            // A character has at most four bytes, of which at most three are pending.
            let mut joined = [0_u8; 4];
            let pending = self.take(&mut joined);
            let Some(slot) = joined.get_mut(pending) else { break };
            *slot = *next;
            let tried = joined.get(..=pending).unwrap_or_default();
            match core::str::from_utf8(tried) {
                Ok(character) => {
                    escape(character, json);
                    rest = after;
                }
                Err(error) if error.error_len().is_none() => {
                    self.keep(tried);
                    rest = after;
                }
                // The new byte does not continue the character: what was pending is broken, the byte starts anew.
                Err(_) => self.replace(pending, json),
            }
        }
        self.whole(rest, json);
        json.len() > before
    }

    /// The stream has ended: what still waits is no character. Says whether anything was appended.
    pub fn finish(&mut self, json: &mut Vec<u8>) -> bool {
        let pending = usize::from(core::mem::take(&mut self.length));
        if pending > 0 {
            self.replace(pending, json);
        }
        pending > 0
    }

    fn whole(&mut self, mut rest: &[u8], json: &mut Vec<u8>) {
        loop {
            let error = match core::str::from_utf8(rest) {
                Ok(text) => return escape(text, json),
                Err(error) => error,
            };
            let (valid, broken) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
            escape(core::str::from_utf8(valid).unwrap_or_default(), json);
            let Some(length) = error.error_len() else { return self.keep(broken) };
            self.replace(length, json);
            rest = broken.get(length..).unwrap_or_default();
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.length = 0;
        for (slot, byte) in self.pending.iter_mut().zip(bytes) {
            *slot = *byte;
            self.length += 1;
        }
    }

    fn take(&mut self, into: &mut [u8; 4]) -> usize {
        for (slot, byte) in into.iter_mut().zip(self.pending) {
            *slot = byte;
        }
        usize::from(core::mem::take(&mut self.length))
    }

    fn replace(&mut self, bytes: usize, json: &mut Vec<u8>) {
        self.replaced = self.replaced.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        json.extend_from_slice(REPLACEMENT);
    }
}

/// Appends `text` as the inside of a JSON string (RFC 8259 §7). DEL and the C1 controls are escaped too, so that
/// a recording's bytes can be looked at in a terminal without acting on it.
pub(super) fn escape(text: &str, json: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        // U+0080 to U+009F are C2 80 to C2 9F.
        let c1 = byte == 0xc2 && bytes.get(at + 1).is_some_and(|next| *next < 0xa0);
        if !(byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f || c1) {
            continue;
        }
        json.extend_from_slice(bytes.get(done..at).unwrap_or_default());
        done = at + 1;
        match byte {
            b'"' => json.extend_from_slice(b"\\\""),
            b'\\' => json.extend_from_slice(b"\\\\"),
            b'\n' => json.extend_from_slice(b"\\n"),
            b'\r' => json.extend_from_slice(b"\\r"),
            b'\t' => json.extend_from_slice(b"\\t"),
            0xc2 => {
                unicode(bytes.get(at + 1).copied().unwrap_or_default(), json);
                done = at + 2;
            }
            _ => unicode(byte, json),
        }
    }
    json.extend_from_slice(bytes.get(done..).unwrap_or_default());
}

fn unicode(byte: u8, json: &mut Vec<u8>) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    json.extend_from_slice(b"\\u00");
    json.push(digit(byte >> 4));
    json.push(digit(byte & 15));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_at_once(bytes: &[u8]) -> (Vec<u8>, u64) {
        in_pieces(&[bytes])
    }

    fn in_pieces(pieces: &[&[u8]]) -> (Vec<u8>, u64) {
        let mut utf8 = Utf8::default();
        let mut json = Vec::new();
        for piece in pieces {
            utf8.push(piece, &mut json);
        }
        utf8.finish(&mut json);
        (json, utf8.replaced())
    }

    #[test]
    fn json_escapes_what_json_and_terminals_must_not_see() {
        let (json, _) = all_at_once("a\"b\\c\n\r\t\x1b\x7f\u{9b}\u{a0}é€🎉".as_bytes());
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "a\\\"b\\\\c\\n\\r\\t\\u001b\\u007f\\u009b\u{a0}é€🎉"
        );
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced_and_counted_as_the_standard_library_does() {
        for (bytes, replaced) in [
            (&b"\xff"[..], 1),
            (b"\xe2\x82", 2),
            (b"\xe2\x82\xff", 3),
            (b"\xe2\x28\xa1", 2),
            (b"\xf0\x9f\x8e", 3),
            (b"\xf0\x28\x8c\xbc", 3),
            (b"\xc3", 1),
            (b"\xed\xa0\x80", 3),
        ] {
            let (json, counted) = all_at_once(bytes);
            assert_eq!(
                String::from_utf8(json).unwrap(),
                String::from_utf8_lossy(bytes),
                "{bytes:?}"
            );
            assert_eq!(counted, replaced, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn where_packets_are_cut_does_not_matter(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xf4_u8], 0..200), cut in 0..200_usize, cut2 in 0..200_usize) {
            let (a, b) = (cut.min(cut2).min(bytes.len()), cut.max(cut2).min(bytes.len()));
            prop_assert_eq!(in_pieces(&[&bytes[..a], &bytes[a..b], &bytes[b..]]), all_at_once(&bytes));
            let singles: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(in_pieces(&singles), all_at_once(&bytes));
        }

        #[test]
        fn text_is_what_the_standard_library_reads(bytes in prop::collection::vec(0xa0..=0xf4_u8, 0..200)) {
            prop_assert_eq!(String::from_utf8(all_at_once(&bytes).0).unwrap(), String::from_utf8_lossy(&bytes));
        }
    }
}
