//! Reviews by the house: rules, and who is on call.

use super::world::{World, known, same, text, texts, traits_of};
use access::{
    expr::Expr,
    oncall::{OnCall, Tier, answer},
    request::{Author, Draft, Program, Request},
    rule::{self, Rule},
    schedule::{Schedule, Shift},
};
use jiff::{
    civil::{Weekday, date},
    tz::TimeZoneDatabase,
};
use serde_json::Value;

/// Rules, a request, and what comes of it.
pub(crate) fn rules(case: &Value) -> Result<(), String> {
    known(
        case,
        &["id", "title", "note", "rules", "thresholds", "user", "resources", "request", "expect"],
    )?;
    let asked = &case["request"];
    known(asked, &["roles", "resources", "created"])?;
    known(&case["expect"], &["state", "reviewer", "reviews"])?;
    let mut world = World::where_u_may_ask(&case["thresholds"]);
    if case.get("user").is_some() {
        known(&case["user"], &["traits"])?;
        world.user("u", &["asker"], &case["user"]["traits"]);
    }
    for role in texts(&asked["roles"]) {
        world.role(&role, &Value::Null)?;
    }
    for (id, labels) in case["resources"].as_object().into_iter().flatten() {
        let id: access::resource::ResourceId = id.parse().unwrap();
        world.target(id.target_id().kind.as_str(), id.name().as_str(), labels);
    }
    for (name, document) in case["rules"].as_object().into_iter().flatten() {
        world.policy.put_rule(rule(name, document)?);
    }
    if let Some(created) = asked["created"].as_str() {
        world.now = moment(created);
    }
    let mut request =
        world.file("u", super::asking::draft(asked)).map_err(|refusal| refusal.sentence())?;
    let events = rule::review(&world.policy, &mut request, world.now);
    same("events", events.len(), request.reviews().len())?;
    same("state", Some(request.status(world.now).as_str()), case["expect"]["state"].as_str())?;
    if let Some(reviewer) = case["expect"]["reviewer"].as_str() {
        same("reviewer", reviewer, "system bot")?;
        let by = request
            .reviews()
            .iter()
            .all(|review| matches!(review.by, Author::Program(Program::Rule(_))));
        same("a bot reviewed", by && !request.reviews().is_empty(), true)?;
    }
    match case["expect"]["reviews"].as_u64() {
        Some(count) => same("reviews", request.reviews().len() as u64, count),
        None => Ok(()),
    }
}

fn rule(name: &str, document: &Value) -> Result<Rule, String> {
    known(document, &["subjects", "condition", "desired_state", "automatic_review", "schedules"])?;
    same("subjects", texts(&document["subjects"]), vec!["access_request".to_owned()])?;
    same("desired_state", document["desired_state"].as_str(), Some("reviewed"))?;
    let automatic = &document["automatic_review"];
    known(automatic, &["integration", "decision"])?;
    let mut schedules = std::collections::BTreeMap::new();
    for (name, schedule) in document["schedules"].as_object().into_iter().flatten() {
        known(schedule, &["time"])?;
        known(&schedule["time"], &["timezone", "shifts"])?;
        let shifts = schedule["time"]["shifts"].as_array().into_iter().flatten().map(|shift| {
            Shift::parse(&text(&shift["weekday"]), &text(&shift["start"]), &text(&shift["end"]))
        });
        let shifts = shifts.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let schedule = Schedule::new(&text(&schedule["time"]["timezone"]), shifts)
            .map_err(|error| error.to_string())?;
        schedules.insert(name.as_str().into(), schedule);
    }
    Ok(Rule {
        name: name.parse().unwrap(),
        condition: Expr::parse(&text(&document["condition"]), Rule::SCOPE)
            .map_err(|error| error.to_string())?,
        schedules,
        decision: Some(text(&automatic["decision"]).parse().map_err(|error| format!("{error}"))?),
        notification: None,
    })
}

