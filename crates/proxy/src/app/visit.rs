//! A visit: the session of one login at one application, over all connections and requests.
//!
//! A browser opens connections as it likes, and a command line one for each call; what a person does at an
//! application is one session all the same. The first request opens it through the corridor; it ends when nothing was
//! asked for a while, when the login ends, or when it is cut, and then every connection that is in it ends too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use access::app::{Ambiguous, AppCall, AppPath};
use access::ask::Ask;
use access::name::{LoginId, TargetName, UserName};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::json;
use store::Revision;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::assertion::Assertions;
use super::calls::{BATCH_AGE, Calls, Open};
use super::site::Site;
use super::stored::{AppError, Scheme};
use crate::House;
use crate::corridor::{self, Door, Ended};
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused};
use crate::live::Session;
use crate::record::Purpose;

/// How long a visit lasts in which nothing is asked.
const QUIET: Duration = Duration::from_mins(15);
/// How long the connections of a visit that was cut may take to go.
const GOING: Duration = Duration::from_millis(500);

/// Bytes of a path in the audit log.
const MAX_SHOWN: usize = 512;

/// Why a call is not made.
pub(super) enum Forbidden {
    /// Its path has no one reading.
    Path(Ambiguous),
    /// The policy says no.
    Refused(Refused),
}

/// Whose visit, where.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    user: UserName,
    login: LoginId,
    app: TargetName,
}

impl Key {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            user: caller.identity.user.clone(),
            login: caller.identity.login,
            app: caller.target().clone(),
        }
    }
}

/// What became of the first request.
type Answer = Option<Result<Arc<Visit>, Refused>>;

/// The visits there are, and the applications they are at.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    open: Mutex<BTreeMap<Key, watch::Receiver<Answer>>>,
    /// As of a revision of the policy.
    sites: Mutex<BTreeMap<TargetName, (Revision, Arc<Site>)>>,
}

/// A visit.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) session: Arc<Session>,
    pub(super) calls: Calls,
    pub(super) assertions: Assertions,
    site: RwLock<Arc<Site>>,
    /// Cancelled when it is over.
    pub(super) ended: CancellationToken,
    /// Told when he has left.
    left: Notify,
    /// Requests and tunnels that are under way.
    under_way: AtomicUsize,
    look: ArcSwap<Look>,
}

/// The last look at the policy.
#[derive(Debug)]
struct Look {
    policy: watch::Receiver<Revision>,
    /// The policy it was a look at.
    seen: Revision,
    until: Option<Timestamp>,
}

/// One request or tunnel of a visit, while it is under way.
#[derive(Debug)]
pub(super) struct Stay(Arc<Visit>);

