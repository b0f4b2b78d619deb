//! The client's side: HTTP on one connection to one application.
//!
//! ```text
//!   TLS ──► host name, or routing line: which application ──► HTTP/1.1 or HTTP/2
//!             each request: is it for this application? who asks? may he? ──► passed on, or answered here
//! ```
//!
//! One connection is one application's, and at one moment one visit's: when the visit is cut, so is the connection.
//! A browser that takes a connection for another application's name, since one certificate has both, is told so (421,
//! RFC 9110, section 15.5.20) and comes again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use access::ask::Ask;
use access::identity::{Identity, Lapsed};
use access::name::TargetName;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::Notify;

use super::answer::Problem;
use super::body::{Download, Upload};
use super::browser::{self, Shown};
use super::calls::{Asked, Open};
use super::forward::{self, Front, Given, Wish};
use super::site::{Carriage, Fault, Loan};
use super::stored::Scheme;
use super::visit::{Forbidden, Visit, Visits};
use super::{COOKIE, tunnel};
use crate::House;
use crate::gate::{Caller, Refused};
use crate::listen::{Severer, Slot};
use crate::route::Stream;

/// A client has this long to send the head of a request, and as long to begin the next one.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Bytes of the head of a request.
const MAX_HEAD: usize = 64 * 1024;
/// Headers of a request.
const MAX_HEADERS: usize = 128;
/// Streams one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 128;
/// Bytes that may be on their way to us on one stream of HTTP/2, and on one connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes that wait to be written on one stream of HTTP/2.
const MAX_SEND: usize = 256 * 1024;
/// How long answers that are under way have when their visit is cut.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// Bytes of the client's name that are kept.
const MAX_CLIENT: usize = 128;

/// How a connection said which application it is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Named {
    /// By the host name, which each request repeats.
    Host,
    /// By the routing line: what requests say is the local end's name.
    Line,
}

/// A connection to an application.
pub(crate) struct Connection {
    pub(crate) house: Arc<House>,
    /// As it was named; not known to exist.
    pub(crate) app: TargetName,
    pub(crate) named: Named,
    pub(crate) peer: SocketAddr,
    pub(crate) severer: Severer,
    /// Who the client certificate says is there.
    pub(crate) identity: Option<Identity>,
    /// Whom it names, if it is ours and good but for the time.
    pub(crate) lapsed: Option<Lapsed>,
    /// Its place among the strangers, until someone has proven who he is.
    pub(crate) slot: Mutex<Option<Slot>>,
    state: Mutex<Option<Arc<Visit>>>,
    /// Whom the cookie that was shown last names.
    shown: Mutex<Option<Shown>>,
    entered: Notify,
    /// A host name that was found to lead here.
    known: OnceLock<Authority>,
}

