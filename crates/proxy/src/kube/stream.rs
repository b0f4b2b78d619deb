//! Requests that become byte streams: `exec`, `attach`, `port-forward`, `proxy`. Each is a session of its own.
//!
//! What passes is passed as it is; `exec` and `attach` are followed beside it, for the recording. A stream that cannot
//! be followed does not go on.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use wire::kube::spdy::Way;
use wire::kube::{Call, Program};

use super::follow::Follower;
use super::forward::{Asked, Written, request_id, sending};
use super::headers;
use super::status::No;
use super::tape::Tape;
use crate::House;
use crate::corridor::{self, Door, Ended};
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused};
use crate::http::{Body, BodyError};
use crate::live::Session;
use crate::route::log_end;

/// Bytes that are read at once, and wait in one direction.
const CHUNK: usize = 32 * 1024;
/// The WebSocket protocols whose channels are known. `base64.channel.k8s.io` is not: no stock client prefers it.
const CHANNELS: [&str; 3] = ["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"];
const WEBSOCKET_PROTOCOL: HeaderName = header::SEC_WEBSOCKET_PROTOCOL;
const WEBSOCKET_EXTENSIONS: HeaderName = header::SEC_WEBSOCKET_EXTENSIONS;
/// How long a server may go on when its client has closed its side.
const LAST_WORD_WAIT: std::time::Duration = std::time::Duration::from_secs(30);
/// How long a client may take to read a last word.
const PARTING_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// What an upgrade is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// `exec` and `attach`: recorded.
    Program,
    /// Ports, and whatever else: passed.
    Other,
}

/// What is spoken after the upgrade.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spoken {
    Spdy,
    WebSocket,
}

/// Answers a request that asks to become a byte stream.
pub(super) async fn serve(
    house: &Arc<House>,
    mut request: Request<Incoming>,
    asked: Asked,
) -> Response<Body> {
    let Call::Object(object) = &asked.call else {
        return No::bad("this cannot become a byte stream").answer();
    };
    let kind = match &*object.sub {
        "exec" | "attach" => Kind::Program,
        "" => {
            let why = "lists and watches are not served as a WebSocket: ask without `Upgrade`";
            return No::bad(why).answer();
        }
        _ => Kind::Other,
    };
    let Some(spoken) = spoken(request.headers()) else {
        return No::bad("the header Upgrade names neither SPDY/3.1 nor websocket").answer();
    };
    request.headers_mut().remove(WEBSOCKET_EXTENSIONS);
    if (kind, spoken) == (Kind::Program, Spoken::WebSocket) && !choose(request.headers_mut()) {
        let why = format!("of the WebSocket protocols, {} are served", CHANNELS.join(", "));
        return No::bad(why).answer();
    }
    let (answer, answered) = oneshot::channel();
    let upgraded = hyper::upgrade::on(&mut request);
    let caller = asked.caller.clone();
    let peer = caller.peer;
    let guest = Guest { request, asked, kind, spoken, upgraded, answer };
    let door = StreamDoor { entering: Some((guest, caller)) };
    let house = Arc::clone(house);
    // Not a part of the request: the stream goes on when its answer has been given.
    tokio::spawn(async move {
        let served = corridor::serve(&house, door).await;
        log_end(peer, &served);
    });
    answered.await.unwrap_or_else(|_| No::over().answer())
}

fn spoken(headers: &HeaderMap) -> Option<Spoken> {
    let mut values = headers.get_all(header::UPGRADE).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    match value {
        spdy if spdy.eq_ignore_ascii_case("SPDY/3.1") => Some(Spoken::Spdy),
        socket if socket.eq_ignore_ascii_case("websocket") => Some(Spoken::WebSocket),
        _ => None,
    }
}

