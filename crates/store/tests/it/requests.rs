//! Requests are kept for ever, found quickly, and written by one at a time.

use std::collections::BTreeSet;

use access::identity::Traits;
use access::name::{RequestId, UserName};
use access::request::{Act, Author, Channel, Event, Outcome, Requested, Status};
use api::audit::{AuditQuery, code};
use jiff::{SignedDuration, Timestamp};
use store::requests::{self, Filter, Kept, RequestError};
use store::{CommitError, Store};

use crate::house::House;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn author(name: &str) -> Author {
    Author::User(name.parse().unwrap())
}

fn filed(id: u64, user: &str, reason: &str, at: Timestamp) -> Event {
    Event::Requested(Box::new(Requested {
        id: RequestId::from_bits(id),
        user: user.parse().unwrap(),
        by: author(user),
        channel: Channel::Cli,
        at,
        roles: vec!["dba".parse().unwrap()],
        resources: vec![],
        login_hint: None,
        reason: reason.into(),
        answer_by: at + HOUR,
        duration: HOUR,
        cut: None,
        assume_start: None,
        terms: vec![],
        annotations: Traits::new(),
        suggested_reviewers: vec![],
        extends: None,
    }))
}

fn act(by: &str, at: Timestamp) -> Act {
    Act { by: author(by), channel: Channel::Cli, at, reason: "because".into() }
}

fn approved(by: &str, at: Timestamp) -> Event {
    let outcome = Outcome::Approved {
        roles: vec!["dba".parse().unwrap()],
        start: at,
        until: at + HOUR + HOUR,
    };
    Event::Overridden(act(by, at), outcome)
}

async fn file(store: &Store, event: Event) -> Kept {
    let (commit, kept) = requests::create(event).unwrap();
    let revision = store.commit(commit).await.unwrap();
    Kept { revision, ..kept }
}