impl Connection {
    #[expect(clippy::too_many_arguments, reason = "they are what a connection is made of")]
    pub(crate) fn new(
        house: Arc<House>,
        app: TargetName,
        named: Named,
        peer: SocketAddr,
        severer: Severer,
        identity: Option<Identity>,
        lapsed: Option<Lapsed>,
        slot: Option<Slot>,
    ) -> Arc<Self> {
        // A certificate is proof enough.
        let slot = Mutex::new(slot.filter(|_| identity.is_none()));
        let (state, shown, entered) = (Mutex::default(), Mutex::default(), Notify::new());
        Arc::new(Self {
            house,
            app,
            named,
            peer,
            severer,
            identity,
            lapsed,
            slot,
            state,
            shown,
            entered,
            known: OnceLock::new(),
        })
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Visit>>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves it to its end.
    pub(crate) async fn serve<S: Stream + 'static>(self: Arc<Self>, stream: S) {
        let handler = Arc::clone(&self);
        let service = service_fn(move |request| {
            let connection = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(connection.answer(request).await) }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WAIT)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(MAX_SEND)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(30));
        let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut served = std::pin::pin!(served);
        let closing = self.house.closing.clone();
        loop {
            let visit = self.current().clone();
            let over = async {
                match &visit {
                    Some(visit) => visit.ended.cancelled().await,
                    None => closing.cancelled().await,
                }
            };
            tokio::select! {
                ended = served.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %self.peer, %error, "a connection to an application ended early");
                    }
                    return;
                }
                () = self.entered.notified() => {}
                () = over => {
                    served.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(LAST_WORDS, served.as_mut()).await;
                    return self.severer.sever();
                }
            }
        }
    }

    /// Answers one request.
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Response<Download> {
        let front = match self.front(&request) {
            Ok(front) => front,
            Err(problem) => return problem.json(),
        };
        match self.own(request, &front).await {
            Ok(response) => response,
            Err(request) => self.pass(request, front).await,
        }
    }

    /// Checks that a request is for this application, and can be read in one way only.
    fn front(&self, request: &Request<Incoming>) -> Result<Front, Problem> {
        let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail);
        let headers = request.headers();
        if *request.method() == Method::TRACE {
            return Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "TRACE is not passed on",
            ));
        }
        if headers.contains_key(header::TRANSFER_ENCODING)
            && headers.contains_key(header::CONTENT_LENGTH)
        {
            return Err(bad("the request says its length in two ways"));
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let (named, second) = (hosts.next(), hosts.next());
        if second.is_some() {
            return Err(bad("the request names two hosts"));
        }
        let read = |value: &HeaderValue| {
            value.to_str().ok().and_then(|text| text.parse::<Authority>().ok())
        };
        let authority = match (request.uri().authority(), named) {
            (Some(target), None) => target.clone(),
            (None, Some(host)) => read(host).ok_or_else(|| bad("the host is no host name"))?,
            (Some(target), Some(host)) => match read(host) {
                Some(host) if host == *target => host,
                Some(_) | None => return Err(bad("the request names two hosts")),
            },
            (None, None) => return Err(bad("the request names no host")),
        };
        if authority.as_str().contains('@') {
            return Err(bad("the host is no host name"));
        }
        let scheme = match self.named {
            Named::Line => "http",
            Named::Host if !self.is_ours(&authority) => {
                return Err(Problem::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    "misdirected",
                    "this connection is for another host name",
                ));
            }
            Named::Host => "https",
        };
        Ok(Front { authority, scheme, peer: self.peer.ip() })
    }

    /// Whether a host name leads to this connection's application. Browsers repeat the same one with each request.
    fn is_ours(&self, authority: &Authority) -> bool {
        if self.known.get() == Some(authority) {
            return true;
        }
        let ours = self.house.app_at(authority.host()).as_ref() == Some(&self.app);
        if ours {
            // The first one is enough.
            let _ = self.known.set(authority.clone());
        }
        ours
    }

    /// Passes a request on, if whoever asks may.
    async fn pass(
        self: &Arc<Self>,
        request: Request<Incoming>,
        front: Front,
    ) -> Response<Download> {
        let visit = match self.visit(&request).await {
            Ok(visit) => visit,
            Err(refusal) => return self.refuse(refusal, &request, &front),
        };
        if visit.site().app.scheme == Scheme::Tcp {
            let why = "this application speaks no HTTP";
            return Problem::new(StatusCode::BAD_REQUEST, "no_http", why)
                .hint(format!("tsh proxy app {}", self.app))
                .json();
        }
        let wish = forward::wish(request.method(), request.version(), request.headers());
        let asked = Asked { method: request.method().clone(), uri: request.uri().clone() };
        let call = Open::begin(visit.stay(), asked);
        visit.calls.room().await;
        let call = match visit.allows(call).await {
            Ok(call) => call,
            Err(Forbidden::Path(why)) => {
                let detail = format!("{why}: roles rule over paths here");
                return Problem::new(StatusCode::BAD_REQUEST, "ambiguous_path", detail).json();
            }
            Err(Forbidden::Refused(refused)) => {
                let identity = visit.session.caller.identity.clone();
                return self.refuse(Refusal::Denied { refused, identity }, &request, &front);
            }
        };
        match wish {
            Wish::Plain => self.plain(request, &front, visit, call).await,
            Wish::WebSocket => tunnel::open(self, request, &front, visit, call).await,
            Wish::Other => {
                let problem = Problem::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "upgrade",
                    "of other protocols only WebSocket is passed on",
                );
                call.refuse(problem.status.as_u16(), &problem.code);
                problem.json()
            }
        }
    }

    async fn plain(
        &self,
        request: Request<Incoming>,
        front: &Front,
        visit: Arc<Visit>,
        mut call: Open,
    ) -> Response<Download> {
        let is_grpc = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let carriage = if is_grpc { Carriage::Shared } else { Carriage::Own };
        let site = visit.site();
        let (mut head, body) = request.into_parts();
        self.prepare(&mut head, front, &visit, carriage);
        let (body, seen) = Upload::new(body, &visit);
        call.receives(seen);
        match site.send(Request::from_parts(head, body), carriage).await {
            Ok((response, loan)) => passed(response, loan, front, &visit, call),
            Err(fault) => failed(&fault, &visit, call),
        }
    }

    /// Makes a request's head what the application gets.
    pub(super) fn prepare(
        &self,
        head: &mut http::request::Parts,
        front: &Front,
        visit: &Visit,
        carriage: Carriage,
    ) {
        let now = self.house.now();
        let site = visit.site();
        let given = visit.assertions.current(&site.app, visit.policy(), now);
        let given = Given { front, headers: &given.headers, assertion: given.token.clone() };
        forward::request(&mut head.headers, given, COOKIE);
        let path = head.uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        (head.version, head.uri) = match carriage {
            Carriage::Own | Carriage::Upgraded => (Version::HTTP_11, Uri::from(path)),
            Carriage::Shared => {
                // In HTTP/2 the authority stands in the address, and nowhere else.
                let host = head.headers.remove(header::HOST);
                let authority = host
                    .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok())
                    .unwrap_or_else(|| front.authority.clone());
                let mut parts = http::uri::Parts::default();
                parts.scheme = Some(http::uri::Scheme::HTTP);
                parts.authority = Some(authority);
                parts.path_and_query = Some(path);
                (Version::HTTP_2, Uri::from_parts(parts).unwrap_or_default())
            }
        };
        head.extensions.clear();
    }

    /// The visit that a request belongs to.
    async fn visit(&self, request: &Request<Incoming>) -> Result<Arc<Visit>, Refusal> {
        let now = self.house.now();
        let Some(identity) = self.someone(request.headers()).await else {
            return Err(Refusal::Nobody);
        };
        let there = self.current().clone();
        if let Some(visit) = there
            && visit.session.caller.identity.login == identity.login
            && visit.session.caller.identity.user == identity.user
            && !visit.ended.is_cancelled()
            && visit.check(now).is_ok()
        {
            return Ok(visit);
        }
        // What began on this connection as another is watched over with it. Over HTTP/1.1 nothing is under way by now.
        if request.version() == Version::HTTP_2
            && self.current().as_ref().is_some_and(|visit| {
                !visit.ended.is_cancelled() && visit.session.caller.identity.login != identity.login
            })
        {
            return Err(Refusal::Elsewhere);
        }
        let client = request.headers().get(header::USER_AGENT).and_then(|name| name.to_str().ok());
        let caller = Caller {
            identity: identity.clone(),
            ask: Ask::app(self.app.clone()),
            peer: self.peer,
            client: access::display::shown_short(client.unwrap_or_default(), MAX_CLIENT).into(),
        };
        let no = |refused| Refusal::Denied { refused, identity: identity.clone() };
        let visit = Visits::enter(&self.house, caller).await.map_err(no)?;
        visit.check(now).map_err(no)?;
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.current() = Some(Arc::clone(&visit));
        self.entered.notify_one();
        Ok(visit)
    }

    /// Who sends a request: whom the certificate names, or else the cookie; nobody whose login has ended.
    pub(super) async fn someone(&self, headers: &HeaderMap) -> Option<Identity> {
        let now = self.house.now();
        let good = |identity: &Identity| now < identity.expires;
        if let Some(identity) = &self.identity {
            return Some(identity.clone()).filter(good);
        }
        let shown = browser::shown(headers)?;
        let last = || self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last().as_ref().filter(|last| &*last.cookie == shown) {
            // A cookie that was taken back has ended its visit, and with it this connection.
            return Some(last.identity.clone()).filter(good);
        }
        let who = browser::who(&self.house, &self.app, shown).await?;
        let identity = who.identity.clone();
        *last() = Some(who);
        Some(identity).filter(good)
    }

    /// Answers a request that is not passed on: people get a page, programs a problem.
    fn refuse(
        &self,
        refusal: Refusal,
        request: &Request<Incoming>,
        front: &Front,
    ) -> Response<Download> {
        let person = self.named == Named::Host && browser::is_person(request);
        match refusal {
            Refusal::Denied { refused, identity } if person => {
                let to = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
                self.denied(&refused, &identity, to, None, front)
            }
            Refusal::Denied { refused, .. } => Problem::refused(&refused).json(),
            Refusal::Elsewhere => Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected",
                "this connection is another login's",
            )
            .json(),
            Refusal::Nobody if person => browser::to_login(&self.house, request, front),
            Refusal::Nobody => {
                let lapsed = self.identity.as_ref().map(Lapsed::ended).or(self.lapsed.clone());
                let detail = match lapsed {
                    Some(_) => "your login has run out",
                    None => "you are not logged in",
                };
                Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
                    .hint(format!("tsh login && tsh apps login {}", self.app))
                    .json()
            }
        }
    }
}

