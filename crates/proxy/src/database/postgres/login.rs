//! Start-up and authentication (PostgreSQL documentation, sections 53.2.1 and 53.3).

use bytes::{Buf, BytesMut};
use postgres_protocol::authentication::md5_hash;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::postgres::auth::{self, Request};
use wire::postgres::back::Fields;
use wire::postgres::walk::{HEADER, Walker};
use wire::postgres::{Malformed, Startup};

use super::PgLeg;
use super::scram::Scram;
use crate::database::dial::Errand;
use crate::database::guard::{Guard, KNOWN, VERIFIED};
use crate::database::{Database, DbLogin, Fault, Leg, ServerError, tls};

const STEP: &str = "the log-in";

/// Bytes of the longest Authentication message. Libpq takes 2000.
const MAX_AUTHENTICATION: usize = 4096;
/// Bytes of the longest notice or error before the log-in is done. Libpq takes 30,000.
const MAX_REPORT: usize = 32 * 1024;
/// Messages before the log-in is done, and bytes of those of them that are passed on.
const MAX_MESSAGES: usize = 64;
const MAX_ASIDE: usize = 64 * 1024;

/// Sends the StartupMessage and answers until the server says that the log-in is done and begins to tell of the
/// session: then it has the user and the database.
pub(super) async fn log_in(
    errand: &Errand<'_>,
    database: &Database,
    leg: Leg,
    startup: &Startup,
) -> Result<PgLeg, Fault> {
    let mut talk = Talk {
        guard: Guard::of(database, &leg),
        leg,
        buffer: BytesMut::with_capacity(MAX_AUTHENTICATION),
        out: startup.packet(),
        scram: None,
    };
    let (mut aside, mut done) = (BytesMut::new(), false);
    for _ in 0..MAX_MESSAGES {
        talk.send().await?;
        let (kind, body) = talk.next().await?;
        match kind {
            b'R' if !done => {
                let request = auth::parse(&body).map_err(malformed)?;
                done = talk.answer(errand, database, request).await?;
            }
            b'E' => return Err(Fault::Server(Box::new(server_error(&body)))),
            // Only now the server looks for the user and the database: it says whether it found them, or goes on.
            _ if done && kind != b'N' => {
                put_frame(&mut aside, kind, &body);
                aside.unsplit(talk.buffer);
                return Ok(PgLeg { leg: talk.leg, ahead: aside });
            }
            b'N' | b'v' if aside.len().saturating_add(body.len()) < MAX_ASIDE => {
                put_frame(&mut aside, kind, &body);
            }
            _ => return Err(malformed(Malformed::Kind { kind })),
        }
    }
    Err(Fault::Malformed("it talks and does not finish the log-in".into()))
}

fn put_frame(out: &mut BytesMut, kind: u8, body: &[u8]) {
    out.extend_from_slice(&[kind]);
    let length = u32::try_from(body.len().saturating_add(4)).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}

pub(super) fn malformed(error: Malformed) -> Fault {
    Fault::Malformed(error.to_string().into())
}

pub(super) fn server_error(body: &[u8]) -> ServerError {
    let fields = Fields::of(body);
    let text = |bytes: &[u8]| Box::<str>::from(String::from_utf8_lossy(bytes));
    ServerError {
        sqlstate: text(fields.sqlstate()),
        number: 0,
        message: text(fields.message()),
        detail: fields.get(b'D').map(text),
        hint: fields.get(b'H').map(text),
    }
}

/// One log-in.
struct Talk {
    leg: Leg,
    buffer: BytesMut,
    out: Vec<u8>,
    guard: Guard,
    scram: Option<Scram>,
}

impl Talk {
    /// Sends what was answered.
    async fn send(&mut self) -> Result<(), Fault> {
        if self.out.is_empty() {
            return Ok(());
        }
        let sent = async {
            self.leg.write_all(&self.out).await?;
            self.leg.flush().await
        };
        sent.await.map_err(|error| tls::broke(STEP, error))?;
        self.out.clear();
        Ok(())
    }

    /// The next message, whole.
    async fn next(&mut self) -> Result<(u8, BytesMut), Fault> {
        loop {
            if let Some((&[kind, a, b, c, d], _)) = self.buffer.split_first_chunk::<HEADER>() {
                let most = if kind == b'R' { MAX_AUTHENTICATION } else { MAX_REPORT };
                let length = u32::from_be_bytes([a, b, c, d]);
                if usize::try_from(length).is_ok_and(|length| length > most) {
                    return Err(malformed(Malformed::Length { kind, length }));
                }
            }
            let mut rest = &*self.buffer;
            let found = Walker::new().next(&mut rest, |_| usize::MAX).map_err(malformed)?;
            if let Some((kind, len)) = found.map(|frame| (frame.kind, frame.taken())) {
                let mut frame = self.buffer.split_to(len);
                frame.advance(HEADER);
                return Ok((kind, frame));
            }
            match self.leg.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Fault::Vanished(STEP)),
                Ok(_) => {}
                Err(error) => return Err(tls::broke(STEP, error)),
            }
        }
    }

    /// Answers a request; whether the log-in is done.
    async fn answer(
        &mut self,
        errand: &Errand<'_>,
        database: &Database,
        request: Request<'_>,
    ) -> Result<bool, Fault> {
        let password = |method| match &database.login {
            DbLogin::Password(password) => Ok(password.as_bytes()),
            DbLogin::Certificate => Err(Fault::NoPassword(method)),
        };
        if let Request::Continue(data) = request
            && let Some(scram) = self.scram.take()
        {
            let scram = scram.go_on(data).await?;
            auth::sasl_go_on(&mut self.out, scram.message());
            self.scram = Some(scram);
            return Ok(false);
        }
        match (request, &mut self.scram) {
            (Request::Done, None) => return Ok(true),
            (Request::Done, Some(scram)) => return scram.is_proven().map(|()| true),
            (Request::Cleartext, None) => {
                if self.guard != Guard::Verified {
                    return Err(Fault::Unsafe { method: "password", needs: VERIFIED });
                }
                auth::password(&mut self.out, password("password")?);
            }
            (Request::Md5(salt), None) => {
                // Whoever sees the answer can guess the password from it, and hashes of this kind are guessed fast.
                if self.guard == Guard::Open {
                    return Err(Fault::Unsafe { method: "md5", needs: KNOWN });
                }
                let hash = md5_hash(errand.account.as_bytes(), password("md5")?, salt);
                auth::password(&mut self.out, hash.as_bytes());
            }
            (Request::Sasl(offered), None) => {
                let (scram, mechanism) =
                    Scram::begin(&self.leg, password("scram-sha-256")?, offered)?;
                auth::sasl_begin(&mut self.out, mechanism, scram.message());
                self.scram = Some(scram);
            }
            (Request::Final(data), Some(scram)) => scram.finish(data)?,
            (Request::Other(number), _) => {
                let name = match number {
                    2 => "Kerberos 5".to_owned(),
                    7 | 8 => "GSSAPI".to_owned(),
                    9 => "SSPI".to_owned(),
                    other => format!("number {other}"),
                };
                return Err(Fault::Method(name.into()));
            }
            (Request::Continue(_), _)
            | (Request::Final(_), None)
            | (Request::Cleartext | Request::Md5(_) | Request::Sasl(_), Some(_)) => {
                return Err(Fault::Malformed("it asks for things out of their order".into()));
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
