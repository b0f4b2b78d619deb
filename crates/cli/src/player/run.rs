//! Plays a film on the terminal: the clock, the keys and the signals meet here.

use std::io::{self, Read as _};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::deck::{Cue, Deck, Settings};
use super::film::Film;
use super::keys::{Key, Keyboard};
use super::stage::Stage;

/// How often the status line moves while nothing is shown.
const TICK: Duration = Duration::from_millis(500);

/// How the playing ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The film was over, or the viewer had seen enough.
    Done,
    /// A signal.
    Interrupted,
}

/// Plays to the end, or until the viewer quits. The terminal is put back in every case.
///
/// # Errors
/// The terminal cannot be used.
pub fn play(film: &Film, settings: Settings) -> io::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(film, settings))
}

async fn run(film: &Film, settings: Settings) -> io::Result<Ended> {
    let mut signals = Signals::new()?;
    let mut stage = Stage::open(film.size.1)?;
    let mut keys = keyboard()?;
    let mut deck = Deck::new(film, settings);
    if settings.from_ms > 0 {
        perform(&mut stage, film, deck.seek(settings.from_ms as f64))?;
    }
    let mut since = Instant::now();
    while !deck.is_over() {
        let due = deck.due_in().map_or(TICK, |ms| Duration::from_secs_f64(ms / 1000.0).min(TICK));
        let key = tokio::select! {
            () = tokio::time::sleep_until(since + due) => None,
            key = keys.recv() => key.or(Some(Key::Quit)),
            () = signals.any() => return Ok(Ended::Interrupted),
        };
        let elapsed = since.elapsed();
        since = Instant::now();
        perform(&mut stage, film, deck.run(elapsed.as_secs_f64() * 1000.0))?;
        match key.map(|key| deck.press(key)) {
            Some(Cue::Quit) => return Ok(Ended::Done),
            Some(cue) => perform(&mut stage, film, cue)?,
            None => {}
        }
        stage.status(&deck.status(), deck.is_still())?;
    }
    Ok(Ended::Done)
}

fn perform(stage: &mut Stage, film: &Film, cue: Cue) -> io::Result<()> {
    match cue {
        Cue::Nothing | Cue::Quit => Ok(()),
        Cue::Redraw(to) => stage.redraw(film.frames.get(..to).unwrap_or_default()),
        Cue::Show(from, to) => stage.show(film.frames.get(from..to).unwrap_or_default()),
    }
}

/// Keys as they are typed. The thread ends with the process: nothing can interrupt its read.
fn keyboard() -> io::Result<mpsc::Receiver<Key>> {
    let (sender, keys) = mpsc::channel(64);
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        let mut keyboard = Keyboard::default();
        let mut bytes = [0; 64];
        while let Ok(read @ 1..) = io::stdin().lock().read(&mut bytes) {
            for key in keyboard.read(bytes.get(..read).unwrap_or_default()) {
                if sender.blocking_send(key).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(keys)
}

/// Signals that end us: caught, so that the terminal can be put back first.
struct Signals([Signal; 4]);

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::quit())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup, quit] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }
}
