//! What a channel carries, counted and digested where it passes: there the bytes are in the processor's cache, and of a
//! transfer only the beginning has to go to a writer thread.

use blake3::{Hash, Hasher};
use bytes::Bytes;
use wire::cast::Stream;

use super::{Input, Purpose};

/// Bytes of a stream without a terminal that are kept: what a person would read. The rest is counted and digested.
pub(super) const KEEP: u64 = 1 << 20;

/// What becomes of a stream's bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Policy {
    /// Counted only: a digest of a few typed characters would be as good as the characters.
    Count,
    /// The first [`KEEP`] bytes are kept, all are digested.
    Beginning,
    /// All are kept and digested.
    Whole,
}

/// All that a stream carried, told when it is over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Total {
    pub(super) bytes: u64,
    /// None of what was only counted, and of nothing.
    pub(super) blake3: Option<Hash>,
}

/// The totals of a channel's streams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Totals {
    pub(super) output: Total,
    pub(super) error: Total,
    pub(super) input: Total,
}

/// The streams of one channel.
pub(super) struct Tallies {
    output: Tally,
    error: Tally,
    input: Tally,
}

impl Tallies {
    pub(super) fn new(purpose: &Purpose, input: Input) -> Self {
        let (shown, typed) = match (purpose, input) {
            (Purpose::Terminal { .. }, Input::Counted) => (Policy::Whole, Policy::Count),
            (Purpose::Terminal { .. }, Input::Kept) => (Policy::Whole, Policy::Whole),
            (
                Purpose::Calls { .. }
                | Purpose::Command(_)
                | Purpose::Shell
                | Purpose::Statements { .. }
                | Purpose::Subsystem(_),
                _,
            ) => (Policy::Beginning, Policy::Beginning),
        };
        Self { output: Tally::new(shown), error: Tally::new(shown), input: Tally::new(typed) }
    }

    /// Takes bytes; gives back what of them is to be kept.
    pub(super) fn take(&mut self, stream: Stream, bytes: &Bytes) -> Bytes {
        match stream {
            Stream::Error => self.error.take(bytes),
            Stream::Input => self.input.take(bytes),
            Stream::Output => self.output.take(bytes),
        }
    }

    pub(super) fn totals(self) -> Totals {
        let Self { output, error, input } = self;
        Totals { output: output.total(), error: error.total(), input: input.total() }
    }
}

struct Tally {
    policy: Policy,
    bytes: u64,
    /// Made with the first byte: most channels have no stderr, and it takes 2 KiB.
    blake3: Option<Box<Hasher>>,
}

impl Tally {
    const fn new(policy: Policy) -> Self {
        Self { policy, bytes: 0, blake3: None }
    }

    fn take(&mut self, bytes: &Bytes) -> Bytes {
        let before = self.bytes;
        self.bytes = before.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let kept = match self.policy {
            Policy::Count => return Bytes::new(),
            Policy::Beginning => {
                let left = usize::try_from(KEEP.saturating_sub(before)).unwrap_or(usize::MAX);
                bytes.slice(..left.min(bytes.len()))
            }
            Policy::Whole => bytes.clone(),
        };
        self.blake3.get_or_insert_default().update(bytes);
        kept
    }

    fn total(self) -> Total {
        Total { bytes: self.bytes, blake3: self.blake3.map(|blake3| blake3.finalize()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallied(policy: Policy, pieces: &[&[u8]]) -> (Vec<u8>, Total) {
        let mut tally = Tally::new(policy);
        let mut kept = Vec::new();
        for piece in pieces {
            kept.extend_from_slice(&tally.take(&Bytes::copy_from_slice(piece)));
        }
        (kept, tally.total())
    }

    #[test]
    fn of_a_transfer_the_beginning_is_kept_and_all_is_proven() {
        let big = vec![b'a'; usize::try_from(KEEP).unwrap() - 1];
        let (kept, total) = tallied(Policy::Beginning, &[&big, b"bcd", b"e"]);
        let whole = [&big[..], b"bcde"].concat();
        assert_eq!(kept, whole[..whole.len() - 3]);
        // printf 'a%.0s' {1..1048575} | cat - <(printf bcde) | b3sum
        assert_eq!(total, Total { bytes: KEEP + 3, blake3: Some(blake3::hash(&whole)) });
    }

    #[test]
    fn a_terminal_is_kept_whole() {
        let big = vec![b'a'; 3 << 20];
        let (kept, total) = tallied(Policy::Whole, &[&big]);
        assert_eq!(kept, big);
        assert_eq!(total, Total { bytes: 3 << 20, blake3: Some(blake3::hash(&big)) });
    }

    #[test]
    fn what_is_only_counted_leaves_nothing_to_guess_from() {
        let (kept, total) = tallied(Policy::Count, &[b"hunter2\n"]);
        assert_eq!((kept, total), (Vec::new(), Total { bytes: 8, blake3: None }));
    }
}
