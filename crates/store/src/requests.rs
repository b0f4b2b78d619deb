//! Access requests at rest: each is the list of what happened to it, and nothing of it is ever deleted.
//!
//! Indexes are keys written in the same commit, in an order that puts the newest first:
//!
//! ```text
//!   /request/<id>                            the events
//!   /by/request/time/<time>/<id>             all of them
//!   /by/request/user/<user>/<time>/<id>      one person's
//!   /by/request/open/<time>/<id>             pending, or approved and not over
//! ```
//!
//! A request that runs out leaves the open index when that is noticed; its status is a comparison with the clock, so
//! whoever lists compares.

use std::collections::BTreeSet;

use access::name::{RequestId, RoleName, UserName};
use access::request::{Event, Request, State, Status};
use api::audit::{NewEvent, code};
use jiff::Timestamp;

use crate::kv::{Absent, Commit, CommitError, Entry, Kv, Range, ReadError, Revision};
use crate::store::Store;
use crate::stored::{self, REQUEST, Unreadable};

/// The index of open requests.
pub(crate) const OPEN: &str = "/by/request/open/";
const BY_TIME: &str = "/by/request/time/";
const BY_USER: &str = "/by/request/user/";

/// Requests on one page, unless told.
pub const PAGE: usize = 50;
/// Requests on one page, at most.
pub const PAGE_MOST: usize = 500;
/// Requests looked at for one page: a filter that finds less gives a short page with a cursor to go on from.
pub const SCANNED: usize = 2000;
/// Requests read at once.
const CHUNK: usize = 200;
/// Events of one request: no request has more reviewers.
pub const EVENTS: usize = 1000;

/// A request as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Where it stands.
    pub request: Request,
    /// What happened to it, in order.
    pub events: Vec<Event>,
    /// When it was last written.
    pub revision: Revision,
}

/// Why a request cannot be read or written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is kept makes no request.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The events given make no request, or cannot follow those kept.
    #[error("the events do not follow: {0}")]
    Events(String),
    /// The request has more events than we keep.
    #[error("a request cannot have more than {EVENTS} events")]
    TooMany,
    /// The cursor is not one of ours.
    #[error("the cursor is not one this list gave")]
    Cursor,
}

/// Which requests to list. Everything that is set must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// For this person.
    pub user: Option<UserName>,
    /// In any of these states; in any at all when empty.
    pub statuses: BTreeSet<Status>,
    /// For this role.
    pub role: Option<RoleName>,
    /// With this text in id, names, reasons, roles or resources, in any case.
    pub text: Option<String>,
    /// So many at most: [`PAGE`] unless told, never more than [`PAGE_MOST`].
    pub limit: Option<usize>,
}

/// A page of requests, the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The requests.
    pub requests: Vec<Kept>,
    /// Where to go on, if there may be more.
    pub next: Option<String>,
}

/// The requests of a [`Store`].
#[derive(Clone, Debug)]
pub struct Requests {
    store: Store,
}

/// The key of a request.
#[must_use]
pub fn key(id: RequestId) -> String {
    format!("{REQUEST}{id}")
}

/// Reads a request from what stands behind its key: for whoever watches `/request/`.
///
/// # Errors
/// [`Unreadable`].
pub fn read(key: &str, value: &[u8]) -> Result<(Request, Vec<Event>), Unreadable> {
    stored::request(value).map_err(|why| Unreadable { key: key.to_owned(), why })
}

/// The commit that files a request: `filed` is the one event [`Event::Requested`]. It conflicts if the id is taken.
///
/// # Errors
/// [`RequestError::Events`] when the event does not file a request.
pub fn create(filed: Event) -> Result<(Commit, Kept), RequestError> {
    create_all(vec![filed])
}

/// As [`create`], with what happened to the request as it was filed: the reviews of rules.
///
/// # Errors
/// [`RequestError::Events`] when the first event does not file a request, or the others cannot follow.
pub fn create_all(events: Vec<Event>) -> Result<(Commit, Kept), RequestError> {
    let (request, value) = replay(&events)?;
    let (id, recent) = (request.id(), place(&request));
    let mut commit = Commit::new()
        .expecting(key(id), Absent)
        .put(key(id), value)
        .put(format!("{BY_TIME}{recent}"), "")
        .put(format!("{BY_USER}{}/{recent}", request.user()), "");
    if end(&request).is_some() {
        commit = commit.put(format!("{OPEN}{recent}"), "");
    }
    Ok((commit, Kept { request, events, revision: Revision::ZERO }))
}

