//! `tsh play --follow`: a session as it happens.

use std::io::Write as _;

use super::source::Source;
use super::{PlayArgs, breaks_off};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::player::film::{Developing, Show};

/// Shows on the terminal what the session shows, until it ends. What was shown before comes first, at once.
///
/// # Errors
/// It cannot be fetched, or breaks off.
pub(super) fn watch(cx: &mut Context, args: &PlayArgs) -> Result<Exit, Error> {
    let source = Source::open(cx, &args.recording, true)?;
    writeln!(cx.err, "Following {}. Ctrl-C leaves; the session goes on.", args.recording)?;
    let mut developing = Developing::new(args.channel);
    let read = source.read(|bytes| {
        let whole = developing.push(bytes);
        for frame in developing.drain() {
            match frame.show {
                // Only harmless escapes are left in it.
                Show::Paint(text) => cx.out.raw().write_all(text.as_bytes())?,
                Show::Label(label) => write!(cx.out, "\n[{label}]\n")?,
            }
        }
        cx.out.flush()?;
        if whole { Ok(()) } else { Err(breaks_off("it cannot be read on")) }
    });
    // Whatever colour the session left behind.
    cx.out.raw().write_all(b"\x1b[0m")?;
    cx.out.flush()?;
    read?;
    writeln!(cx.err, "\nThe session has ended.")?;
    let (film, _) = developing.finish(None);
    match film.broken {
        Some(why) => Err(breaks_off(&why)),
        None => Ok(Exit::Done),
    }
}