/// `Monday 17:00 America/Los_Angeles`, in the first week of March 2026.
fn moment(text: &str) -> jiff::Timestamp {
    let mut words = text.split(' ');
    let (day, time, zone) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let number = days.iter().position(|name| *name == day).unwrap_or_else(|| panic!("day {day}"));
    // 1 March 2026 is a Sunday.
    let first = date(2026, 3, 1);
    assert_eq!(first.weekday(), Weekday::Sunday);
    let (hour, minute) = time.split_once(':').unwrap();
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    first
        .at(hour.parse().unwrap(), minute.parse().unwrap(), 0, 0)
        .checked_add(jiff::Span::new().days(i64::try_from(number).unwrap()))
        .unwrap()
        .to_zoned(zone)
        .unwrap()
        .timestamp()
}

/// What the house says of somebody who is on call, or is not.
pub(crate) fn on_call(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "annotations", "pagerduty", "request", "expect"])?;
    let asked = &case["request"];
    known(asked, &["user", "roles"])?;
    let expect = &case["expect"];
    known(expect, &["review", "state", "incident", "log"])?;
    let facts = &case["pagerduty"];
    if !facts.is_null() {
        known(facts, &["service", "escalation_policy", "on_call", "any_tier"])?;
    }
    let tier = if facts["any_tier"] == true { Tier::Any } else { Tier::First };
    // With any tier counting, the person found may stand at any; without, first.
    let level = if tier == Tier::Any { 2 } else { 1 };
    let found: Vec<OnCall> = texts(&facts["on_call"])
        .into_iter()
        .map(|email| OnCall { service: text(&facts["service"]), email, level })
        .collect();
    let user = text(&asked["user"]);
    let mut annotations = traits_of(&case["annotations"]);
    annotations.insert(access::oncall::NOTIFY.to_owned(), ["Helpdesk".to_owned()].into());
    let is = answer(&user.parse().unwrap(), &annotations, &found, tier);
    if expect["review"].is_null() {
        same("review", &is.review, &None)?;
    } else {
        known(&expect["review"], &["state", "reason"])?;
        same("review", expect["review"]["state"].as_str(), Some("APPROVED"))?;
        same(
            "reason",
            expect["review"]["reason"].as_str(),
            Some("mentions the user, e-mail and service names"),
        )?;
        let reason = is.review.clone().ok_or("gave no review")?;
        for word in [&user, &text(&facts["service"])] {
            same("the reason names it", reason.contains(word.as_str()), true)?;
        }
    }
    if let Some(log) = expect["log"].as_str() {
        let said = is.log.clone().unwrap_or_default();
        same("the log says it", said.contains(log), true)?;
    }
    if expect.get("incident").is_some() {
        same("incident", &is.notify, &vec!["Helpdesk".to_owned()])?;
    }
    let state = filed(&user, asked, is.review)?;
    match expect["state"].as_str() {
        None => Ok(()),
        Some(must) => same("state", must.starts_with(&state), true),
    }
}

/// The state of the request after the house's review, if it gave one.
fn filed(user: &str, asked: &Value, review: Option<String>) -> Result<String, String> {
    let mut world = World::where_u_may_ask(&Value::Null);
    world.user(user, &["asker"], &Value::Null);
    for role in texts(&asked["roles"]) {
        world.role(&role, &Value::Null)?;
    }
    let draft = Draft { roles: texts(&asked["roles"]), ..Draft::default() };
    let mut request: Request = world.file(user, draft).map_err(|refusal| refusal.sentence())?;
    if let Some(reason) = review {
        let house = access::request::Actor::program(Program::OnCall("pagerduty".parse().unwrap()));
        let approve =
            access::request::Command::Approve { reason, assume_start: None, duration: None };
        world.decide(&mut request, &house, approve).map_err(|refusal| refusal.sentence())?;
    }
    Ok(request.status(world.now).as_str().to_owned())
}
