//! Why a command failed: one sentence, what to do next, and the exit code that goes with it.

use std::fmt;
use std::io;

use crate::exit::Exit;

/// A failure as the person at the keyboard sees it: `error: …`, then `hint: …` lines.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    sentence: String,
    hints: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure which ends the program with `exit`; `sentence` is lower case and without full stop.
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into(), hints: Vec::new(), source: None }
    }

    /// A fault of the program or of this machine.
    pub fn internal(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Internal, sentence)
    }

    /// The command line, or a file given to it, is wrong.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// The server cannot be reached, or is not the one that was trusted.
    pub fn network(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Network, sentence)
    }

    /// Nobody is logged in, or not any more.
    pub fn not_logged_in(sentence: impl Into<String>) -> Self {
        Self::new(Exit::NotLoggedIn, sentence)
            .hint("log in with: tsh login --proxy HOST:PORT --user NAME")
    }

    /// Nothing of that name, or nothing that one may see.
    pub fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, sentence)
    }

    /// Says first what it is about.
    #[must_use]
    pub fn about(mut self, what: impl fmt::Display) -> Self {
        self.sentence = format!("{what}: {}", self.sentence);
        self
    }

    /// Adds a line which names the next command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a line which names the next command, if the program ends with `exit` and nobody named one yet.
    #[must_use]
    pub fn hint_on(self, exit: Exit, hint: impl Into<String>) -> Self {
        if self.exit == exit && self.hints.is_empty() { self.hint(hint) } else { self }
    }

    /// Names this next command instead of any other, if the program ends with `exit`.
    #[must_use]
    pub fn instead_on(mut self, exit: Exit, hint: impl Into<String>) -> Self {
        if self.exit == exit {
            self.hints = vec![hint.into()];
        }
        self
    }

    /// Adds what caused it; shown after the sentence.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The lines that name the next command.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The whole message: the sentence, its causes, and the hints on lines of their own.
    #[must_use]
    pub fn message(&self) -> String {
        let mut text = format!("error: {}", self.sentence);
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text.push('\n');
        for hint in &self.hints {
            text.push_str("hint: ");
            text.push_str(hint);
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as &(dyn std::error::Error + 'static))
    }
}

/// Only output that cannot be written arrives here; everything else names its file first.
impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::internal("cannot write the output").because(source)
    }
}
