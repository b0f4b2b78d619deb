//! A session channel: a shell, a command or a subsystem on the target.
//!
//! Requests and data of the client stay in one queue, so what arrives before the target's channel is open is kept
//! in order. Answers to requests are the target's own, in the order of the requests.

mod down;
mod program;
mod up;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::{Channel, ChannelWriteHalf, client, server};

use super::link::{Link, Ticket};
use super::pump::{Patience, pump};
use super::refuse;
use crate::live::Notice;
use program::Program;

/// What a session says with its exit status when it was refused or cut (sysexits.h, EX_NOPERM).
pub(super) const EX_NOPERM: u32 = 77;
/// What a session says with its exit status when the target cannot be reached (sysexits.h, EX_UNAVAILABLE).
pub(super) const EX_UNAVAILABLE: u32 = 69;
/// How long a line for people may wait for a client that does not read.
const TELL_WAIT: Duration = Duration::from_millis(300);
/// How long a program's exit status may come after its output has ended and the client has closed its channel.
const STATUS_WAIT: Duration = Duration::from_secs(10);
/// How long a client's last bytes may take to the target after the client has closed its channel.
pub(super) const CLOSE_GRACE: Duration = Duration::from_secs(10);
/// The extended data type of stderr (RFC 4254, section 5.2).
pub(super) const STDERR: u32 = 1;

/// Runs a session channel from its opening to its end.
pub(super) async fn run(link: Arc<Link>, front: Channel<server::Msg>, ticket: Ticket) {
    let _ticket = ticket;
    let target = match link.target().await {
        Ok(target) => target,
        Err(why) => return refuse::refuse_channel(front, &why, EX_UNAVAILABLE).await,
    };
    let back = match target.0.channel_open_session().await {
        Ok(back) => back,
        Err(_) => {
            let why = "The target opened no channel for this program.";
            return refuse::refuse_channel(front, why, EX_UNAVAILABLE).await;
        }
    };
    relay(&link, front, back).await;
}

/// How the two directions ended.
enum Ended {
    /// The client closed its channel, or is gone.
    Client,
    /// The target closed its channel.
    Target,
    /// The session was cut; what people are told.
    Cut(Arc<str>),
}

async fn relay(link: &Link, front: Channel<server::Msg>, back: Channel<client::Msg>) {
    let (mut front_in, front_out) = front.split();
    let (mut back_in, back_out) = back.split();
    let program = Program::default();
    let ended = {
        let mut up = up::Up::new(link, &program, &front_out, &back_out);
        let mut down = down::Down::new(link, &program, &front_out, &back_out);
        let up = std::pin::pin!(async {
            pump(&mut front_in, &mut up, Patience::Limited(CLOSE_GRACE)).await
        });
        let down = std::pin::pin!(async { pump(&mut back_in, &mut down, Patience::Endless).await });
        watch(link, &program, &front_out, up, down).await
    };
    match ended {
        Ended::Client => {}
        Ended::Target => {
            if !program.has_ended() {
                // No status and no signal: the connection to the target broke, or sshd closed without a word.
                program.lost(&front_out).await;
            }
        }
        Ended::Cut(line) => {
            let _ = tokio::time::timeout(TELL_WAIT, async {
                say(&front_out, &program, &line).await;
                let _ = front_out.exit_status(EX_NOPERM).await;
                let _ = front_out.eof().await;
            })
            .await;
        }
    }
    let _ = back_out.close().await;
    let _ = front_out.close().await;
    program.finish(link).await;
}

/// Drives both directions and passes notices on, until one direction ends or the session is cut.
async fn watch(
    link: &Link,
    program: &Program,
    front_out: &ChannelWriteHalf<server::Msg>,
    mut up: std::pin::Pin<&mut impl Future<Output = Result<(), super::pump::Broken>>>,
    mut down: std::pin::Pin<&mut impl Future<Output = Result<(), super::pump::Broken>>>,
) -> Ended {
    let mut notices = link.session.notices();
    loop {
        tokio::select! {
            _ = &mut down => return Ended::Target,
            _ = &mut up => {
                // What the client sent before it closed has been passed on. OpenSSH closes as soon as both directions have
                // said EOF, and still takes the exit status that sshd sends after it.
                if program.has_output_ended() {
                    let _ = tokio::time::timeout(STATUS_WAIT, &mut down).await;
                }
                return Ended::Client;
            }
            changed = notices.changed() => {
                if changed.is_err() {
                    return Ended::Client;
                }
                let notice = notices.borrow_and_update().clone();
                match notice {
                    Notice::Quiet => {}
                    Notice::Warning(line) => {
                        if program.terminal() {
                            let _ = tokio::time::timeout(TELL_WAIT, say(front_out, program, &line)).await;
                        }
                    }
                    Notice::End(line) => return Ended::Cut(line),
                }
            }
        }
    }
}

/// A line for people, on the client's stderr. In a raw terminal lines end with CR LF, and begin on a fresh one.
async fn say(out: &ChannelWriteHalf<server::Msg>, program: &Program, line: &str) {
    let text = if program.terminal() { format!("\r\n{line}\r\n") } else { format!("{line}\n") };
    let _ = out.extended_data_bytes(STDERR, Bytes::from(text)).await;
}