async fn listed(store: &Store, filter: &Filter, now: Timestamp) -> Vec<u64> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.requests().list(filter, cursor.as_deref(), now).await.unwrap();
        ids.extend(page.requests.iter().map(|kept| kept.request.id().to_bits()));
        cursor = page.next;
        if cursor.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn a_request_is_what_happened_to_it() {
    let house = House::new();
    let store = house.open().await;
    let now = house.hand.now();
    let events = [
        filed(1, "alice", "ticket #1234", now),
        approved("admin", now),
        Event::Revoked(act("bob", now)),
    ];
    let kept = file(&store, events[0].clone()).await;
    let (commit, next) = kept.then([events[1].clone()]).unwrap();
    let revision = store.commit(commit).await.unwrap();
    let (commit, _) = Kept { revision, ..next }.then([events[2].clone()]).unwrap();
    let last = store.commit(commit).await.unwrap();
    store.close().await.unwrap();

    let store = house.open().await;
    let found = store.requests().load(RequestId::from_bits(1)).await.unwrap().unwrap();
    assert_eq!((found.events.as_slice(), found.revision), (events.as_slice(), last));
    assert_eq!(found.request.status(now), Status::Revoked);
    assert_eq!(store.requests().load(RequestId::from_bits(2)).await.unwrap(), None);
    store.close().await.unwrap();
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_is_told_to_look_again() {
    let house = House::new();
    let store = house.open().await;
    let now = house.hand.now();
    let kept = file(&store, filed(1, "alice", "", now)).await;
    let (yes, _) = kept.then([approved("bob", now)]).unwrap();
    let (no, _) = kept.then([Event::Overridden(act("carol", now), Outcome::Denied)]).unwrap();
    let (yes, no) = tokio::join!(store.commit(yes), store.commit(no));
    assert!(yes.is_ok() != no.is_ok());
    assert!(matches!(yes.and(no), Err(CommitError::Conflict(_))));
    let (again, _) = requests::create(filed(1, "mallory", "", now)).unwrap();
    assert!(store.commit(again).await.unwrap_err().is_conflict());
    store.close().await.unwrap();
}

#[tokio::test]
async fn closed_stays_closed() {
    let now = House::new().hand.now();
    let (_, kept) = requests::create(filed(1, "alice", "", now)).unwrap();
    let (_, denied) = kept.then([Event::Overridden(act("bob", now), Outcome::Denied)]).unwrap();
    assert!(matches!(denied.then([approved("bob", now)]), Err(RequestError::Events(_))));
    assert!(matches!(requests::create(approved("bob", now)), Err(RequestError::Events(_))));
}

#[tokio::test]
async fn lists_have_the_newest_first_and_find_by_person_state_role_and_text() {
    let house = House::new();
    let store = house.open().await;
    let start = house.hand.now();
    for n in 0..30_u64 {
        let user = ["alice", "bob", "carol"][n as usize % 3];
        let at = start + SignedDuration::from_secs(n as i64);
        let kept = file(&store, filed(n, user, &format!("Ticket #{n}!"), at)).await;
        let event = match n % 5 {
            0 => approved("admin", at),
            1 => Event::Cancelled(act(user, at)),
            _ => continue,
        };
        let (commit, _) = kept.then([event]).unwrap();
        store.commit(commit).await.unwrap();
    }
    let now = start + SignedDuration::from_mins(1);
    let limit = Some(4);
    let of = |keep: &dyn Fn(u64) -> bool| (0..30).rev().filter(|n| keep(*n)).collect::<Vec<u64>>();
    let user: Option<UserName> = Some("bob".parse().unwrap());
    let open: BTreeSet<Status> = [Status::Approved, Status::Pending].into();
    let all = Filter { limit, ..Filter::default() };
    for (filter, expected) in [
        (all.clone(), of(&|_| true)),
        (Filter { user: user.clone(), ..all.clone() }, of(&|n| n % 3 == 1)),
        (Filter { statuses: open.clone(), ..all.clone() }, of(&|n| n % 5 != 1)),
        (Filter { statuses: [Status::Cancelled].into(), ..all.clone() }, of(&|n| n % 5 == 1)),
        (Filter { user, statuses: open.clone(), ..all.clone() }, of(&|n| n % 3 == 1 && n % 5 != 1)),
        (Filter { text: Some("tICKET #2".into()), ..all.clone() }, of(&|n| n == 2 || n >= 20)),
        (Filter { role: Some("dba".parse().unwrap()), ..all.clone() }, of(&|_| true)),
        (Filter { role: Some("ops".parse().unwrap()), ..all.clone() }, vec![]),
    ] {
        assert_eq!(listed(&store, &filter, now).await, expected, "{filter:?}");
    }
    let later = start + SignedDuration::from_hours(3);
    assert_eq!(
        listed(&store, &Filter { statuses: open, ..all.clone() }, later).await,
        Vec::<u64>::new()
    );
    for cursor in ["", "x", "0000000000000000/../../lock/x", "zzzzzzzzzzzzzzzz/bc8ca931-fec9-4b15"]
    {
        let refused = store.requests().list(&all, Some(cursor), now).await;
        assert_eq!(refused.unwrap_err(), RequestError::Cursor, "{cursor}");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_ran_out_leaves_the_policy_and_is_told_once() {
    let house = House::new();
    let store = house.open().await;
    let now = house.hand.now();
    let pending = file(&store, filed(1, "alice", "", now)).await;
    let kept = file(&store, filed(2, "bob", "", now)).await;
    let (commit, _) = kept.then([approved("admin", now)]).unwrap();
    let at = store.commit(commit).await.unwrap();
    store.policy().at_least(at).await;
    let known =
        |id: u64| store.policy().read(|policy| policy.request(RequestId::from_bits(id)).is_some());
    assert!(known(1) && known(2));
    house.hand.forward(HOUR);
    let mut size = store.audit().size();
    size.wait_for(|size| *size == 1).await.unwrap();
    let expired = AuditQuery { codes: vec![code::REQUEST_EXPIRED.into()], ..AuditQuery::default() };
    let page = store.audit().query(expired.clone()).await.unwrap();
    assert_eq!(page.events[0].event.request, Some(pending.request.id().to_string()));
    house.hand.forward(HOUR);
    size.wait_for(|size| *size == 2).await.unwrap();
    store.close().await.unwrap();
    let store = house.open().await;
    assert!(!store.policy().read(|policy| policy.request(RequestId::from_bits(2)).is_some()));
    assert_eq!(store.audit().query(expired).await.unwrap().events.len(), 2);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_page_is_read_from_its_index_and_from_nothing_else() {
    let house = House::new();
    let store = house.open().await;
    let start = house.hand.now();
    let many = u64::try_from(requests::SCANNED).unwrap() + 500;
    let mine = many + 1;
    for first in (0..many).step_by(100) {
        let filed = (first..first + 100).map(|n| {
            let at = start + SignedDuration::from_secs(n.cast_signed());
            let (commit, _) = requests::create(filed(n, "bob", "", at)).unwrap();
            store.commit(commit)
        });
        for done in futures_util::future::join_all(filed).await {
            done.unwrap();
        }
    }
    file(&store, filed(mine, "alice", "", start)).await;
    let now = start + SignedDuration::from_mins(1);
    let open: BTreeSet<Status> = [Status::Approved, Status::Pending].into();
    let all = Filter { limit: Some(20), ..Filter::default() };
    // Whoever reads the oldest request fails.
    let rotten = requests::key(RequestId::from_bits(0));
    store.commit(store::kv::Commit::new().put(rotten, "not a request")).await.unwrap();
    let newest: Vec<u64> = (many - 20..many).rev().collect();
    for filter in [
        all.clone(),
        Filter { statuses: open.clone(), ..all.clone() },
        Filter { user: Some("bob".parse().unwrap()), statuses: open.clone(), ..all.clone() },
    ] {
        let page = store.requests().list(&filter, None, now).await.unwrap();
        let ids: Vec<u64> = page.requests.iter().map(|kept| kept.request.id().to_bits()).collect();
        assert_eq!(ids, newest, "{filter:?}");
        let next = store.requests().list(&filter, page.next.as_deref(), now).await.unwrap();
        assert_eq!(next.requests[0].request.id().to_bits(), many - 21, "{filter:?}");
    }
    // The one open request of someone else stands on the first page, however many others there are.
    let hers = Filter { user: Some("alice".parse().unwrap()), statuses: open, ..all.clone() };
    let page = store.requests().list(&hers, None, now).await.unwrap();
    assert_eq!(page.requests.len(), 1);
    // What nothing matches ends after so many, with a place to go on from; going on meets the rotten one.
    let none = Filter { statuses: [Status::Denied].into(), ..all };
    let page = store.requests().list(&none, None, now).await.unwrap();
    assert!(page.requests.is_empty() && page.next.is_some());
    let beyond = store.requests().list(&none, page.next.as_deref(), now).await;
    assert!(matches!(beyond, Err(RequestError::Unreadable(_))));
    store.close().await.unwrap();
}
