//! Connections that become something else: a WebSocket, or what is no HTTP at all. Bytes both ways, until either end
//! leaves or the visit is over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::body::{Download, Upload};
use super::calls::{Asked, Open};
use super::forward::Front;
use super::front::{Connection, failed, passed};
use super::site::Carriage;
use super::visit::{Visit, Visits};
use crate::gate::{Caller, Refused};
use crate::live::Session;
use crate::route::Stream;

/// Bytes that are on their way in one direction: then the reader waits.
const BUFFER: usize = 16 * 1024;
/// How long the connection of a client may take to become a tunnel's.
const UPGRADE_WAIT: Duration = Duration::from_secs(15);

/// Asks the application for a WebSocket, and passes on what it says.
pub(super) async fn open(
    connection: &Connection,
    mut request: Request<Incoming>,
    front: &Front,
    visit: Arc<Visit>,
    mut call: Open,
) -> Response<Download> {
    let client = hyper::upgrade::on(&mut request);
    let site = visit.site();
    let (mut head, body) = request.into_parts();
    connection.prepare(&mut head, front, &visit, Carriage::Upgraded);
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let (body, seen) = Upload::new(body, &visit);
    call.receives(seen);
    let (mut response, _) =
        match site.send(Request::from_parts(head, body), Carriage::Upgraded).await {
            Ok(answered) => answered,
            Err(fault) => return failed(&fault, &visit, call),
        };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return passed(response, None, front, &visit, call);
    }
    let target = hyper::upgrade::on(&mut response);
    let mut answer = Response::new(Download::Own(None));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    call.answered(StatusCode::SWITCHING_PROTOCOLS.as_u16());
    tokio::spawn(async move {
        let both = async { tokio::try_join!(client, target) };
        let (client, target) = match tokio::time::timeout(UPGRADE_WAIT, both).await {
            Ok(Ok(both)) => both,
            Ok(Err(_)) | Err(_) => return call.tunnelled(0, 0, false),
        };
        carry(TokioIo::new(client), TokioIo::new(target), &visit, call).await;
    });
    answer
}

/// Serves a connection to an application that is no HTTP.
pub(super) async fn tcp<S: Stream>(connection: &Connection, stream: S, caller: Caller) {
    let visit = match Visits::enter(&connection.house, caller).await {
        Ok(visit) => visit,
        Err(refused) => return refuse(stream, &refused).await,
    };
    let method = Method::from_bytes(b"TCP").unwrap_or_default();
    let mut call = Open::begin(visit.stay(), Asked { method, uri: Uri::default() });
    match visit.site().connect().await {
        Ok(target) => carry(stream, target, &visit, call).await,
        Err(fault) => {
            tracing::warn!(app = %connection.app, error = ?fault, "an application cannot be reached");
            call.fail(fault.code());
        }
    }
}

/// A client of an unknown protocol can be told nothing that it understands; but a person may read it.
async fn refuse<S: Stream>(stream: S, refused: &Refused) {
    let _: Option<()> = crate::route::part(stream, refused.text().as_bytes()).await;
}

/// Carries both directions to their ends.
async fn carry(
    client: impl AsyncRead + AsyncWrite,
    target: impl AsyncRead + AsyncWrite,
    visit: &Visit,
    call: Open,
) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_target, mut to_target) = tokio::io::split(target);
    let (mut received, mut sent) = (0, 0);
    let cut = {
        let up = copy(&mut from_client, &mut to_target, &visit.session, &mut received);
        let down = copy(&mut from_target, &mut to_client, &visit.session, &mut sent);
        tokio::select! {
            () = visit.ended.cancelled() => true,
            // One that broke takes the other with it; one that ended lets the other end.
            _ = async { tokio::try_join!(up, down) } => false,
        }
    };
    call.tunnelled(received, sent, cut);
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    session: &Session,
    bytes: &mut u64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = from.read(&mut buffer).await?;
        let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else {
            return to.shutdown().await;
        };
        session.heard();
        to.write_all(read).await?;
        to.flush().await?;
        *bytes = bytes.saturating_add(n as u64);
    }
}
