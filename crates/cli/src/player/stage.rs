//! The terminal while a film plays: raw, and put back as it was, however the playing ends.

use std::io::{self, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::film::{Frame, Show};

/// Attributes off, whole screen scrolls, no origin mode, lines wrap, main screen, cursor shown, default characters.
const RESET: &[u8] =
    b"\x1b[0m\x1b[r\x1b[?6l\x1b[?7h\x1b[?1049l\x1b[?47l\x1b[?5l\x1b[?25h\x1b[4l\x1b(B\x0f";
/// The screen empty, the cursor at home.
const CLEAR: &[u8] = b"\x1b[2J\x1b[H";

/// A terminal that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    before: Termios,
    screen: io::Stdout,
    /// The recording's rows.
    rows: u16,
    /// The film uses the place where terminals keep a cursor, so we cannot.
    cursor_taken: bool,
}

impl Stage {
    /// Makes the terminal raw and empties it.
    pub(super) fn open(rows: u16) -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // From here on dropping the stage puts everything back.
        let mut stage = Self { before, screen: io::stdout(), rows, cursor_taken: false };
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        stage.screen.write_all(RESET)?;
        stage.screen.write_all(CLEAR)?;
        stage.screen.flush()?;
        Ok(stage)
    }

    /// Shows frames.
    pub(super) fn show(&mut self, frames: &[Frame]) -> io::Result<()> {
        for frame in frames {
            if let Show::Paint(text) = &frame.show {
                self.cursor_taken |=
                    ["\x1b7", "\x1b[s", "\x1b[?1048h"].iter().any(|save| text.contains(save));
                self.screen.write_all(text.as_bytes())?;
            }
        }
        self.screen.flush()
    }

    /// Empties the screen and shows frames.
    pub(super) fn redraw(&mut self, frames: &[Frame]) -> io::Result<()> {
        self.cursor_taken = false;
        self.screen.write_all(RESET)?;
        self.screen.write_all(CLEAR)?;
        self.show(frames)
    }

    /// Shows the status on the last row, where it covers nothing, or where the film stands `still`.
    pub(super) fn status(&mut self, status: &str, still: bool) -> io::Result<()> {
        let size = tcgetwinsize(&self.screen)?;
        let spare = size.ws_row > self.rows && !self.cursor_taken;
        if !spare && !still {
            return Ok(());
        }
        let status: String = status.chars().take(usize::from(size.ws_col)).collect();
        write!(self.screen, "\x1b7\x1b[{};1H\x1b[0;7m{status}\x1b[0m\x1b[K\x1b8", size.ws_row)?;
        self.screen.flush()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let rows = tcgetwinsize(&self.screen).map_or(24, |size| size.ws_row);
        let _ = self.screen.write_all(RESET);
        let _ = write!(self.screen, "\x1b[{rows};1H\x1b[K\r");
        let _ = self.screen.flush();
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
