//! The commands, one file each. A command takes the context and its arguments and says how the program ends.

pub mod admin;
pub mod apps;
pub mod completion;
pub mod config;
pub mod db;
pub mod kube;
pub mod login;
pub mod logout;
pub mod man;
pub mod mfa;
pub mod play;
pub mod proxy;
pub mod reach;
pub mod recordings;
pub mod request;
pub mod ssh;
pub mod status;
pub mod version;
pub mod why;

use std::ffi::OsString;
use std::io::Write;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Says what clap has to say: help on the output, a wrong command line on the error output.
pub fn usage(cx: &mut Context, usage: &clap::Error) -> Exit {
    let text = usage.render().to_string();
    match usage.use_stderr() {
        true => {
            let _told = cx.err.write_all(text.as_bytes());
            Exit::Usage
        }
        false => {
            let _told = cx.out.write_all(text.as_bytes());
            Exit::Done
        }
    }
}

/// The command line with `--format=VALUE` of one command in its own words: `flag` takes these `values` there. `--format` is
/// how every command writes its answer, but these commands also write what other programs read, and that is what people type.
#[must_use]
pub fn reworded(
    words: &[OsString],
    command: &[&str],
    flag: &str,
    values: &[&str],
) -> Vec<OsString> {
    let mut words = words.to_vec();
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let within = words.get(..end).unwrap_or_default();
    if !within.windows(command.len()).any(|pair| pair == command) {
        return words;
    }
    for at in 0..end {
        let Some(word) = words.get(at).and_then(|word| word.to_str()) else { continue };
        let next = words.get(at + 1).and_then(|word| word.to_str());
        if let Some(value) = word.strip_prefix("--format=").filter(|value| values.contains(value)) {
            let own = format!("{flag}={value}");
            words.splice(at..=at, [own.into()]);
        } else if word == "--format" && next.is_some_and(|value| values.contains(&value)) {
            words.splice(at..=at, [flag.into()]);
        }
    }
    words
}

/// Flushes what was said, tells the error if there is one, and returns the exit code.
pub fn end(cx: &mut Context, ended: Result<Exit, Error>) -> Exit {
    let flushed = cx.out.flush().map_err(Error::from);
    match ended.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        // `tsh ls | head`: whoever closed the pipe has heard enough.
        Err(error) if closed_pipe(&error) => Exit::Done,
        Err(error) => {
            cx.complain(&error);
            error.exit()
        }
    }
}

fn closed_pipe(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
pub(crate) mod tests {
    #[test]
    fn a_shape_is_also_a_format() {
        let words = |line: &str| line.split(' ').map(Into::into).collect::<Vec<_>>();
        let said = |line| super::reworded(&words(line), &["db", "config"], "--as", &["env"]);
        for (typed, meant) in [
            ("tsh db config x --format=env", "tsh db config x --as=env"),
            ("tsh db config --format env x", "tsh db config --as env x"),
            ("tsh db config x --format=json", "tsh db config x --format=json"),
            ("tsh db ls --format=env", "tsh db ls --format=env"),
            ("tsh db config x -- --format=env", "tsh db config x -- --format=env"),
        ] {
            assert_eq!(said(typed), words(meant));
        }
    }

    use crate::output::Output;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    /// A sink that can be read while it is written.
    #[derive(Clone, Default)]
    pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Sink {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `write` writes.
    pub(crate) fn text(write: impl FnOnce(&mut Output) -> io::Result<()>) -> String {
        let sink = Sink::default();
        write(&mut Output::to(Box::new(sink.clone()))).unwrap();
        sink.text()
    }
}
