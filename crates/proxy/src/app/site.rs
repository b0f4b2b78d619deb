//! The application's side: its record, and connections to it that are kept for the next request.
//!
//! One connection carries one request at a time (HTTP/1.1), except for gRPC, which gets one connection of HTTP/2 for
//! all. A connection goes back when the answer has been passed on to its last byte, and to nobody when it has not.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::body::Upload;
use super::stored::App;
use crate::listen::keep_alive;
use crate::route::Stream;

/// How long dialling and the TLS handshake may take.
const DIAL_WAIT: Duration = Duration::from_secs(10);
/// How long an application may take from the request to the head of its answer.
const ANSWER_WAIT: Duration = Duration::from_mins(5);
/// Connections that are kept for one application.
const MAX_IDLE: usize = 256;
/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(50);
/// Bytes of the head of an answer.
const MAX_HEAD: usize = 64 * 1024;
/// Headers of an answer.
const MAX_HEADERS: usize = 200;
/// Bytes on their way to us on one stream of HTTP/2, and on one connection.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// An application, and the connections to it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) app: App,
    idle: Mutex<Vec<Idle>>,
    shared: Mutex<Option<http2::SendRequest<Upload>>>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: Instant,
}

type Sender = http1::SendRequest<Upload>;

/// Why an application did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("no connection")]
    Unreachable(#[source] io::Error),
    #[error("no TLS")]
    Tls(#[source] io::Error),
    #[error("it broke HTTP, or closed the connection")]
    Broken(#[source] hyper::Error),
    #[error("it did not answer within {} s", ANSWER_WAIT.as_secs())]
    Slow,
}

impl Fault {
    /// A stable word for the record.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "target_unreachable",
            Self::Tls(_) => "target_tls",
            Self::Broken(_) => "target_protocol",
            Self::Slow => "target_slow",
        }
    }

    /// What the person at the other end is told.
    pub(super) const fn public(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "The application cannot be reached.",
            Self::Tls(_) => {
                "The application did not prove that it is itself. Tell an administrator: its certificate is not trusted, or has another name."
            }
            Self::Broken(_) => "The application did not answer as it should.",
            Self::Slow => "The application did not answer in time.",
        }
    }
}

/// How a request is carried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carriage {
    /// HTTP/1.1 on a connection of its own.
    Own,
    /// HTTP/2 on a connection with others.
    Shared,
    /// HTTP/1.1 on a connection that becomes the client's.
    Upgraded,
}

/// A connection that comes back when the answer was read; dropped, it is closed.
#[derive(Debug)]
pub(super) struct Loan {
    site: Arc<Site>,
    sender: Option<Sender>,
}

impl Loan {
    /// The answer was read to its end.
    pub(super) fn give_back(mut self) {
        if let Some(sender) = self.sender.take() {
            self.site.keep(sender);
        }
    }
}

impl Site {
    pub(super) fn new(app: App) -> Arc<Self> {
        Arc::new(Self { app, idle: Mutex::default(), shared: Mutex::default() })
    }

    /// Sends a request, and gives the head of the answer.
    pub(super) async fn send(
        self: &Arc<Self>,
        request: Request<Upload>,
        carriage: Carriage,
    ) -> Result<(Response<Incoming>, Option<Loan>), Fault> {
        let sent = async {
            match carriage {
                Carriage::Own => self.on_a_kept_one(request).await,
                Carriage::Shared => {
                    let mut sender = self.shared().await?;
                    Ok((sender.send_request(request).await.map_err(Fault::Broken)?, None))
                }
                Carriage::Upgraded => {
                    let mut sender = self.dial_http1().await?;
                    Ok((sender.send_request(request).await.map_err(Fault::Broken)?, None))
                }
            }
        };
        // The timer is only made when the answer does not come at once.
        let mut sent = std::pin::pin!(sent);
        if let Some(done) = futures_util::FutureExt::now_or_never(sent.as_mut()) {
            return done;
        }
        tokio::time::timeout(ANSWER_WAIT, sent).await.unwrap_or(Err(Fault::Slow))
    }

    async fn on_a_kept_one(
        self: &Arc<Self>,
        mut request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Option<Loan>), Fault> {
        while let Some(mut sender) = self.kept() {
            // Its last answer was read a moment ago; or it has been closed since.
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, Some(self.loan(sender)))),
                Err(mut error) => match error.take_message() {
                    // It was closed before a byte of the request was written.
                    Some(unsent) => request = unsent,
                    None => return Err(Fault::Broken(error.into_error())),
                },
            }
        }
        let mut sender = self.dial_http1().await?;
        let response = sender.send_request(request).await.map_err(Fault::Broken)?;
        Ok((response, Some(self.loan(sender))))
    }

    fn loan(self: &Arc<Self>, sender: Sender) -> Loan {
        Loan { site: Arc::clone(self), sender: Some(sender) }
    }

    fn kept(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let youngest = idle.pop()?;
        if youngest.since.elapsed() > IDLE {
            // All others are older.
            idle.clear();
            return None;
        }
        Some(youngest.sender)
    }

    fn keep(&self, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.first().is_some_and(|oldest| now.duration_since(oldest.since) > IDLE) {
            idle.retain(|one| now.duration_since(one.since) <= IDLE);
        }
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: now });
        }
    }

    async fn shared(&self) -> Result<http2::SendRequest<Upload>, Fault> {
        let held = || self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = held().as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = self.dial(true).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(30));
        let (sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(Fault::Broken)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an application ended");
            }
        });
        *held() = Some(sender.clone());
        Ok(sender)
    }

    async fn dial_http1(&self) -> Result<Sender, Fault> {
        let stream = self.dial(false).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
        let (sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(Fault::Broken)?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to an application ended");
            }
        });
        Ok(sender)
    }

    async fn dial(&self, http2: bool) -> Result<Box<dyn Stream>, Fault> {
        let dialling = async {
            let socket = self.connect().await?;
            let Some(proof) = &self.app.proof else {
                return Ok(Box::new(socket) as Box<dyn Stream>);
            };
            let config = if http2 { &proof.http2 } else { &proof.http1 };
            let connector = TlsConnector::from(Arc::clone(config));
            let stream = connector.connect(proof.name.clone(), socket).await.map_err(Fault::Tls)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        };
        let slow = || Err(Fault::Unreachable(io::ErrorKind::TimedOut.into()));
        tokio::time::timeout(DIAL_WAIT, dialling).await.unwrap_or_else(|_| slow())
    }

    /// A TCP connection to it.
    pub(super) async fn connect(&self) -> Result<TcpStream, Fault> {
        let connecting = tokio::time::timeout(DIAL_WAIT, TcpStream::connect(&*self.app.addr));
        let socket = connecting
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(Fault::Unreachable)?;
        // Refused only by sockets that are already gone.
        let _ = socket.set_nodelay(true);
        keep_alive(&socket);
        Ok(socket)
    }
}