impl Stay {
    pub(super) fn visit(&self) -> &Arc<Visit> {
        &self.0
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Visits {
    /// The visit of this caller: the one there is, or a new one.
    pub(super) async fn enter(house: &Arc<House>, caller: Caller) -> Result<Arc<Visit>, Refused> {
        let key = Key::of(&caller);
        let mut answer = {
            let mut open = house.visits.open();
            match open.get(&key).filter(|there| is_good(there)) {
                Some(there) => there.clone(),
                None => {
                    let (tell, answer) = watch::channel(None);
                    open.insert(key.clone(), answer.clone());
                    tokio::spawn(begin(Arc::clone(house), caller, key, tell));
                    answer
                }
            }
        };
        let told = answer.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        told.unwrap_or_else(|| Err(Refused::failed(&Error::Left)))
    }

    /// Ends the visit of this caller, if there is one: he has left.
    pub(super) fn end(&self, caller: &Caller) {
        let there = self.open().remove(&Key::of(caller));
        let visit = there.and_then(|there| there.borrow().clone()?.ok());
        if let Some(visit) = visit {
            visit.left.notify_one();
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Key, watch::Receiver<Answer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The application, with the connections to it that are kept; made anew when its document has changed.
    async fn site(house: &House, name: &TargetName) -> Result<Arc<Site>, AppError> {
        let sites = || house.visits.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *house.gate.changed().borrow();
        if let Some((_, site)) = sites().get(name).filter(|(then, _)| *then == now) {
            return Ok(Arc::clone(site));
        }
        let app = house.apps.app(name).await?;
        let Some(app) = app else {
            sites().remove(name);
            return Err(AppError::Gone);
        };
        let mut sites = sites();
        let site = match sites.get(name) {
            Some((_, site)) if site.app.revision == app.revision => Arc::clone(site),
            Some(_) | None => Site::new(app),
        };
        sites.insert(name.clone(), (now, Arc::clone(&site)));
        Ok(site)
    }
}

/// Whether a visit is open, or about to be.
fn is_good(there: &watch::Receiver<Answer>) -> bool {
    match &*there.borrow() {
        None => there.has_changed().is_ok(),
        Some(Ok(visit)) => !visit.ended.is_cancelled(),
        Some(Err(_)) => false,
    }
}

async fn begin(house: Arc<House>, caller: Caller, key: Key, tell: watch::Sender<Answer>) {
    let peer = caller.peer;
    let door = AppDoor { house: Arc::clone(&house), caller: Some(caller), tell: tell.clone() };
    let served = corridor::serve(&house, door).await;
    crate::route::log_end(peer, &served);
    if tell.borrow().is_none() {
        let refused = match &served {
            Err(Error::Refused(refused)) => (**refused).clone(),
            Err(error) => Refused::failed(error),
            Ok(()) => Refused::failed(&Error::Left),
        };
        tell.send_replace(Some(Err(refused)));
    }
    let mut open = house.visits.open();
    // Another one may have begun since.
    if open.get(&key).is_some_and(|there| !is_good(there)) {
        open.remove(&key);
    }
}

impl Visit {
    /// Whether the visit may go on at this moment. Costs next to nothing while the policy has not changed; and when it
    /// has, does not wait for the visit's own watch.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Refused> {
        let look = self.look.load();
        let is_old = look.policy.has_changed().unwrap_or(true);
        if !is_old && look.until.is_none_or(|until| now < until) {
            return Ok(());
        }
        let mut policy = look.policy.clone();
        let seen = *policy.borrow_and_update();
        let session = &self.session;
        let rights = session.house.gate.still(&session.asking(), session.id, now)?;
        self.look.store(Arc::new(Look { policy, seen, until: rights.until }));
        session.adopt(rights);
        Ok(())
    }

    /// The policy it was last asked about.
    pub(super) fn policy(&self) -> Revision {
        self.look.load().seen
    }

    /// Whether a call may be made: where roles rule over paths and methods, the policy is asked about each. One that may
    /// not is written down and audited.
    pub(super) async fn allows(&self, call: Open) -> Result<Open, Forbidden> {
        let session = &self.session;
        if session.rights().terms.app_every_call {
            return Ok(call);
        }
        let asked = call.asked();
        let (method, path) = (asked.method.as_str(), asked.uri.path());
        let refused = match AppPath::parse(path) {
            Err(why) => Forbidden::Path(why),
            Ok(path) => {
                let app = session.caller.target().clone();
                let ask = Ask::app_call(app, AppCall { method: method.into(), path });
                let caller = Caller { ask, ..session.caller.clone() };
                match session.house.gate.still(&caller, session.id, session.now()) {
                    Ok(_) => return Ok(call),
                    Err(refused) => Forbidden::Refused(refused),
                }
            }
        };
        let (status, why) = match &refused {
            Forbidden::Path(_) => (400, "ambiguous_path"),
            Forbidden::Refused(refused) => (403, &*refused.code),
        };
        let body = json!({
            "method": method,
            "path": access::display::shown_short(path, MAX_SHOWN),
            "code": why,
        });
        let why = why.to_owned();
        call.refuse(status, &why);
        // An audit log that takes nothing more ends the session by itself.
        let _ = session.note("app.call.refused", body).await;
        Err(refused)
    }

    /// One more request is under way.
    pub(super) fn stay(self: &Arc<Self>) -> Stay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.session.heard();
        Stay(Arc::clone(self))
    }

    /// The application.
    pub(super) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_quiet(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0 && self.session.silent_for() >= QUIET
    }
}

/// The way of a visit through the corridor. Its guest is the first request, which waits for an answer.
struct AppDoor {
    house: Arc<House>,
    caller: Option<Caller>,
    tell: watch::Sender<Answer>,
}

impl Door for AppDoor {
    type Guest = ();

    async fn greet(&mut self) -> Result<Option<((), Caller)>, Error> {
        Ok(self.caller.take().map(|caller| ((), caller)))
    }

    /// A browser asks with a form, and waits on a page of its own.
    async fn offer(&mut self, _: &mut (), _: &Refused) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn tell(&mut self, _: &mut (), _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn refuse(&mut self, _: (), refused: &Refused) {
        self.tell.send_replace(Some(Err(refused.clone())));
    }

    async fn serve(
        &mut self,
        _: (),
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let visit = match Box::pin(open(&self.house, &session)).await {
            Ok(visit) => visit,
            Err(error) => {
                self.tell.send_replace(Some(Err(Refused::failed(&error))));
                return Ended::Failed(error);
            }
        };
        self.tell.send_replace(Some(Ok(Arc::clone(&visit))));
        let ended = last(&visit, cut).await;
        visit.ended.cancel();
        // What is under way hears it by itself; its last words are waited for, since they are written down.
        let _ = tokio::time::timeout(GOING, async {
            while visit.under_way.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        // A recording that is broken has ended the visit already.
        let _ = visit.calls.hand_over(&session).await;
        visit.calls.count(&session);
        ended
    }
}

async fn open(house: &Arc<House>, session: &Arc<Session>) -> Result<Arc<Visit>, Error> {
    let name = session.caller.target();
    let unreadable = |error: AppError| Error::Record(name.as_str().into(), Box::new(error));
    let site = Visits::site(house, name).await.map_err(unreadable)?;
    let protocol = match site.app.scheme {
        Scheme::Http | Scheme::Https => "http",
        Scheme::Tcp => "tcp",
    };
    let purpose = Purpose::Calls { protocol, account: name.to_string() };
    let broken = |_| Error::Recording(crate::record::OpenError::Shutdown);
    let calls = Calls::begin(session, purpose).await.map_err(broken)?;
    // Marked as changed: the first request asks once more, for the policy may have changed between the gate and here.
    let mut policy = house.gate.changed();
    policy.mark_changed();
    let (seen, until) = (*policy.borrow(), session.rights().until);
    let visit = Visit {
        assertions: Assertions::new(Arc::clone(session)),
        session: Arc::clone(session),
        calls,
        site: RwLock::new(site),
        ended: CancellationToken::new(),
        left: Notify::new(),
        under_way: AtomicUsize::new(0),
        look: ArcSwap::from_pointee(Look { policy, seen, until }),
    };
    Ok(Arc::new(visit))
}

/// Keeps a visit until it is cut, or nothing was asked for long.
async fn last(visit: &Visit, cut: impl Future<Output = Cut> + Send) -> Ended {
    let mut cut = std::pin::pin!(cut);
    let house = &visit.session.house;
    let mut policy = house.gate.changed();
    let mut quiet = std::pin::pin!(tokio::time::sleep(QUIET));
    loop {
        tokio::select! {
            biased;
            cut = &mut cut => return Ended::Cut(cut),
            () = visit.left.notified() => return Ended::Finished,
            () = visit.calls.begun.notified() => {
                tokio::select! {
                    biased;
                    cut = &mut cut => return Ended::Cut(cut),
                    () = tokio::time::sleep(BATCH_AGE) => {}
                }
                let mut handed = std::pin::pin!(visit.calls.hand_over(&visit.session));
                tokio::select! {
                    biased;
                    // The watch ends it, and says why.
                    handed = handed.as_mut() => {
                        if handed.is_err() {
                            return Ended::Cut(cut.await);
                        }
                    }
                    cut = &mut cut => {
                        visit.ended.cancel();
                        // What it has taken out of the batch is nowhere else.
                        let _ = tokio::time::timeout(GOING, handed).await;
                        return Ended::Cut(cut);
                    }
                }
            }
            changed = policy.changed() => {
                if changed.is_err() {
                    return Ended::Cut(cut.await);
                }
                // The application's own document may have changed too.
                match Visits::site(house, visit.session.caller.target()).await {
                    Ok(site) => *visit.site.write().unwrap_or_else(PoisonError::into_inner) = site,
                    Err(error) => tracing::debug!(%error, "an application's record cannot be read again"),
                }
            }
            () = &mut quiet => {
                if visit.is_quiet() {
                    return Ended::Finished;
                }
                let left = QUIET.saturating_sub(visit.session.silent_for());
                quiet.as_mut().reset(Instant::now() + left.max(BATCH_AGE));
            }
        }
    }
}
