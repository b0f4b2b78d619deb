//! From the client to the target: requests, input.

use bytes::Bytes;
use russh::{ChannelMsg, ChannelWriteHalf, client, server};
use serde_json::json;

use super::super::link::Link;
use super::super::pump::{Broken, Flow, Owed, Sink};
use super::program::{Program, Terminal, note_files};
use crate::record::Purpose;

/// How much of a command line is kept in the audit log, in bytes. The command itself passes whole.
const MAX_COMMAND: usize = 16 * 1024;

/// The direction to the target.
#[derive(Debug)]
pub(super) struct Up<'a> {
    link: &'a Link,
    program: &'a Program,
    from: &'a ChannelWriteHalf<server::Msg>,
    to: &'a ChannelWriteHalf<client::Msg>,
    owed: Owed,
}

impl<'a> Up<'a> {
    pub(super) fn new(
        link: &'a Link,
        program: &'a Program,
        from: &'a ChannelWriteHalf<server::Msg>,
        to: &'a ChannelWriteHalf<client::Msg>,
    ) -> Self {
        Self { link, program, from, to, owed: Owed::default() }
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Broken> {
        if let Some(record) = self.program.record() {
            self.link.session.recording.input(record, &data).await.map_err(|_| Broken)?;
        }
        note_files(self.link, self.program.files_up(&data)).await.map_err(|_| Broken)?;
        self.to.data_bytes(data.clone()).await.map_err(|_| Broken)?;
        self.owed.pay(self.from, &data).await
    }

    /// The request goes to the target, who answers it if an answer is wanted.
    fn pass(&self, want_reply: bool) {
        if want_reply {
            self.program.asked_target();
        }
    }

    async fn refuse(&self, want_reply: bool) -> Result<(), Broken> {
        if want_reply && self.program.refused_here() {
            self.from.reply(false).await.map_err(|_| Broken)?;
        }
        Ok(())
    }

    /// A program starts: it is in the audit log and in the recording before the target hears of it.
    async fn start(
        &self,
        event: &'static str,
        body: serde_json::Value,
        purpose: Purpose,
    ) -> Result<bool, Broken> {
        if self.program.record().is_some() {
            return Ok(false);
        }
        self.link.session.audit(event, body).await.map_err(|_| Broken)?;
        let record = self.link.session.recording.begin(purpose).await.map_err(|_| Broken)?;
        Ok(self.program.begin(record))
    }

    fn purpose(&self, command: Option<String>) -> Purpose {
        match (self.program.take_terminal(), command) {
            (Some(Terminal { term, cols, rows }), command) => {
                Purpose::Terminal { term, cols, rows, command }
            }
            (None, Some(command)) => Purpose::Command(command),
            (None, None) => Purpose::Shell,
        }
    }

    async fn shell(&self, want_reply: bool) -> Result<(), Broken> {
        let body = json!({ "terminal": self.program.terminal() });
        if !self.start("ssh.shell", body, self.purpose(None)).await? {
            return self.refuse(want_reply).await;
        }
        self.pass(want_reply);
        self.to.request_shell(want_reply).await.map_err(|_| Broken)
    }

    async fn exec(&self, want_reply: bool, command: Vec<u8>) -> Result<(), Broken> {
        let text =
            String::from_utf8_lossy(command.get(..MAX_COMMAND).unwrap_or(&command)).into_owned();
        let whole = command.len() <= MAX_COMMAND;
        if is_scp(&command) && !self.link.session.rights().file_copy {
            let body = json!({ "command": text, "refused": true });
            self.link.session.audit("ssh.command", body).await.map_err(|_| Broken)?;
            return self.refuse(want_reply).await;
        }
        let body = json!({ "command": text, "whole": whole, "terminal": self.program.terminal() });
        if !self.start("ssh.command", body, self.purpose(Some(text))).await? {
            return self.refuse(want_reply).await;
        }
        self.pass(want_reply);
        self.to.exec(want_reply, command).await.map_err(|_| Broken)
    }

    async fn subsystem(&self, want_reply: bool, name: String) -> Result<(), Broken> {
        let sftp = name == "sftp";
        if sftp && !self.link.session.rights().file_copy {
            let body = json!({ "subsystem": name, "refused": true });
            self.link.session.audit("ssh.subsystem", body).await.map_err(|_| Broken)?;
            return self.refuse(want_reply).await;
        }
        let body = json!({ "subsystem": name });
        if !self.start("ssh.subsystem", body, Purpose::Subsystem(name.clone())).await? {
            return self.refuse(want_reply).await;
        }
        if sftp {
            self.program.follow_files();
        }
        self.pass(want_reply);
        self.to.request_subsystem(want_reply, name).await.map_err(|_| Broken)
    }

    /// The client is answered in the connection's loop, by the same rule; the target is asked without wanting an answer.
    async fn agent(&self) -> Result<(), Broken> {
        let allowed = self.link.session.rights().forward_agent;
        let told = json!({ "forward": "agent", "asked": true, "refused": !allowed });
        self.link.session.note("ssh.forward", told).await.map_err(|_| Broken)?;
        if allowed {
            self.link.allow_agent();
            self.to.agent_forward(false).await.map_err(|_| Broken)?;
        }
        Ok(())
    }

    async fn x11(
        &self,
        want_reply: bool,
        single: bool,
        protocol: String,
        cookie: String,
        screen: u32,
    ) -> Result<(), Broken> {
        let allowed = self.link.session.rights().x11_forwarding;
        let body = json!({ "forward": "x11", "refused": !allowed });
        self.link.session.note("ssh.forward", body).await.map_err(|_| Broken)?;
        if !allowed {
            return self.refuse(want_reply).await;
        }
        self.link.allow_x11();
        self.pass(want_reply);
        self.to.request_x11(want_reply, single, protocol, cookie, screen).await.map_err(|_| Broken)
    }

    async fn resize(&self, cols: u32, rows: u32, width: u32, height: u32) -> Result<(), Broken> {
        if let Some(record) = self.program.record() {
            self.link
                .session
                .recording
                .resize(record, cells(cols), cells(rows))
                .await
                .map_err(|_| Broken)?;
        }
        self.to.window_change(cols, rows, width, height).await.map_err(|_| Broken)
    }
}

impl Sink for Up<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "russh's enum may grow")]
    async fn deliver(&mut self, message: ChannelMsg) -> Result<Flow, Broken> {
        self.link.session.heard();
        match message {
            ChannelMsg::Data { data } => self.data(data).await?,
            ChannelMsg::ExtendedData { data, ext } => {
                self.to.extended_data_bytes(ext, data.clone()).await.map_err(|_| Broken)?;
                self.owed.pay(self.from, &data).await?;
            }
            ChannelMsg::Eof => self.to.eof().await.map_err(|_| Broken)?,
            ChannelMsg::RequestPty {
                want_reply,
                term,
                col_width,
                row_height,
                pix_width,
                pix_height,
                terminal_modes,
            } => {
                let (cols, rows) = (cells(col_width), cells(row_height));
                self.program.set_terminal(Terminal { term: term.clone(), cols, rows });
                self.pass(want_reply);
                self.to
                    .request_pty(
                        want_reply,
                        &term,
                        col_width,
                        row_height,
                        pix_width,
                        pix_height,
                        &terminal_modes,
                    )
                    .await
                    .map_err(|_| Broken)?;
            }
            ChannelMsg::RequestShell { want_reply } => self.shell(want_reply).await?,
            ChannelMsg::Exec { want_reply, command } => self.exec(want_reply, command).await?,
            ChannelMsg::RequestSubsystem { want_reply, name } => {
                self.subsystem(want_reply, name).await?
            }
            ChannelMsg::SetEnv { want_reply, variable_name, variable_value } => {
                self.pass(want_reply);
                self.to
                    .set_env(want_reply, variable_name, variable_value)
                    .await
                    .map_err(|_| Broken)?;
            }
            ChannelMsg::WindowChange { col_width, row_height, pix_width, pix_height } => {
                self.resize(col_width, row_height, pix_width, pix_height).await?;
            }
            ChannelMsg::Signal { signal } => self.to.signal(signal).await.map_err(|_| Broken)?,
            ChannelMsg::AgentForward { .. } => self.agent().await?,
            ChannelMsg::RequestX11 {
                want_reply,
                single_connection,
                x11_authentication_protocol: protocol,
                x11_authentication_cookie: cookie,
                x11_screen_number: screen,
            } => self.x11(want_reply, single_connection, protocol, cookie, screen).await?,
            ChannelMsg::Close => return Ok(Flow::Stop),
            // russh's type may grow; what a client does not send on a session channel is nothing to pass on.
            _ => {}
        }
        Ok(Flow::Go)
    }
}

/// Whether a command is the old scp's other half, `scp -t …` or `scp -f …`. A convenience of policy, not a boundary:
/// whoever may run commands can copy files with any of them.
fn is_scp(command: &[u8]) -> bool {
    command.starts_with(b"scp -") || command.starts_with(b"/usr/bin/scp -")
}

fn cells(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
