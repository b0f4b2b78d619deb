//! The commands, one file each. A command takes the context and its arguments and says how the program ends.

pub mod admin;
pub mod completion;
pub mod config;
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
