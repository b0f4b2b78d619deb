//! Where a film stands and how it runs. Pure: time is what it is told.

use super::film::{Film, Show};
use super::keys::Key;

/// How far an arrow key goes, in milliseconds.
const STEP_MS: u64 = 5000;
/// Slowest and fastest.
pub const SPEEDS: (f64, f64) = (0.05, 64.0);

/// What a film is played with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How much faster than it was.
    pub speed: f64,
    /// Pauses longer than this are cut to it, in milliseconds.
    pub idle_ms: Option<u64>,
    /// Where to begin, in milliseconds.
    pub from_ms: u64,
}

/// A film being played.
#[derive(Debug)]
pub struct Deck<'a> {
    film: &'a Film,
    /// The next frame to show.
    next: usize,
    /// Where we are in the film's time, in milliseconds.
    now_ms: f64,
    speed: f64,
    paused: bool,
    idle_ms: u64,
    skips_idle: bool,
    label: &'a str,
}

/// What to do on the stage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cue {
    /// Nothing but the status line changed.
    Nothing,
    /// End.
    Quit,
    /// Clear the screen and show all frames before the one at this index, at once.
    Redraw(usize),
    /// Show the frames from one index to before another.
    Show(usize, usize),
}

impl<'a> Deck<'a> {
    /// A film, ready to run; shows nothing yet.
    #[must_use]
    pub fn new(film: &'a Film, settings: Settings) -> Self {
        Self {
            film,
            next: 0,
            now_ms: 0.0,
            speed: settings.speed.clamp(SPEEDS.0, SPEEDS.1),
            paused: false,
            idle_ms: settings.idle_ms.unwrap_or(1000),
            skips_idle: settings.idle_ms.is_some(),
            label: "",
        }
    }

    /// How long until the next frame, in milliseconds; none while paused or at the end.
    #[must_use]
    pub fn due_in(&self) -> Option<f64> {
        let next = self.film.frames.get(self.next).filter(|_| !self.paused)?;
        Some(self.cut(ms(next.at_ms) - self.now_ms) / self.speed)
    }

    /// Whether everything was shown.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next >= self.film.frames.len()
    }

    /// Lets `elapsed_ms` of real time pass. Frames whose time has come are to be shown.
    pub fn run(&mut self, elapsed_ms: f64) -> Cue {
        let Some(due) = self.due_in() else { return Cue::Nothing };
        let before = self.next;
        if elapsed_ms + 0.5 < due {
            // Within a cut pause the film's clock waits at its end.
            let left =
                self.film.frames.get(self.next).map_or(0.0, |next| ms(next.at_ms) - self.now_ms);
            self.now_ms += (elapsed_ms * self.speed) * (left / self.cut(left).max(1.0)).max(1.0);
            return Cue::Nothing;
        }
        let at = self.film.frames.get(self.next).map_or(self.now_ms, |next| ms(next.at_ms));
        self.now_ms = at;
        while self.film.frames.get(self.next).is_some_and(|frame| ms(frame.at_ms) <= at) {
            self.pass();
        }
        Cue::Show(before, self.next)
    }

    /// Does what a key says.
    pub fn press(&mut self, key: Key) -> Cue {
        match key {
            Key::Back => self.seek(self.now_ms - ms(STEP_MS)),
            Key::Forward => self.seek(self.now_ms + ms(STEP_MS)),
            Key::Jump(tenth) => self.seek(ms(self.film.length_ms) * f64::from(tenth) / 10.0),
            Key::Faster => self.hasten(2.0),
            Key::Slower => self.hasten(0.5),
            Key::ToggleIdle => {
                self.skips_idle = !self.skips_idle;
                Cue::Nothing
            }
            Key::Pause => {
                self.paused = !self.paused;
                // The status line may have covered something while it was paused.
                if self.paused { Cue::Nothing } else { Cue::Redraw(self.next) }
            }
            Key::StepForward => {
                self.paused = true;
                match self.film.frames.get(self.next) {
                    Some(next) => self.seek(ms(next.at_ms)),
                    None => Cue::Nothing,
                }
            }
            Key::StepBack => {
                self.paused = true;
                let shown = self.next.checked_sub(1).and_then(|last| self.film.frames.get(last));
                let before = shown.map_or(0.0, |shown| ms(shown.at_ms) - 1.0);
                let previous = self
                    .film
                    .frames
                    .iter()
                    .take(self.next)
                    .rev()
                    .find(|frame| ms(frame.at_ms) <= before);
                self.seek(previous.map_or(0.0, |frame| ms(frame.at_ms)))
            }
            Key::Quit => Cue::Quit,
        }
    }

    /// Goes to a moment.
    pub fn seek(&mut self, to_ms: f64) -> Cue {
        self.now_ms = to_ms.clamp(0.0, ms(self.film.length_ms));
        self.next = 0;
        self.label = "";
        while self.film.frames.get(self.next).is_some_and(|frame| ms(frame.at_ms) <= self.now_ms) {
            self.pass();
        }
        Cue::Redraw(self.next)
    }

    /// The status line, without a line end.
    #[must_use]
    pub fn status(&self) -> String {
        use super::offset::Offset;
        let state = match (self.is_over(), self.paused) {
            (true, _) => "end",
            (false, true) => "paused",
            (false, false) => "playing",
        };
        // Not negative, and far below 2^53.
        let (now, length) = (Offset(self.now_ms.max(0.0) as u64), Offset(self.film.length_ms));
        let mut line = format!("{state} {now} / {length}  {}x", self.speed);
        if self.skips_idle {
            line.push_str("  idle cut");
        }
        if !self.label.is_empty() {
            line.push_str("  ");
            line.push_str(&access::display::shown_short(self.label, 60));
        }
        line.push_str("  [space] pause [←→] 5 s [,.] step [+-] speed [i] idle [q] quit");
        line
    }

    /// Whether it is paused or at the end: the status line may cover the screen.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.paused || self.is_over()
    }

    fn pass(&mut self) {
        if let Some(Show::Label(label)) = self.film.frames.get(self.next).map(|frame| &frame.show) {
            self.label = label;
        }
        self.next += 1;
    }

    fn hasten(&mut self, by: f64) -> Cue {
        self.speed = (self.speed * by).clamp(SPEEDS.0, SPEEDS.1);
        Cue::Nothing
    }

    fn cut(&self, gap: f64) -> f64 {
        let gap = gap.max(0.0);
        if self.skips_idle { gap.min(ms(self.idle_ms)) } else { gap }
    }
}

