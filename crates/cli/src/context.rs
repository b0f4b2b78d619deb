//! Everything a command may touch of the world around it, so that a test can be that world.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use crate::client::Api;
use crate::error::Error;
use crate::home::Home;
use crate::output::{Format, Output};

/// How the server is reached.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Way {
    /// Over the network, as the user who is logged in.
    #[default]
    Login,
    /// Over the administrators' socket on the daemon's own host.
    Socket(PathBuf),
}

/// What is connected to the standard streams.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Someone can be asked.
    pub input: bool,
    /// Answers go to someone's screen.
    pub output: bool,
    /// Someone watches the error output: a live line makes sense.
    pub error: bool,
    /// How many columns the screen has.
    pub columns: usize,
}

/// Environment variables by name.
pub type Environment = Box<dyn Fn(&str) -> Option<String>>;

/// What a command works with: output, environment, clock, the home directory and the way to the server.
pub struct Context {
    /// Where answers go.
    pub out: Output,
    /// Where errors, hints and questions go.
    pub err: Output,
    /// How answers are written.
    pub format: Format,
    /// The directory with profile, keys and certificates.
    pub home: Home,
    /// How the server is reached.
    pub way: Way,
    /// What the standard streams are connected to.
    pub terminal: Terminal,
    input: Box<dyn BufRead>,
    environment: Environment,
    clock: Box<dyn Fn() -> Timestamp>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("home", &self.home).field("way", &self.way).finish()
    }
}

impl Context {
    /// The real world: standard streams, environment variables, the machine's clock.
    #[must_use]
    pub fn of_this_process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a command is its own clock: it runs alone")]
        let clock = Timestamp::now;
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            out: Output::to(Box::new(io::stdout())),
            err: Output::to(Box::new(io::stderr())),
            format: Format::Text,
            home: Home::find(&environment),
            way: Way::Login,
            terminal: Terminal {
                input: rustix::termios::isatty(io::stdin()),
                output: rustix::termios::isatty(io::stdout()),
                error: rustix::termios::isatty(io::stderr()),
                columns: rustix::termios::tcgetwinsize(io::stderr())
                    .ok()
                    .map(|size| usize::from(size.ws_col))
                    .filter(|columns| *columns >= 20)
                    .unwrap_or(80),
            },
            input: Box::new(io::BufReader::new(io::stdin())),
            environment: Box::new(environment),
            clock: Box::new(clock),
        }
    }

    /// A world made of parts: for tests.
    #[must_use]
    pub fn of_parts(
        out: Output,
        err: Output,
        home: &Path,
        input: Box<dyn BufRead>,
        environment: Environment,
        clock: Box<dyn Fn() -> Timestamp>,
    ) -> Self {
        Self {
            out,
            err,
            format: Format::Text,
            home: Home::at(home),
            way: Way::Login,
            terminal: Terminal::default(),
            input,
            environment,
            clock,
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// An environment variable, if it is set and not empty.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    /// The server, ready to be asked.
    ///
    /// # Errors
    /// Not logged in, the login has expired, or the profile cannot be read.
    pub fn api(&self) -> Result<Api, Error> {
        match &self.way {
            Way::Login => Api::as_user(&self.home, self.now()),
            Way::Socket(path) => Api::over_socket(path),
        }
    }

    /// Shows an answer: `text` writes it for people; json and yaml are `value` as it is.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn show<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce(&mut Output) -> io::Result<()>,
    ) -> Result<(), Error> {
        match self.format {
            Format::Text => text(&mut self.out)?,
            Format::Json => {
                let json = serde_json::to_string_pretty(value)
                    .map_err(|error| Error::internal("cannot write JSON").because(error))?;
                writeln!(self.out, "{json}")?;
            }
            Format::Yaml => {
                let yaml = serde_saphyr::to_string(value)
                    .map_err(|error| Error::internal("cannot write YAML").because(error))?;
                writeln!(self.out, "{}", yaml.trim_end())?;
            }
        }
        Ok(())
    }

    /// Reads one line from standard input, without its end; `None` at its end. At most [`MAX_LINE`] bytes.
    ///
    /// # Errors
    /// Standard input cannot be read, or the line is longer.
    pub fn read_line(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        let mut limited = io::Read::take(&mut self.input, MAX_LINE + 1);
        let read = limited
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::internal("cannot read standard input").because(error))?;
        if read == 0 {
            return Ok(None);
        }
        if line.len() as u64 > MAX_LINE {
            return Err(Error::usage(format!(
                "a line on standard input is longer than {MAX_LINE} bytes"
            )));
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        String::from_utf8(line).map(Some).map_err(|_| Error::usage("standard input is not UTF-8"))
    }

    /// Reads all of standard input as text, at most `limit` bytes.
    ///
    /// # Errors
    /// It cannot be read, is longer, or is not UTF-8.
    pub fn read_all(&mut self, limit: u64) -> Result<String, Error> {
        let mut bytes = Vec::new();
        let mut limited = io::Read::take(&mut self.input, limit + 1);
        io::Read::read_to_end(&mut limited, &mut bytes)
            .map_err(|error| Error::internal("cannot read standard input").because(error))?;
        if bytes.len() as u64 > limit {
            return Err(Error::usage(format!("standard input is longer than {limit} bytes")));
        }
        String::from_utf8(bytes).map_err(|_| Error::usage("standard input is not UTF-8"))
    }

    /// Asks a question on the terminal and reads one line.
    ///
    /// # Errors
    /// Nobody is there to answer.
    pub fn ask(&mut self, question: &str) -> Result<String, Error> {
        write!(self.err, "{question}")?;
        self.err.flush()?;
        match self.read_line()? {
            Some(line) => Ok(line),
            None => Err(Error::usage(format!("nobody answered `{}`", question.trim_end()))),
        }
    }

    /// Asks for a secret on the terminal, without showing what is typed.
    ///
    /// # Errors
    /// Nobody is there to answer.
    pub fn ask_secret(&mut self, question: &str) -> Result<SecretString, Error> {
        if !self.terminal.input {
            return Err(Error::usage(format!(
                "nobody is there to answer `{}`",
                question.trim_end()
            ))
            .hint("scripts set TSH_PASSWORD, or use --password-stdin"));
        }
        self.out.flush()?;
        rpassword::prompt_password(question)
            .map(SecretString::from)
            .map_err(|error| Error::internal("cannot read from the terminal").because(error))
    }

    /// Writes an error and its hints to the error output. Failing to do so leaves nobody to tell.
    pub fn complain(&mut self, error: &Error) {
        let _told = self.err.write_all(error.message().as_bytes());
        let _flushed = self.err.flush();
    }
}

/// The longest line read from standard input, in bytes.
pub const MAX_LINE: u64 = 64 * 1024;
