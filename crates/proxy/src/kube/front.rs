//! The requests of one HTTP connection: for which cluster, as whom, in which session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use access::name::TargetName;
use http::{Request, Response, header};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wire::kube::{BadPath, Call};

use super::call;
use super::door::{self, Live, Stage};
use super::facade;
use super::forward::{self, Asked};
use super::headers::Wanted;
use super::status::No;
use super::stream;
use crate::House;
use crate::gate::{Caller, Refused};
use crate::http::{Body, Visitor};

/// What comes before a cluster's name in a path.
const PREFIX: &str = "/kube/";
/// Sessions of one connection: clusters, and people to be there.
const MAX_SESSIONS: usize = 32;
/// The longest name of a client's software that is kept.
const MAX_CLIENT: usize = 256;

/// Which session a request belongs to.
type Key = (TargetName, Wanted);

/// The requests of one connection.
pub(crate) struct Front {
    house: Arc<House>,
    visitor: Visitor,
    sessions: Mutex<BTreeMap<Key, watch::Receiver<Stage>>>,
    /// Cancelled when the connection is gone.
    left: CancellationToken,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.left.cancel();
    }
}

impl Front {
    pub(crate) fn new(house: Arc<House>, visitor: Visitor) -> Self {
        Self { house, visitor, sessions: Mutex::default(), left: CancellationToken::new() }
    }

    /// Whether a path is for us.
    pub(crate) fn is_for(path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    /// Answers a request.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Response<Body> {
        match self.answer(request).await {
            Ok(answer) => answer,
            Err(no) => no.answer(),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Arc<No>> {
        let house = &self.house;
        let Some(identity) = &self.visitor.identity else {
            let lapsed = self.visitor.lapsed.as_ref();
            let no = lapsed.map(|lapsed| No::refused(&Refused::lapsed(lapsed, house.now())));
            return Err(Arc::new(no.unwrap_or_else(No::nobody)));
        };
        if is_foreign(&request) {
            // A page of elsewhere would act with the certificate that a browser holds.
            return Err(Arc::new(No::bad("this comes from a page of another origin")));
        }
        let rest = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
        let (name, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let no_access = || Arc::new(No::refused(&Refused::no_access(name)));
        let cluster: TargetName = name.parse().map_err(|_| no_access())?;
        let wanted = Wanted::read(request.headers()).map_err(|why| Arc::new(No::bad(why)))?;
        let (call, query, path) =
            wire::kube::parse(request.method().as_str(), path, request.uri().query())
                .map_err(bad)?;
        let client = request.headers().get(header::USER_AGENT).and_then(|name| name.to_str().ok());
        let client: String = client.unwrap_or_default().chars().take(MAX_CLIENT).collect();
        let caller = Caller {
            identity: identity.clone(),
            ask: call::entering(cluster.clone(), &wanted),
            peer: self.visitor.peer,
            client: client.into(),
        };
        let ask = call::ask(cluster.clone(), &wanted, &call, request.method().as_str());
        if request.headers().contains_key(header::UPGRADE) {
            let mut asked = Asked { caller: Caller { ask, ..caller }, call, query, path };
            call::as_stream(&mut asked.caller.ask, &asked.call);
            return Ok(stream::serve(house, request, asked).await);
        }
        let stranger = || house.gate.admit(&caller, house.now()).is_err_and(|no| no.is_no_access());
        if call == Call::Discovery
            && stranger()
            && let Some(answer) = facade::answer(&path)
        {
            return Ok(answer);
        }
        let asking = Caller { ask: ask.clone(), ..caller.clone() };
        let live = match self.session((cluster, wanted), caller).await {
            Ok(live) => live,
            // What would open this one request says more than what would open the cluster.
            Err(no) => match house.gate.admit(&asking, house.now()) {
                Err(refused) if refused.is_no_access() => {
                    return Err(Arc::new(No::refused(&refused)));
                }
                Ok(_) | Err(_) => return Err(no),
            },
        };
        let caller = Caller { ask, ..live.session.caller.clone() };
        Ok(forward::forward(&live, request, Asked { caller, call, query, path }).await)
    }

    /// The session that a request belongs to; opened if there is none.
    async fn session(&self, key: Key, caller: Caller) -> Result<Live, Arc<No>> {
        let mut stages = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            // Who was refused, or cut, is judged anew.
            sessions.retain(|_, stage| !matches!(&*stage.borrow(), Stage::Closed(_)));
            match sessions.get(&key) {
                Some(stages) => stages.clone(),
                None if sessions.len() >= MAX_SESSIONS => {
                    let why = "this connection uses too many clusters, or users of them, at once";
                    return Err(Arc::new(No::too_many(why)));
                }
                None => {
                    let stages =
                        door::open(Arc::clone(&self.house), caller, self.left.child_token());
                    sessions.insert(key, stages.clone());
                    stages
                }
            }
        };
        let stage = stages.wait_for(|stage| !matches!(stage, Stage::Opening)).await;
        match stage.map(|stage| stage.clone()) {
            Ok(Stage::Open(live)) => Ok(live),
            Ok(Stage::Closed(no)) => Err(no),
            // Its task is gone without a word: the house falls.
            Ok(Stage::Opening) | Err(_) => Err(Arc::new(No::over())),
        }
    }
}

/// Whether a browser sent it for a page of another origin (Fetch standard, section 3.1).
fn is_foreign<B>(request: &Request<B>) -> bool {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = request.headers().get(header::ORIGIN) else { return false };
    let own = request.uri().authority().map(|own| own.as_str()).or_else(|| text(header::HOST));
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    !matches!((from, own), (Some((_, from)), Some(own)) if from.eq_ignore_ascii_case(own))
}

fn bad(why: BadPath) -> Arc<No> {
    let text = why.to_string();
    Arc::new(match why {
        BadPath::Method => No::method(text),
        BadPath::Shape | BadPath::Part(_) | BadPath::Parts | BadPath::Prefix | BadPath::Query => {
            No::bad(text)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_elsewhere_are_told_apart() {
        for (origin, host, foreign) in [
            (None, "gw:3080", false),
            (Some("https://gw:3080"), "gw:3080", false),
            (Some("https://GW:3080"), "gw:3080", false),
            (Some("https://evil.example.com"), "gw:3080", true),
            (Some("https://gw:3080.evil.example.com"), "gw:3080", true),
            (Some("null"), "gw:3080", true),
            (Some("gw:3080"), "gw:3080", true),
        ] {
            let mut request = Request::get("/kube/prod/api").header(header::HOST, host);
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
            }
            assert_eq!(is_foreign(&request.body(()).unwrap()), foreign, "{origin:?}");
        }
    }
}
