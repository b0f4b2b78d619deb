//! Saying no inside a channel.
//!
//! A known person who may not pass is authenticated all the same, and refused in the channel: that way his terminal
//! shows our words and not `Permission denied (publickey)`, and his script gets an exit status of its own.

use std::time::Duration;

use bytes::Bytes;
use russh::{Channel, ChannelMsg, server};

use super::channel::STDERR;

/// How long a refused client may take to say what it wanted, and to read the answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets the client ask for its program, then answers with `text` on stderr, if there is any, and `status`.
pub(super) async fn refuse_channel(mut channel: Channel<server::Msg>, text: &str, status: u32) {
    let _ = tokio::time::timeout(PATIENCE, async {
        if let Some(terminal) = wait_for_program(&mut channel).await {
            let end = if terminal { "\r\n" } else { "\n" };
            let text: String = text.lines().flat_map(|line| [line, end]).collect();
            if !text.is_empty() {
                let _ = channel.extended_data_bytes(STDERR, Bytes::from(text)).await;
            }
            let _ = channel.exit_status(status).await;
            let _ = channel.eof().await;
        }
    })
    .await;
    let _ = channel.close().await;
}

/// Answers requests until a program is asked for; whether there is a terminal. `None` when the client left.
#[expect(clippy::wildcard_enum_match_arm, reason = "russh's enum may grow")]
async fn wait_for_program(channel: &mut Channel<server::Msg>) -> Option<bool> {
    let mut terminal = false;
    loop {
        let (want_reply, program) = match channel.wait().await? {
            ChannelMsg::RequestPty { want_reply, .. } => {
                terminal = true;
                (want_reply, false)
            }
            ChannelMsg::RequestShell { want_reply }
            | ChannelMsg::Exec { want_reply, .. }
            | ChannelMsg::RequestSubsystem { want_reply, .. } => (want_reply, true),
            ChannelMsg::SetEnv { want_reply, .. } | ChannelMsg::RequestX11 { want_reply, .. } => {
                (want_reply, false)
            }
            ChannelMsg::Close => return None,
            // Data and the rest need no answer.
            _ => continue,
        };
        if want_reply {
            channel.reply(true).await.ok()?;
        }
        if program {
            return Some(terminal);
        }
    }
}
