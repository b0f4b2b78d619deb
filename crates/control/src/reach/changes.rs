//! Who would reach what else, if a role were written so: the policy is copied, the role put into the copy, and both asked.

use crate::http::{Answer, Text};
use crate::{Caller, Control, Failure};
use access::name::UserName;
use access::policy::Policy;
use access::policy::reach::Reach;
use api::document::Part;
use api::endpoints::Verb;
use api::reach::{ReachChange, ReachChanges, Way};
use api::role::RoleDocument;
use axum::{Json, extract::State};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The most changes that are told.
const MOST_CHANGES: usize = 1000;
/// How long users are looked at: what a person waits for before she presses a button.
const LOOK_FOR: Duration = Duration::from_secs(5);

/// `POST /v1/reach-changes`
pub(super) async fn foresee(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<ReachChanges> {
    // The answer names people and targets.
    control.caller_may(&caller, "role", Verb::Update)?;
    control.caller_may(&caller, "user", Verb::List)?;
    let part = Part { number: None, line: 1, text: &text };
    let document: RoleDocument = part.typed().map_err(Failure::fields)?;
    let (role, _) = document.role().map_err(|problems| Failure::fields(part.placed(problems)))?;
    control.caught_up().await;
    let now = control.now();
    let before = control.store().policy().read(Policy::clone);
    let looked = tokio::task::spawn_blocking(move || {
        let mut after = before.clone();
        after.put_role(role);
        compare(&before, &after, now)
    });
    Ok(Json(looked.await.map_err(Failure::internal)?))
}

fn compare(before: &Policy, after: &Policy, now: Timestamp) -> ReachChanges {
    #[expect(clippy::disallowed_methods, reason = "bounds work, decides nothing")]
    let began = Instant::now();
    let mut found = ReachChanges::default();
    for user in before.users() {
        if began.elapsed() > LOOK_FOR || found.changes.len() >= MOST_CHANGES {
            found.more = true;
            break;
        }
        found.users += 1;
        let (old, new) =
            (ways(&before.reach(&user.name, now)), ways(&after.reach(&user.name, now)));
        found.changes.extend(differ(&user.name, &old, &new));
    }
    if found.changes.len() > MOST_CHANGES {
        found.changes.truncate(MOST_CHANGES);
        found.more = true;
    }
    found
}

/// A target and an account on it.
type Place = (String, String);

fn ways(reaches: &[Reach]) -> BTreeMap<Place, Way> {
    let mut ways = BTreeMap::new();
    for reach in reaches {
        let place = |account: &Option<Box<str>>| {
            (reach.target.to_string(), account.as_deref().unwrap_or_default().to_owned())
        };
        for way in &reach.requestable {
            ways.insert(place(&way.account), Way::Request);
        }
        for way in &reach.open {
            ways.insert(place(&way.account), Way::Open);
        }
    }
    ways
}

fn differ<'a>(
    user: &'a UserName,
    old: &'a BTreeMap<Place, Way>,
    new: &'a BTreeMap<Place, Way>,
) -> impl Iterator<Item = ReachChange> + 'a {
    let way = |ways: &BTreeMap<Place, Way>, place| ways.get(place).copied().unwrap_or(Way::Closed);
    let gone = old.keys().filter(|place| !new.contains_key(*place));
    new.keys().chain(gone).filter_map(move |place| {
        let (before, after) = (way(old, place), way(new, place));
        (before != after).then(|| ReachChange {
            user: user.to_string(),
            target: place.0.clone(),
            login: place.1.clone(),
            before,
            after,
        })
    })
}
