//! What is typed while a recording plays.

/// A key that means something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Key {
    /// Five seconds back: `←`.
    Back,
    /// Half the speed: `-` or `[`.
    Slower,
    /// Twice the speed: `+` or `]`.
    Faster,
    /// Five seconds on: `→`.
    Forward,
    /// To a tenth of the recording: `0` to `9`.
    Jump(u8),
    /// Pause or go on: space.
    Pause,
    /// End: `q`, Ctrl-C, Ctrl-D.
    Quit,
    /// One frame back, paused: `,`.
    StepBack,
    /// One frame on, paused: `.`.
    StepForward,
    /// Skip idle time, or not: `i`.
    ToggleIdle,
}

/// Reads keys from the terminal's bytes; a sequence may come in pieces.
#[derive(Debug, Default)]
pub struct Keyboard {
    pending: Vec<u8>,
}

impl Keyboard {
    /// The keys that `bytes` complete. Bytes that mean nothing are dropped.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for byte in bytes {
            self.pending.push(*byte);
            match self.pending.as_slice() {
                [0x1b] | [0x1b, b'[' | b'O'] => {}
                [0x1b, b'[' | b'O', b'C'] => self.take(Key::Forward, &mut keys),
                [0x1b, b'[' | b'O', b'D'] => self.take(Key::Back, &mut keys),
                // The rest of a sequence we do not know ends with its final byte.
                [0x1b, b'[', .., last]
                    if !(0x40..=0x7e).contains(last) && self.pending.len() < 16 => {}
                [0x1b, ..] => self.pending.clear(),
                [byte] => match key(*byte) {
                    Some(key) => self.take(key, &mut keys),
                    None => self.pending.clear(),
                },
                _ => self.pending.clear(),
            }
        }
        keys
    }

    fn take(&mut self, key: Key, keys: &mut Vec<Key>) {
        self.pending.clear();
        keys.push(key);
    }
}

fn key(byte: u8) -> Option<Key> {
    Some(match byte {
        b' ' => Key::Pause,
        b'q' | b'Q' | 0x03 | 0x04 => Key::Quit,
        b'-' | b'[' => Key::Slower,
        b'+' | b'=' | b']' => Key::Faster,
        b',' => Key::StepBack,
        b'.' => Key::StepForward,
        b'i' => Key::ToggleIdle,
        b'0'..=b'9' => Key::Jump(byte - b'0'),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_however_they_come() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.read(b" q7"), [Key::Pause, Key::Quit, Key::Jump(7)]);
        assert_eq!(keyboard.read(b"\x1b[C\x1bOD"), [Key::Forward, Key::Back]);
        assert_eq!(keyboard.read(b"\x1b"), []);
        assert_eq!(keyboard.read(b"["), []);
        assert_eq!(keyboard.read(b"D"), [Key::Back]);
        assert_eq!(
            keyboard.read(b"[-]=,.i\x03"),
            [
                Key::Slower,
                Key::Slower,
                Key::Faster,
                Key::Faster,
                Key::StepBack,
                Key::StepForward,
                Key::ToggleIdle,
                Key::Quit
            ]
        );
    }

    #[test]
    fn what_means_nothing_is_dropped_whole() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.read(b"\x1b[1;5Cz\xff\x1b[3~ "), [Key::Pause]);
        assert_eq!(keyboard.read(b"\x1bq "), [Key::Pause]);
        assert_eq!(
            keyboard.read(&[
                0x1b, b'[', b'1', b'1', b'1', b'1', b'1', b'1', b'1', b'1', b'1', b'1', b'1', b'1',
                b'1', b'1', b'1', b'1', b'q'
            ]),
            [Key::Jump(1), Key::Jump(1), Key::Quit]
        );
    }
}
