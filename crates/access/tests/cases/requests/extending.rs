//! Extensions, one upon the other. Every time is counted from the approval of what is extended.

use super::world::{World, duration, known, refused, same};
use access::request::{Command, Draft, LimitKind, Refusal, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) fn extended(case: &Value) -> Result<(), String> {
    known(
        case,
        &["id", "title", "note", "approve", "max_duration", "granted", "extend", "expect"],
    )?;
    known(&case["expect"], &["start", "until", "cut", "error"])?;
    let mut world = World::new();
    let longest = case["max_duration"].as_str().unwrap_or("14d");
    let approve = case["approve"].as_u64().unwrap_or(1);
    let request = json!({"roles": ["dba"], "max_duration": longest,
        "thresholds": [{"approve": approve, "deny": 1}]});
    world.role("dba", &Value::Null)?;
    world.role("asker", &json!({"allow": {"request": request}}))?;
    world.user("u", &["asker"], &Value::Null);
    for reviewer in ["r0", "r1"] {
        world.user(reviewer, &[super::world::STAND_BY], &Value::Null);
    }
    let began = world.now;
    match (run(&mut world, case), case["expect"]["error"].as_str()) {
        (Ok(request), None) => compare(&request, began, &case["expect"]),
        (Ok(request), Some(error)) => {
            Err(format!("is {:?}, must be refused: {error}", request.state()))
        }
        (Err(refusal), Some(error)) => refused(&refusal, error),
        (Err(refusal), None) => Err(refusal.sentence()),
    }
}

/// The last extension, approved.
fn run(world: &mut World, case: &Value) -> Result<Request, Refusal> {
    let began = world.now;
    let access = |text: &Value| text.as_str().map(duration);
    let ask =
        Draft { roles: vec!["dba".into()], duration: access(&case["granted"]), ..Draft::default() };
    let mut request = world.file("u", ask)?;
    let approvals = case["approve"].as_u64().unwrap_or(1);
    answer(
        world,
        &mut request,
        began,
        &json!(vec![json!({}); usize::try_from(approvals).unwrap()]),
    )?;
    for extension in case["extend"].as_array().unwrap() {
        known(extension, &["after", "access", "approvals"]).unwrap();
        world.now = at(began, &extension["after"]);
        let ask = Draft {
            extends: Some(request.id()),
            duration: access(&extension["access"]),
            ..Draft::default()
        };
        request = world.file("u", ask)?;
        let once = json!([{}]);
        let approvals = extension.get("approvals").unwrap_or(&once);
        answer(world, &mut request, began, approvals)?;
    }
    Ok(request)
}

fn answer(
    world: &mut World,
    request: &mut Request,
    began: Timestamp,
    approvals: &Value,
) -> Result<(), Refusal> {
    for (number, approval) in approvals.as_array().unwrap().iter().enumerate() {
        known(approval, &["after", "assume_start"]).unwrap();
        if approval.get("after").is_some() {
            world.now = at(began, &approval["after"]);
        }
        let start = approval.get("assume_start").map(|start| at(began, start));
        let approve =
            Command::Approve { reason: String::new(), assume_start: start, duration: None };
        let actor = world.actor(&format!("r{number}"));
        world.decide(request, &actor, approve)?;
    }
    Ok(())
}

fn compare(request: &Request, began: Timestamp, expect: &Value) -> Result<(), String> {
    let approval = request.approval().ok_or_else(|| format!("is {:?}", request.state()))?;
    same("start", approval.start, at(began, &expect["start"]))?;
    same("end", approval.until, at(began, &expect["until"]))?;
    let cut = request.asked().cut.as_ref();
    let cut = cut.map(|limit| match &limit.kind {
        LimitKind::Ceiling => "ceiling",
        LimitKind::Default => "default",
        LimitKind::Role { .. } => "role",
    });
    same("cut", cut, expect["cut"].as_str())?;
    let longest = access::request::MAX_DURATION;
    same("within the ceiling", approval.until.duration_since(request.asked().at) <= longest, true)
}

fn at(began: Timestamp, text: &Value) -> Timestamp {
    began.checked_add(duration(text.as_str().unwrap())).unwrap()
}
