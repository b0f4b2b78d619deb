//! The player in a real terminal: what keys do, and that the terminal is put back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so, and says it in time"
)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long something may take to appear. Nothing waits so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hours between its moments: nothing but keys makes it move on.
const FILM: &str = "{\"version\":3,\"term\":{\"cols\":60,\"rows\":10}}
[0.001,\"o\",\"first\\r\\n\"]
[3600,\"o\",\"second\\r\\n\"]
[3600,\"o\",\"third\\r\\n\"]
[3600,\"x\",\"0\"]
";

/// `tsh play` in a terminal of 80 columns and 24 rows.
struct Playing {
    child: Child,
    keys: ChildStdin,
    pieces: Receiver<Vec<u8>>,
    shown: Vec<u8>,
}

impl Playing {
    fn start(film: &Path, options: &str) -> Self {
        let tsh = env!("CARGO_BIN_EXE_tsh");
        let line = format!(
            "stty cols 80 rows 24; '{tsh}' play '{}' {options}; echo ended with $?; stty -a",
            film.display()
        );
        // util-linux's script(1), which every Debian has, gives its command a terminal.
        let mut child = Command::new("script")
            .args(["-qfec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1) is installed");
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (send, pieces) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut piece) {
                if send.send(piece[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, pieces, shown: Vec::new() }
    }

    /// Waits until `text` is shown, and forgets what was shown up to there.
    fn see(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) =
                self.shown.windows(text.len()).position(|window| window == text.as_bytes())
            {
                self.shown.drain(..at + text.len());
                return;
            }
            match self.pieces.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(piece) => self.shown.extend_from_slice(&piece),
                Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {
                    panic!("no {text:?} in {:?}", String::from_utf8_lossy(&self.shown))
                }
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn end(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

fn film() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.cast");
    std::fs::write(&path, FILM).unwrap();
    (dir, path)
}

#[test]
fn keys_move_through_it_and_the_terminal_is_put_back() {
    let (_dir, film) = film();
    let mut playing = Playing::start(&film, "");
    playing.see("first");
    playing.press(" ");
    playing.see("paused");
    playing.press("5");
    playing.see("second");
    // One step further, from the second to the third.
    playing.press(".");
    playing.see("third");
    // Back to the beginning, where the screen is drawn anew.
    playing.press("0");
    playing.see("\u{1b}[2J");
    playing.press("+");
    playing.see(" 2x ");
    playing.press("q");
    playing.see("\u{1b}[?25h");
    playing.see("ended with 0");
    playing.see(" icanon");
    playing.see(" echo");
    playing.end();
}

#[test]
fn idle_time_is_cut_and_it_ends_by_itself() {
    let (_dir, film) = film();
    let mut playing = Playing::start(&film, "--skip-idle 50ms");
    playing.see("first");
    playing.see("second");
    playing.see("third");
    playing.see("ended with 0");
    playing.end();
}

#[test]
fn it_begins_where_it_is_told_and_ctrl_c_leaves() {
    let (_dir, film) = film();
    let mut playing = Playing::start(&film, "--from 1:30:00");
    playing.see("second");
    playing.press("\u{3}");
    playing.see("ended with ");
    playing.see(" icanon");
    playing.end();
}