/// Leaves of the protocols that the client offers those that can be followed; whether there are any.
fn choose(headers: &mut HeaderMap) -> bool {
    let offered: Vec<&str> = headers
        .get_all(WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|protocol| CHANNELS.contains(protocol))
        .collect();
    let Ok(chosen) = HeaderValue::from_str(&offered.join(", ")) else { return false };
    let any = !offered.is_empty();
    headers.insert(WEBSOCKET_PROTOCOL, chosen);
    any
}

struct StreamDoor {
    entering: Option<(Guest, Caller)>,
}

/// A request that waits for its answer.
struct Guest {
    request: Request<Incoming>,
    asked: Asked,
    kind: Kind,
    spoken: Spoken,
    upgraded: OnUpgrade,
    answer: oneshot::Sender<Response<Body>>,
}

/// Both ends of a stream.
struct Joined {
    client: TokioIo<Upgraded>,
    server: TokioIo<Upgraded>,
}

impl Door for StreamDoor {
    type Guest = Guest;

    async fn greet(&mut self) -> Result<Option<(Guest, Caller)>, Error> {
        Ok(self.entering.take())
    }

    /// Nothing in this protocol waits for people: the answer names the command that asks them.
    async fn offer(&mut self, _: &mut Guest, _: &Refused) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn tell(&mut self, _: &mut Guest, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn refuse(&mut self, guest: Guest, refused: &Refused) {
        // A client that is gone hears nothing.
        let _ = guest.answer.send(No::refused(refused).answer());
    }

    async fn serve(
        &mut self,
        guest: Guest,
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let mut cut = std::pin::pin!(cut);
        let query = guest.request.uri().query().unwrap_or_default().to_owned();
        let (kind, spoken) = (guest.kind, guest.spoken);
        let joined = tokio::select! {
            joined = Box::pin(join(&session, guest)) => joined,
            cut = &mut cut => return Ended::Cut(cut),
        };
        let Joined { client, server } = match joined {
            Ok(Some(joined)) => joined,
            Ok(None) => return Ended::Finished,
            Err(error) => return Ended::Failed(error),
        };
        let followed = match kind {
            Kind::Other => None,
            Kind::Program => {
                let follower = match spoken {
                    Spoken::Spdy => Follower::spdy(),
                    Spoken::WebSocket => Follower::websocket(),
                };
                match Tape::begin(&session.recording, &Program::read(&query)).await {
                    Ok(tape) => Some((follower, tape)),
                    Err(broken) => return Ended::Cut(Cut::unwritten(broken)),
                }
            }
        };
        let ended = relay(&session, client, server, followed.as_ref(), cut).await;
        if let Some((_, tape)) = &followed {
            tape.end().await;
        }
        ended
    }
}

/// Sends the request on, and joins both ends if the server agrees. `None`: it answered in another way.
async fn join(session: &Arc<Session>, guest: Guest) -> Result<Option<Joined>, Error> {
    let Guest { request, asked, upgraded, answer: answered, .. } = guest;
    let id = request_id();
    let written = Written::new(&request, &asked, &id);
    let rights = session.rights();
    let connected = async {
        let upstream = session.house.clusters.of(session.caller.target()).await?;
        let (upgrade, mut sent) = {
            let upgrade = request.headers().get(header::UPGRADE).cloned();
            (upgrade, sending(session, request.map(|_| ()), &asked, &rights, &id)?)
        };
        if let Some(upgrade) = upgrade {
            sent.headers_mut().insert(header::UPGRADE, upgrade);
            sent.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        upstream.upgrade(sent.map(|()| empty())).await
    };
    let mut answer = match connected.await {
        Ok(answer) => answer,
        Err(error) => {
            let no = No::failed(&error);
            session
                .note("kube.request", written.event(no.code(), &rights, Some(error.code())))
                .await?;
            let _ = answered.send(no.answer());
            return Err(error);
        }
    };
    let status = answer.status();
    session.note("kube.request", written.event(status.as_u16(), &rights, None)).await?;
    if status != StatusCode::SWITCHING_PROTOCOLS {
        // As it is: clients choose another protocol by the status.
        let (mut parts, body) = answer.into_parts();
        headers::strip_hops(&mut parts.headers);
        let body = body.map_err(BodyError::from).boxed_unsync();
        let _ = answered.send(Response::from_parts(parts, body));
        return Ok(None);
    }
    let server = hyper::upgrade::on(&mut answer).await;
    let server = server.map_err(|error| broke(session, error))?;
    let (parts, _) = answer.into_parts();
    if answered.send(Response::from_parts(parts, empty())).is_err() {
        return Ok(None);
    }
    let client = upgraded.await.map_err(|_| Error::Left)?;
    Ok(Some(Joined { client: TokioIo::new(client), server: TokioIo::new(server) }))
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn broke(session: &Session, error: impl Into<BodyError>) -> Error {
    let target = session.caller.target().as_str().into();
    Error::Unreachable { target, source: std::io::Error::other(error) }
}

/// Passes both ways until one end closes, or the session is cut.
async fn relay(
    session: &Arc<Session>,
    client: TokioIo<Upgraded>,
    server: TokioIo<Upgraded>,
    followed: Option<&(Follower, Tape)>,
    mut cut: std::pin::Pin<&mut (impl Future<Output = Cut> + Send)>,
) -> Ended {
    let (from_client, mut to_client) = tokio::io::split(client);
    let (from_server, mut to_server) = tokio::io::split(server);
    let passed = {
        let up = pass(session, from_client, &mut to_server, followed, Way::Up);
        let down = pass(session, from_server, &mut to_client, followed, Way::Down);
        let both = async {
            // The server has the last word: what it still says when the client has closed its side is heard.
            tokio::select! {
                down = down => down,
                up = async {
                    let passed = up.await;
                    if matches!(passed, Passed::Ended) {
                        tokio::time::sleep(LAST_WORD_WAIT).await;
                    }
                    passed
                } => up,
            }
        };
        tokio::select! {
            passed = both => Ok(passed),
            cut = &mut cut => Err(cut),
        }
    };
    let cut = match passed {
        Ok(Passed::Ended | Passed::Broke) => {
            let _ = to_client.shutdown().await;
            return Ended::Finished;
        }
        Ok(Passed::Unwritten(cut)) | Err(cut) => cut,
    };
    let word =
        followed.and_then(|(follower, _)| follower.last_word(&No::cut(&cut).object().to_string()));
    let parting = async {
        if let Some(word) = word {
            to_client.write_all(&word).await?;
        }
        to_client.shutdown().await
    };
    // A client that does not read is cut all the same.
    let _ = tokio::time::timeout(PARTING_WAIT, parting).await;
    Ended::Cut(cut)
}

/// How one direction ended.
enum Passed {
    /// Its sender has closed it.
    Ended,
    /// One end is gone.
    Broke,
    /// It can no longer be recorded.
    Unwritten(Cut),
}

async fn pass(
    session: &Arc<Session>,
    mut from: ReadHalf<TokioIo<Upgraded>>,
    to: &mut WriteHalf<TokioIo<Upgraded>>,
    followed: Option<&(Follower, Tape)>,
    way: Way,
) -> Passed {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match from.read(&mut chunk).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return Passed::Ended;
            }
            Ok(read) => chunk.get(..read).unwrap_or_default(),
            Err(_) => return Passed::Broke,
        };
        if way == Way::Up {
            session.heard();
        }
        if let Some((follower, tape)) = followed {
            let heard = match follower.follow(way, read) {
                Ok(heard) => heard,
                Err(error) => return Passed::Unwritten(Cut::unfollowed(&error)),
            };
            if let Err(broken) = tape.keep(heard).await {
                return Passed::Unwritten(Cut::unwritten(broken));
            }
        }
        if to.write_all(read).await.is_err() || to.flush().await.is_err() {
            return Passed::Broke;
        }
    }
}