/// Why a request is not passed on.
enum Refusal {
    /// He is another than he was on this connection, and must come by a connection of his own.
    Elsewhere,
    /// Nobody has shown who he is.
    Nobody,
    /// Whoever it is may not.
    Denied { refused: Refused, identity: Identity },
}

/// An application's answer, as the client gets it.
pub(super) fn passed(
    response: Response<Incoming>,
    loan: Option<Loan>,
    front: &Front,
    visit: &Visit,
    mut call: Open,
) -> Response<Download> {
    let (mut head, body) = response.into_parts();
    call.answered(head.status.as_u16());
    forward::answer(&mut head.headers, &visit.site().app, front, COOKIE);
    head.extensions.clear();
    head.version = Version::HTTP_11;
    Response::from_parts(head, Download::passed(body, call, loan))
}

/// There is no answer of the application.
pub(super) fn failed(fault: &Fault, visit: &Visit, mut call: Open) -> Response<Download> {
    let status = match fault {
        Fault::Slow => StatusCode::GATEWAY_TIMEOUT,
        Fault::Unreachable(_) | Fault::Tls(_) | Fault::Broken(_) => StatusCode::BAD_GATEWAY,
    };
    call.answered(status.as_u16());
    call.fail(fault.code());
    let app = visit.session.caller.target();
    tracing::warn!(%app, code = fault.code(), error = ?fault, "an application did not answer");
    Problem::new(status, fault.code(), fault.public()).json()
}
