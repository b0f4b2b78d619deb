//! HTTP over any stream: the API on a TLS connection, the administrator's socket, the diagnostic address.
//!
//! The caller is decided by the connection (a client certificate, a UNIX peer), never by a header; it is put
//! into each request's extensions here.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use proxy::HttpDoors;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// A client has this long to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of one request's head.
const MAX_HEAD: usize = 64 * 1024;
/// How long answers that are under way may take to end when the daemon stops. Streams of events never end by
/// themselves; their readers come back elsewhere, or later.
const FINISH_WITHIN: Duration = Duration::from_secs(2);
/// Streams one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 128;

/// Serves one connection until the peer leaves or `stop` is cancelled. Requests for targets go through `doors`, all
/// others to `router`, with `caller` in each.
pub(crate) async fn serve<S, C>(
    stream: S,
    doors: Option<HttpDoors>,
    router: Router,
    caller: C,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    C: Clone + Send + Sync + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let (doors, router, caller) = (doors.clone(), router.clone(), caller.clone());
        async move {
            let mut request = match doors {
                None => request,
                Some(doors) => match doors.serve(request).await {
                    Ok(answer) => {
                        return Ok::<Response, std::convert::Infallible>(answer.map(Body::new));
                    }
                    Err(request) => request,
                },
            };
            request.extensions_mut().insert(caller);
            router.oneshot(request.map(Body::new)).await
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .keep_alive_interval(Duration::from_secs(30));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(FINISH_WITHIN, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!("an HTTP connection was dropped, the daemon stops"),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
