//! From the target to the client: output, answers, the end.

use bytes::Bytes;
use russh::{ChannelMsg, ChannelWriteHalf, client, server};

use super::super::link::Link;
use super::super::pump::{Broken, Flow, Owed, Sink};
use super::STDERR;
use super::program::{Program, note_files};
use crate::record::Ending;

/// The direction to the client.
#[derive(Debug)]
pub(super) struct Down<'a> {
    link: &'a Link,
    program: &'a Program,
    to: &'a ChannelWriteHalf<server::Msg>,
    from: &'a ChannelWriteHalf<client::Msg>,
    owed: Owed,
}

impl<'a> Down<'a> {
    pub(super) fn new(
        link: &'a Link,
        program: &'a Program,
        to: &'a ChannelWriteHalf<server::Msg>,
        from: &'a ChannelWriteHalf<client::Msg>,
    ) -> Self {
        Self { link, program, to, from, owed: Owed::default() }
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Broken> {
        if let Some(record) = self.program.record() {
            self.link.session.recording.output(record, &data).await.map_err(|_| Broken)?;
        }
        note_files(self.link, self.program.files_down(&data)).await.map_err(|_| Broken)?;
        self.to.data_bytes(data.clone()).await.map_err(|_| Broken)?;
        self.owed.pay(self.from, &data).await
    }

    async fn extended(&mut self, data: Bytes, kind: u32) -> Result<(), Broken> {
        if kind == STDERR
            && let Some(record) = self.program.record()
        {
            self.link.session.recording.error(record, &data).await.map_err(|_| Broken)?;
        }
        self.to.extended_data_bytes(kind, data.clone()).await.map_err(|_| Broken)?;
        self.owed.pay(self.from, &data).await
    }

    async fn answer(&mut self, yes: bool) -> Result<(), Broken> {
        let Some(refusals) = self.program.answered() else { return Ok(()) };
        self.to.reply(yes).await.map_err(|_| Broken)?;
        for _ in 0..refusals {
            self.to.reply(false).await.map_err(|_| Broken)?;
        }
        Ok(())
    }
}

impl Sink for Down<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "russh's enum may grow")]
    async fn deliver(&mut self, message: ChannelMsg) -> Result<Flow, Broken> {
        match message {
            ChannelMsg::Data { data } => self.data(data).await?,
            ChannelMsg::ExtendedData { data, ext } => self.extended(data, ext).await?,
            ChannelMsg::Eof => {
                self.program.output_ended();
                self.to.eof().await.map_err(|_| Broken)?;
            }
            ChannelMsg::Success => self.answer(true).await?,
            ChannelMsg::Failure => self.answer(false).await?,
            ChannelMsg::ExitStatus { exit_status } => {
                self.program.set_ending(Ending::Status(exit_status));
                self.to.exit_status(exit_status).await.map_err(|_| Broken)?;
            }
            ChannelMsg::ExitSignal { signal_name, core_dumped, error_message, lang_tag } => {
                self.program.set_ending(Ending::Signal(name(&signal_name)));
                self.to
                    .exit_signal(signal_name, core_dumped, error_message, lang_tag)
                    .await
                    .map_err(|_| Broken)?;
            }
            ChannelMsg::Close => return Ok(Flow::Stop),
            // russh's type may grow; what a server does not send on a session channel is nothing to pass on.
            _ => {}
        }
        Ok(Flow::Go)
    }
}

fn name(signal: &russh::Sig) -> String {
    format!("{signal:?}").trim_start_matches("Custom(").trim_matches(['"', ')']).to_owned()
}