impl Kept {
    /// The commit that adds events, and the request after it. It conflicts if anyone was faster. The revision of the
    /// new request is what [`Store::commit`] gives.
    ///
    /// # Errors
    /// [`RequestError::Events`] when they cannot follow.
    pub fn then(
        &self,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(Commit, Self), RequestError> {
        let mut all = self.events.clone();
        all.extend(events);
        if all.len() > EVENTS {
            return Err(RequestError::TooMany);
        }
        let (request, value) = replay(&all)?;
        let id = request.id();
        let mut commit = Commit::new().expecting(key(id), self.revision).put(key(id), value);
        if end(&request).is_none() {
            commit = commit.delete(format!("{OPEN}{}", place(&request)));
        }
        Ok((commit, Self { request, events: all, revision: self.revision }))
    }
}

fn replay(events: &[Event]) -> Result<(Request, Vec<u8>), RequestError> {
    let request = Request::replay(events.iter().cloned())
        .map_err(|error| RequestError::Events(error.to_string()))?;
    let value = stored::write(events).map_err(RequestError::Events)?;
    Ok((request, value))
}

/// When a request that is pending or approved ends by itself; `None` for one that is closed.
pub(crate) fn end(request: &Request) -> Option<Timestamp> {
    match request.state() {
        State::Pending => Some(request.asked().answer_by),
        State::Approved(approval) => Some(approval.until),
        State::Cancelled(_)
        | State::Denied(_)
        | State::Promoted(..)
        | State::Released(..)
        | State::Revoked(..) => None,
    }
}

/// Where a request stands in an index: the newest first.
fn place(request: &Request) -> String {
    let age = u64::MAX - request.asked().at.as_microsecond().cast_unsigned();
    format!("{age:016x}/{}", request.id())
}

/// The key of the request that an index key stands for.
pub(crate) fn key_of_index(index: &str) -> Option<String> {
    index.rsplit_once('/').map(|(_, id)| format!("{REQUEST}{id}"))
}

/// Takes a request that is over out of the index of open ones, and says so in the log, once.
pub(crate) async fn expire(kv: &dyn Kv, id: RequestId, now: Timestamp) -> Result<(), RequestError> {
    let Some(entry) = kv.fetch(vec![key(id)]).await?.pop().flatten() else { return Ok(()) };
    let kept = kept(&entry)?;
    if kept.request.status(now) != Status::Expired {
        return Ok(());
    }
    let open = format!("{OPEN}{}", place(&kept.request));
    let Some(index) = kv.fetch(vec![open.clone()]).await?.pop().flatten() else { return Ok(()) };
    let event = NewEvent::new(code::REQUEST_EXPIRED, now).user(kept.request.user()).request(id);
    let commit =
        Commit::new().expecting(open.clone(), index.revision).expecting(key(id), kept.revision);
    match kv.commit(commit.delete(open).event(event)).await {
        // Someone was faster: then it is not over, or already told.
        Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(ReadError::Fault(fault).into()),
        Err(error @ (CommitError::Invalid(_) | CommitError::LeaseEnded(_))) => {
            Err(RequestError::Events(error.to_string()))
        }
    }
}

fn kept(entry: &Entry) -> Result<Kept, Unreadable> {
    let (request, events) = read(&entry.key, &entry.value)?;
    Ok(Kept { request, events, revision: entry.revision })
}

impl Requests {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// A request with its history.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn load(&self, id: RequestId) -> Result<Option<Kept>, RequestError> {
        Ok(self.store.load(key(id)).await?.as_ref().map(kept).transpose()?)
    }

    /// A page of requests, the newest first. `now` tells which are over.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn list(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Listed, RequestError> {
        let index = filter.index();
        let limit = filter.limit.unwrap_or(PAGE).clamp(1, PAGE_MOST);
        let mut range = Range::prefix(&index).limit(CHUNK);
        if let Some(cursor) = cursor {
            check_cursor(cursor)?;
            range = range.after(&format!("{index}{cursor}"));
        }
        let mut listed = Listed { requests: Vec::new(), next: None };
        let mut scanned = 0;
        loop {
            let page = self.store.range(range.clone()).await?;
            let Some(last) = page.entries.last().map(|entry| entry.key.clone()) else {
                return Ok(listed);
            };
            let keys = page.entries.iter().filter_map(|entry| key_of_index(&entry.key)).collect();
            let found = self.store.fetch(keys).await?;
            for (at, (index_entry, entry)) in page.entries.iter().zip(found).enumerate() {
                scanned += 1;
                let Some(kept) = entry.as_ref().map(kept).transpose()? else { continue };
                if filter.holds(&kept.request, now) {
                    listed.requests.push(kept);
                }
                let more = page.more || at + 1 < page.entries.len();
                if listed.requests.len() == limit || scanned >= SCANNED {
                    listed.next =
                        index_entry.key.strip_prefix(&index).filter(|_| more).map(str::to_owned);
                    return Ok(listed);
                }
            }
            if !page.more {
                return Ok(listed);
            }
            range = range.after(&last);
        }
    }
}

/// A cursor is a place in an index: `<16 hex digits>/<id>`.
fn check_cursor(cursor: &str) -> Result<(), RequestError> {
    match cursor.split_once('/') {
        Some((age, id)) if age.len() == 16 && u64::from_str_radix(age, 16).is_ok() => {
            id.parse::<RequestId>().map(|_| ()).map_err(|_| RequestError::Cursor)
        }
        Some(_) | None => Err(RequestError::Cursor),
    }
}

impl Filter {
    /// The smallest index that has everything the filter can find.
    fn index(&self) -> String {
        let open = !self.statuses.is_empty() && self.statuses.iter().all(|status| status.is_open());
        match &self.user {
            // One person's are fewer than everybody's open ones.
            Some(user) => format!("{BY_USER}{user}/"),
            None if open => OPEN.to_owned(),
            None => BY_TIME.to_owned(),
        }
    }

    fn holds(&self, request: &Request, now: Timestamp) -> bool {
        let asked = request.asked();
        self.user.as_ref().is_none_or(|user| user == request.user())
            && (self.statuses.is_empty() || self.statuses.contains(&request.status(now)))
            && self.role.as_ref().is_none_or(|role| asked.roles.contains(role))
            && self.text.as_ref().is_none_or(|text| mentions(request, &text.to_lowercase()))
    }
}

/// Whether a text in lower case stands anywhere in what people said or named.
fn mentions(request: &Request, text: &str) -> bool {
    let asked = request.asked();
    let has = |words: &str| words.to_lowercase().contains(text);
    has(&asked.id.to_string())
        || has(asked.user.as_str())
        || has(&asked.reason)
        || asked.roles.iter().any(|role| has(role.as_str()))
        || asked.resources.iter().any(|resource| has(&resource.to_string()))
        || request.reviews().iter().any(|review| has(&review.reason) || has(&review.by.to_string()))
        || request.resolution().is_some_and(|act| has(&act.reason) || has(&act.by.to_string()))
}