/// Milliseconds of at most a hundred days are exact in a float.
fn ms(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::super::film::Frame;
    use super::*;

    fn film() -> Film {
        let paint = |at_ms, text: &str| Frame { at_ms, show: Show::Paint(text.to_owned()) };
        let frames = vec![
            paint(0, "a"),
            paint(1000, "b"),
            Frame { at_ms: 1000, show: Show::Label("mark".to_owned()) },
            paint(61_000, "c"),
            paint(62_000, "d"),
        ];
        Film { frames, length_ms: 62_000, ..Film::default() }
    }

    const PLAIN: Settings = Settings { speed: 1.0, idle_ms: None, from_ms: 0 };

    #[test]
    fn frames_come_when_they_came() {
        let film = film();
        let mut deck = Deck::new(&film, PLAIN);
        assert_eq!(deck.due_in(), Some(0.0));
        assert_eq!(deck.run(0.0), Cue::Show(0, 1));
        assert_eq!(deck.due_in(), Some(1000.0));
        assert_eq!(deck.run(400.0), Cue::Nothing);
        assert_eq!(deck.due_in(), Some(600.0));
        assert_eq!(deck.run(600.0), Cue::Show(1, 3));
        assert_eq!(deck.due_in(), Some(60_000.0));
        assert!(deck.status().starts_with("playing 0:01 / 1:02  1x  mark"));
    }

    #[test]
    fn idle_time_is_cut_and_speed_divides_what_is_left() {
        let film = film();
        let mut deck = Deck::new(&film, Settings { speed: 2.0, idle_ms: Some(1000), from_ms: 0 });
        deck.run(0.0);
        assert_eq!(deck.due_in(), Some(500.0));
        deck.run(500.0);
        assert_eq!(deck.due_in(), Some(500.0), "a minute became a second");
        assert_eq!(deck.press(Key::ToggleIdle), Cue::Nothing);
        assert_eq!(deck.due_in(), Some(30_000.0));
        for _ in 0..20 {
            deck.press(Key::Faster);
        }
        assert_eq!(deck.due_in(), Some(60_000.0 / SPEEDS.1));
    }

    #[test]
    fn a_cut_pause_ends_when_it_said() {
        let film = film();
        let mut deck = Deck::new(&film, Settings { speed: 1.0, idle_ms: Some(1000), from_ms: 0 });
        deck.run(0.0);
        deck.run(1000.0);
        assert_eq!(deck.run(500.0), Cue::Nothing);
        assert!(deck.status().starts_with("playing 0:31"), "{}", deck.status());
        assert_eq!(deck.run(1000.0), Cue::Show(3, 4));
    }

    #[test]
    fn seeking_shows_all_that_was_on_the_screen() {
        let film = film();
        let mut deck = Deck::new(&film, PLAIN);
        assert_eq!(deck.seek(61_500.0), Cue::Redraw(4));
        assert_eq!(deck.press(Key::Back), Cue::Redraw(3));
        assert_eq!(deck.press(Key::Forward), Cue::Redraw(4));
        assert_eq!(deck.press(Key::Jump(0)), Cue::Redraw(1));
        assert_eq!(deck.press(Key::Jump(9)), Cue::Redraw(3));
        assert_eq!(deck.press(Key::Back), Cue::Redraw(3));
        assert_eq!(deck.seek(1e12), Cue::Redraw(5));
        assert!(deck.is_over());
        assert_eq!(deck.due_in(), None);
    }

    #[test]
    fn steps_pause_and_go_frame_by_frame() {
        let film = film();
        let mut deck = Deck::new(&film, PLAIN);
        deck.run(0.0);
        assert_eq!(deck.press(Key::StepForward), Cue::Redraw(3));
        assert_eq!(deck.press(Key::StepForward), Cue::Redraw(4));
        assert_eq!(deck.press(Key::StepBack), Cue::Redraw(3));
        assert_eq!(deck.press(Key::StepBack), Cue::Redraw(1));
        assert_eq!(deck.press(Key::StepBack), Cue::Redraw(1));
        assert_eq!(deck.due_in(), None);
        assert_eq!(deck.press(Key::Pause), Cue::Redraw(1));
        assert_eq!(deck.due_in(), Some(1000.0));
        assert_eq!(deck.press(Key::Quit), Cue::Quit);
    }

    #[test]
    fn an_empty_film_is_over_at_once() {
        let film = Film::default();
        let mut deck = Deck::new(&film, PLAIN);
        assert!(deck.is_over());
        assert_eq!(deck.run(10.0), Cue::Nothing);
        for key in [Key::StepBack, Key::StepForward, Key::Jump(5), Key::Back, Key::Forward] {
            deck.press(key);
        }
    }
}
