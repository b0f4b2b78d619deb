//! Lists of requests, and what may be asked for.

use super::view::{Eyes, summary};
use crate::http::List;
use crate::{Caller, Control, Failure};
use access::capability;
use access::identity::Identity;
use access::name::{RoleName, UserName};
use access::request::Status;
use api::page::{MAX_SEARCH, Page};
use api::request::{Capabilities, RequestState, RequestView, RequestableRole};
use jiff::Timestamp;
use std::collections::BTreeSet;
use store::requests::Filter;

/// How often the store is asked to complete one page: it looks at a bounded number of requests each
/// time. A page may so be short, with a cursor to go on from.
const ROUNDS: usize = 5;

/// A page of the requests the caller may see, newest first.
pub(super) async fn list(
    control: &Control,
    caller: &Caller,
    query: &List,
) -> Result<Page<RequestView>, Failure> {
    control.caught_up().await;
    let eyes = Eyes::of(control, caller)?;
    let limit = query.limit()?;
    let since: Option<Timestamp> = query.parsed("since")?;
    let reviewable = query.flag("reviewable")?;
    let mut filter = filter(query)?;
    if reviewable {
        filter.statuses = BTreeSet::from([Status::Pending]);
    }
    let mut cursor = query.cursor()?.map(str::to_owned);
    let now = control.now();
    let mut items = Vec::new();
    for _ in 0..ROUNDS {
        filter.limit = Some(limit - items.len());
        let page = control.store().requests().list(&filter, cursor.as_deref(), now).await?;
        // Newest first, so the first one filed before `since` ends the list.
        let mut past = false;
        control.store().policy().read(|policy| {
            for kept in &page.requests {
                past = past || since.is_some_and(|since| kept.request.asked().at < since);
                let seen = !past && eyes.sees(policy, &kept.request);
                if seen && (!reviewable || eyes.reviews(policy, &kept.request)) {
                    items.push(summary(&kept.request, kept.revision.0, now));
                }
            }
        });
        cursor = page.next.filter(|_| !past);
        if cursor.is_none() || items.len() >= limit {
            break;
        }
    }
    Ok(Page { items, next: cursor })
}

fn filter(query: &List) -> Result<Filter, Failure> {
    let text = query.text("text").map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.len() > MAX_SEARCH) {
        return Err(Failure::field("text", format!("longer than {MAX_SEARCH} bytes")));
    }
    Ok(Filter {
        user: query.parsed::<UserName>("user")?,
        role: query.parsed::<RoleName>("role")?,
        statuses: statuses(query.text("state"))?,
        text,
        limit: None,
    })
}

/// `open` by default; `all` is no filter.
fn statuses(text: Option<&str>) -> Result<BTreeSet<Status>, Failure> {
    let mut statuses = BTreeSet::new();
    for word in text.unwrap_or("open").split(',').map(str::trim) {
        match word {
            "all" => return Ok(BTreeSet::new()),
            "open" => statuses.extend(Status::ALL.into_iter().filter(|status| status.is_open())),
            other => {
                let state: RequestState = other.parse().map_err(|error| {
                    Failure::field("state", format!("{error}; or open, or all"))
                })?;
                statuses.insert(status(state));
            }
        }
    }
    Ok(statuses)
}

fn status(state: RequestState) -> Status {
    match state {
        RequestState::Approved => Status::Approved,
        RequestState::Cancelled => Status::Cancelled,
        RequestState::Denied => Status::Denied,
        RequestState::Expired => Status::Expired,
        RequestState::Pending => Status::Pending,
        RequestState::Promoted => Status::Promoted,
        RequestState::Released => Status::Released,
        RequestState::Revoked => Status::Revoked,
    }
}

/// Whether this user may review anything at all.
pub(crate) fn can_review(control: &Control, identity: &Identity) -> bool {
    let policy = control.store().policy();
    policy.read(|policy| capability::capabilities(policy, &identity.user).can_review)
}

/// What the caller may ask for and review.
pub(super) fn capabilities(control: &Control, identity: &Identity) -> Capabilities {
    control.store().policy().read(|policy| {
        let user = &identity.user;
        let may = capability::capabilities(policy, user);
        let role = |role: &RoleName| RequestableRole {
            role: role.to_string(),
            reason_required: capability::require_reason(policy, user, std::slice::from_ref(role)),
            max_duration: None,
        };
        Capabilities {
            requestable_roles: may.requestable_roles.iter().map(role).collect(),
            search_as_roles: may.search_as_roles.iter().map(ToString::to_string).collect(),
            reason_required: may.login.require_reason,
            reason_prompt: Some(may.login.prompt).filter(|prompt| !prompt.is_empty()),
            suggested_reviewers: may.suggested_reviewers,
            can_review: may.can_review,
        }
    })
}
