//! Access monitoring rules: reviews by the house, when a condition holds.

use super::{Desk, Kept, Table, check_head, mount};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body},
    requests::{Error, Eyes, Who, draft, made_up},
};
use access::policy::Policy;
use access::request::{Channel, Request};
use access::rule::Rule;
use access::target::Labels;
use api::document::Kind;
use api::endpoints::documents as table;
use api::page::MAX_LIMIT;
use api::problem::{FieldProblem, Problem};
use api::rule::{RuleDocument, RuleFinding, RuleTest, RuleTested};
use axum::{Json, extract::State};
use std::collections::BTreeSet;
use store::requests::Filter;

/// Past requests a rule is tried on, unless told.
const TRIED: usize = 100;

impl Kept for RuleDocument {
    const KIND: Kind = Kind::AccessMonitoringRule;
    const TABLE: Table = Table {
        list: &table::RULE_LIST,
        show: &table::RULE_SHOW,
        delete: &table::RULE_DELETE,
        write: Some((&table::RULE_CREATE, &table::RULE_PUT)),
    };

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn check(&self, _: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1"], &mut problems);
        if let Err(found) = Rule::try_from(self) {
            problems.extend(found);
        }
        if problems.is_empty() { Ok(Vec::new()) } else { Err(problems) }
    }
}

pub(super) fn routes(routes: Routes) -> Routes {
    mount::<RuleDocument>(routes).on(&table::RULE_TEST, test)
}

/// Tries a rule on requests the caller may see, or on one nobody has made. Nothing is kept.
async fn test(
    State(control): State<Control>,
    caller: Caller,
    Body(body): Body<RuleTest>,
) -> Answer<RuleTested> {
    let desk = Desk { control: &control, coming: &BTreeSet::new() };
    body.rule.check(&desk).map_err(Failure::fields)?;
    let rule = Rule::try_from(&body.rule).map_err(Failure::fields)?;
    control.caught_up().await;
    let eyes = Eyes::of(&control, &caller)?;
    let mut findings = Vec::new();
    if let Some(new) = body.made_up {
        let who = Who::new(&caller, Channel::Api).ok_or_else(Problem::unauthenticated)?;
        let at = body.at.unwrap_or_else(|| control.now());
        let request = made_up(&control, &who, draft(new)?, at)?;
        let mut found = control.store().policy().read(|policy| finding(policy, &rule, &request));
        // It has an id for the law's sake; nobody finds it by that.
        found.request = None;
        findings.push(found);
    } else {
        let past = past(&control, &body.requests, body.limit.unwrap_or(TRIED)).await?;
        control.store().policy().read(|policy| {
            let seen = past.iter().filter(|request| eyes.sees(policy, request));
            findings.extend(seen.map(|request| finding(policy, &rule, request)));
        });
        if !body.requests.is_empty() && findings.len() < body.requests.len() {
            return Err(Error::Unknown.into());
        }
    }
    Ok(Json(RuleTested { findings }))
}

/// The requests of these ids; without any, the newest.
async fn past(control: &Control, ids: &[String], limit: usize) -> Result<Vec<Request>, Failure> {
    let limit = limit.min(MAX_LIMIT);
    let mut past = Vec::new();
    if ids.len() > MAX_LIMIT {
        return Err(Failure::field("requests", format!("more than {MAX_LIMIT} requests")));
    }
    for id in ids {
        let id = id.parse().map_err(|_| Error::Unknown)?;
        let kept = control.store().requests().load(id).await?.ok_or(Error::Unknown)?;
        past.push(kept.request);
    }
    let mut cursor: Option<String> = None;
    while ids.is_empty() && past.len() < limit {
        let filter = Filter { limit: Some(limit - past.len()), ..Filter::default() };
        let page =
            control.store().requests().list(&filter, cursor.as_deref(), control.now()).await?;
        past.extend(page.requests.into_iter().map(|kept| kept.request));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(past)
}

fn finding(policy: &Policy, rule: &Rule, request: &Request) -> RuleFinding {
    let asked = request.asked();
    RuleFinding {
        request: Some(asked.id.to_string()),
        user: asked.user.to_string(),
        roles: asked.roles.iter().map(ToString::to_string).collect(),
        at: asked.at,
        verdict: rule.finding(policy, asked).into(),
    }
}
