//! Applications: an nginx, and a server of our own that says what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// nginx on a port of loopback, as an administrator would start it.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) addr: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Nginx {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display().to_string();
        std::fs::write(dir.path().join("page.html"), "<h1>the wiki</h1>\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let config = format!(
            "daemon off; pid {at}/pid; error_log {at}/error.log; worker_processes 1;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at}; uwsgi_temp_path {at}; scgi_temp_path {at};\n\
             server {{ listen 127.0.0.1:{port}; root {at}; location /old {{ return 302 http://127.0.0.1:{port}/page.html; }} }} }}\n"
        );
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("/usr/sbin/nginx")
            .args(["-e", &format!("{at}/error.log"), "-p", &at, "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let waiting = async {
            while tokio::net::TcpStream::connect(addr).await.is_err() {
                tokio::task::yield_now().await
            }
        };
        tokio::time::timeout(crate::stand::PATIENCE, waiting).await.expect("nginx does not start");
        Self { child, addr, _dir: dir }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that its worker goes too.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A server that answers with what it was asked, and can more:
/// `/echo` gives the body back, `/events` two server-sent events and then silence, `/ws` a WebSocket handshake and then
/// every byte back, `/status/404` a status, `/redirect?to=` a redirect, `/cookie` cookies.
pub(crate) struct Origin {
    pub(crate) addr: SocketAddr,
    /// What came, as it came: `GET /path`.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    /// Connections that were made.
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (log, count) = (Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                *count.lock().unwrap() += 1;
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&log)));
                    let builder = Builder::new(TokioExecutor::new());
                    let _ =
                        builder.serve_connection_with_upgrades(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { addr, seen, connections }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.addr)
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

async fn answer(
    mut request: Request<Incoming>,
    log: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Body>, hyper::Error> {
    let path = request.uri().path().to_owned();
    log.lock().unwrap().push(format!(
        "{} {}",
        request.method(),
        request.uri().path_and_query().unwrap()
    ));
    let mut response = Response::new(full(""));
    match path.as_str() {
        "/echo" => {
            let body = request.into_body().collect().await?.to_bytes();
            *response.body_mut() = full(body);
        }
        "/count" => {
            let mut bytes = 0;
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                bytes += frame?.data_ref().map_or(0, Bytes::len);
            }
            *response.body_mut() = full(bytes.to_string());
        }
        "/events" => {
            let told = ["data: one\n\n", "data: two\n\n"];
            let first =
                futures_util::stream::iter(told).map(|text| Ok(Frame::data(Bytes::from(text))));
            *response.body_mut() =
                StreamBody::new(first.chain(futures_util::stream::pending())).boxed_unsync();
            response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
        }
        "/ws" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut stream = TokioIo::new(upgrade.await.unwrap());
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..n]).await.is_err() {
                        return;
                    }
                }
            });
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            let asserted = request.headers().contains_key("countersign-jwt-assertion");
            response.headers_mut().insert("x-asserted", asserted.to_string().parse().unwrap());
        }
        "/redirect" => {
            *response.status_mut() = StatusCode::FOUND;
            let to = request.uri().query().unwrap_or_default().trim_start_matches("to=");
            response.headers_mut().insert("location", to.parse().unwrap());
        }
        "/cookie" => {
            for cookie in [
                "a=1; Domain=gw.example.com; Path=/",
                "b=2; HttpOnly",
                "__Host-countersign-app=stolen; Secure; Path=/",
            ] {
                response.headers_mut().append("set-cookie", cookie.parse().unwrap());
            }
        }
        "/grpc" => return Ok(grpc(request)),
        path => {
            if let Some(status) = path.strip_prefix("/status/") {
                *response.status_mut() = status.parse().unwrap();
            }
            *response.body_mut() = full(asked(&request).to_string());
        }
    }
    Ok(response)
}

/// What was asked, as JSON.
fn asked(request: &Request<Incoming>) -> Value {
    let mut headers = serde_json::Map::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let before = headers.get(name.as_str()).and_then(Value::as_str).map(str::to_owned);
        let all = before.map_or(value.clone(), |before| format!("{before} | {value}"));
        headers.insert(name.to_string(), all.into());
    }
    json!({
        "method": request.method().as_str(),
        "path": request.uri().path_and_query().map(ToString::to_string),
        "version": format!("{:?}", request.version()),
        "authority": request.uri().authority().map(ToString::to_string),
        "headers": headers,
    })
}

/// One message back for each, then trailers: what a gRPC service does (gRPC over HTTP/2, "Responses").
fn grpc(request: Request<Incoming>) -> Response<Body> {
    let body = request.into_body();
    let back = futures_util::stream::unfold(Some(body), |body| async move {
        let mut body = body?;
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                Some((Ok(Frame::data(data)), Some(body)))
            }
            Some(Err(_)) | None => {
                let mut trailers = hyper::HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                Some((Ok(Frame::trailers(trailers)), None))
            }
        }
    });
    let mut response = Response::new(StreamBody::new(back).boxed_unsync());
    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    response
}
