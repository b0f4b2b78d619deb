//! What no sequence of commands can do, whoever gives them, by whatever way.

use crate::{
    oracle::{Bar, Opinion, Vote, Who, opinion},
    town::{Town, cli, hours, through},
};
use access::{
    promotion::AccessList,
    request::{Actor, Author, Channel, Command, Draft, Event, Program, Request, State, Status},
    review::Decision,
};
use api::event::RequestEvent;
use jiff::{SignedDuration, Timestamp};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::collections::BTreeSet;

const PEOPLE: [(&str, &[&str]); 7] = [
    ("alice", &["reviewer", "security", "admin"]),
    ("bob", &["reviewer"]),
    ("carol", &["reviewer", "security"]),
    ("dan", &["reviewer", "security", "manager"]),
    ("erin", &["admin"]),
    ("frank", &["reviewer", "manager"]),
    ("mallory", &[]),
];

/// What the roles of alice let her ask for, one list of bars per role.
#[derive(Clone, Debug)]
struct Terms {
    dba: Vec<Vec<Bar>>,
    root: Vec<Vec<Bar>>,
}

#[derive(Clone, Debug)]
enum Giver {
    Operator,
    Person(usize, Channel),
    Rule(u8),
}

#[derive(Clone, Debug)]
enum Deed {
    Approve {
        later: Option<i64>,
        shorter: Option<i64>,
    },
    Cancel,
    Deny,
    /// The administrator of roles takes all review rights away, or gives them back.
    Edit {
        reviewers: bool,
    },
    Override {
        decision: Decision,
        roles: Option<bool>,
        shorter: Option<i64>,
    },
    Promote,
    Release,
    Revoke,
}

#[derive(Clone, Debug)]
struct Step {
    by: Giver,
    deed: Deed,
    /// Minutes since the step before.
    after: i64,
}

fn who() -> impl Strategy<Value = Who> {
    select(vec![
        Who::Anyone,
        Who::Holding("security"),
        Who::Holding("manager"),
        Who::Holding("nobody"),
    ])
}

fn bar() -> impl Strategy<Value = Bar> {
    (who(), 0..4_u32, 0..3_u32, vec((who(), 1..3_u32), 0..3))
        .prop_map(|(who, approve, deny, all_of)| Bar { who, approve, deny, all_of })
}

fn terms() -> impl Strategy<Value = Terms> {
    let lists = || vec(vec(bar(), 1..3), 0..3);
    (vec(vec(bar(), 1..3), 1..3), lists()).prop_map(|(dba, root)| Terms { dba, root })
}

fn deed() -> impl Strategy<Value = Deed> {
    let decision = || select(vec![Decision::Approve, Decision::Deny]);
    prop_oneof![
        8 => (option::of(-60..2000_i64), option::of(-10..1000_i64))
            .prop_map(|(later, shorter)| Deed::Approve { later, shorter }),
        12 => Just(Deed::Approve { later: None, shorter: None }),
        1 => Just(Deed::Cancel),
        6 => Just(Deed::Deny),
        1 => any::<bool>().prop_map(|reviewers| Deed::Edit { reviewers }),
        1 => (decision(), option::of(any::<bool>()), option::of(1..600_i64))
            .prop_map(|(decision, roles, shorter)| Deed::Override { decision, roles, shorter }),
        1 => Just(Deed::Promote),
        2 => Just(Deed::Release),
        2 => Just(Deed::Revoke),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let by = prop_oneof![
        12 => (0..PEOPLE.len(), select(Channel::ALL.to_vec())).prop_map(|(who, how)| Giver::Person(who, how)),
        1 => Just(Giver::Operator),
        2 => (0..2_u8).prop_map(Giver::Rule),
    ];
    (by, deed(), 0..90_i64).prop_map(|(by, deed, after)| Step { by, deed, after })
}

fn began() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn town(terms: &Terms) -> Town {
    let mut town = Town::new(
        &[
            ("dba", "{}"),
            ("root", "{}"),
            ("security", "{}"),
            ("manager", "{}"),
            ("reviewer", "{allow: {review_requests: {roles: [dba, root]}}}"),
            ("admin", "{allow: {rules: [{resources: [access_request], verbs: ['*']}]}}"),
        ],
        &PEOPLE,
    );
    let mut held = PEOPLE[0].1.to_vec();
    let names: Vec<String> = (0..6).map(|number| format!("asks-{number}")).collect();
    let lists = terms
        .dba
        .iter()
        .map(|list| ("dba", list))
        .chain(terms.root.iter().map(|list| ("root", list)));
    for ((role, list), name) in lists.zip(&names) {
        let bars: Vec<String> = list.iter().map(Bar::yaml).collect();
        let request =
            format!("roles: [{role}], max_duration: 4h, thresholds: [{}]", bars.join(", "));
        town.role(name, &format!("{{allow: {{request: {{{request}}}}}}}"));
        held.push(name);
    }
    town.person("alice", &held);
    town
}

fn actor(by: &Giver) -> Actor {
    match by {
        Giver::Operator => Actor::operator(0),
        Giver::Person(who, channel) => through(PEOPLE[*who].0, *channel),
        Giver::Rule(number) => {
            Actor::program(Program::Rule(format!("rule-{number}").parse().unwrap()))
        }
    }
}

fn command(deed: &Deed, actor: &Actor, request: &Request, now: Timestamp) -> Option<Command> {
    let reason = "because".to_owned();
    let later = |minutes_ahead: i64| now.checked_add(minutes(minutes_ahead)).unwrap();
    Some(match deed {
        Deed::Approve { later: start, shorter } => Command::Approve {
            reason,
            assume_start: start.map(later),
            duration: shorter.map(minutes),
        },
        Deed::Cancel => Command::Cancel,
        Deed::Deny => Command::Deny { reason },
        Deed::Edit { .. } => return None,
        Deed::Override { decision, roles, shorter } => Command::Override {
            decision: *decision,
            reason,
            roles: roles.map(|asked| match asked {
                true => request.asked().roles.iter().take(1).cloned().collect(),
                false => vec!["never-asked".parse().unwrap()],
            }),
            assume_start: None,
            duration: shorter.map(minutes),
        },
        Deed::Promote => Command::Promote {
            list: AccessList {
                name: "list".into(),
                owners: PEOPLE.iter().map(|(name, _)| name.parse().unwrap()).collect(),
                grants: request.asked().roles.iter().cloned().collect(),
            },
            reason,
        },
        Deed::Release => Command::Release,
        Deed::Revoke => {
            let _ = actor;
            Command::Revoke { reason }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_the_law(
        terms in terms(),
        both in any::<bool>(),
        asked in option::of(1..600_i64),
        start in option::of(1..600_i64),
        steps in vec(step(), 1..25),
    ) {
        let mut town = town(&terms);
        let both = both && !terms.root.is_empty();
        let draft = Draft {
            roles: if both { vec!["root".into(), "dba".into()] } else { vec!["dba".into()] },
            duration: asked.map(minutes),
            assume_start: start.map(|ahead| began().checked_add(minutes(ahead)).unwrap()),
            ..Draft::default()
        };
        let mut request = town.file("alice", draft.clone(), began()).unwrap();
        let mut lists = terms.dba.clone();
        if both {
            lists.extend(terms.root.clone());
        }
        let mut events = vec![Event::Requested(Box::new(request.asked().clone()))];
        let mut votes = Vec::new();
        let mut now = began();
        for step in &steps {
            now = now.checked_add(minutes(step.after)).unwrap();
            if let Deed::Edit { reviewers } = step.deed {
                let roles = if reviewers { "[dba, root]" } else { "[]" };
                town.role("reviewer", &format!("{{allow: {{review_requests: {{roles: {roles}}}}}}}"));
                // The terms are frozen: what the role says from now on is for other requests.
                town.role("asks-0", "{allow: {request: {roles: [dba], thresholds: [{approve: 1}]}}}");
                continue;
            }
            let by = actor(&step.by);
            let Some(command) = command(&step.deed, &by, &request, now) else { continue };
            let before = request.clone();
            match town.act(&mut request, &by, command.clone(), now) {
                Ok(event) => {
                    own_work_is_not_ones_own_judgement(&event)?;
                    if let Event::Reviewed(review, _) = &event {
                        let holding = review.roles.iter().map(ToString::to_string).collect();
                        votes.push(Vote { holding, yes: review.decision == Decision::Approve });
                        the_oracle_agrees(&lists, &votes, &request)?;
                    }
                    events.push(event);
                }
                Err(_) => prop_assert_eq!(&before, &request),
            }
            closed_stays_closed(&before, &request, now)?;
            each_reviews_once(&request)?;
            a_grant_is_no_more_than_asked_and_allowed(&draft, &request, now)?;
        }
        prop_assert_eq!(&Request::replay(events.clone()).unwrap(), &request);
        let stored = serde_json::to_string(&events.iter().map(RequestEvent::from).collect::<Vec<_>>()).unwrap();
        let read: Vec<RequestEvent> = serde_json::from_str(&stored).unwrap();
        let read: Vec<Event> = read.into_iter().map(|event| event.try_into().unwrap()).collect();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn no_order_of_events_makes_what_no_command_could(
        order in vec(0..6_usize, 0..8),
    ) {
        let mut town = town(&Terms { dba: vec![vec![Bar { who: Who::Anyone, approve: 1, deny: 1, all_of: vec![] }]], root: vec![] });
        let request = town.file("alice", Draft { roles: vec!["dba".into()], ..Draft::default() }, began()).unwrap();
        let mut approved = request.clone();
        let yes = town.act(&mut approved, &cli("bob"), crate::town::approve(), began()).unwrap();
        let no = request.decide(&town.policy, &cli("bob"), crate::town::deny(), began()).unwrap();
        let events = [
            Event::Requested(Box::new(request.asked().clone())),
            yes,
            no,
            request.decide(&town.policy, &cli("alice"), Command::Cancel, began()).unwrap(),
            approved.decide(&town.policy, &cli("alice"), Command::Release, began()).unwrap(),
            approved.decide(&town.policy, &cli("bob"), Command::Revoke { reason: String::new() }, began()).unwrap(),
        ];
        let history = || order.iter().map(|at| events[*at].clone());
        // Filed; then approved, denied or cancelled; if approved, released or revoked; and nothing else.
        let possible = matches!(order.as_slice(), [0] | [0, 1..=3] | [0, 1, 4..=5]);
        prop_assert_eq!(Request::replay(history()).is_ok(), possible);
    }
}

/// No self-approval by any sequence: no review, override or promotion is ever the requester's.
fn own_work_is_not_ones_own_judgement(event: &Event) -> Result<(), TestCaseError> {
    let alice = event.by().is(&"alice".parse().unwrap());
    match event {
        Event::Overridden(..) | Event::Promoted(..) | Event::Reviewed(..) => {
            prop_assert!(!alice, "{event:?}")
        }
        Event::Cancelled(_) | Event::Released(_) => prop_assert!(alice, "{event:?}"),
        Event::Requested(_) | Event::Revoked(_) => {}
    }
    Ok(())
}

fn the_oracle_agrees(
    lists: &[Vec<Bar>],
    votes: &[Vote],
    request: &Request,
) -> Result<(), TestCaseError> {
    let is = match request.state() {
        State::Approved(_) => Opinion::Yes,
        State::Denied(_) => Opinion::No,
        State::Pending => Opinion::Waiting,
        State::Cancelled(_) | State::Promoted(..) | State::Released(..) | State::Revoked(..) => {
            return Err(TestCaseError::fail("a review led elsewhere"));
        }
    };
    prop_assert_eq!(is, opinion(lists, votes));
    Ok(())
}

fn closed_stays_closed(
    before: &Request,
    after: &Request,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    if !before.status(now).is_open() {
        prop_assert_eq!(before, after);
    }
    if before.approval().is_some() {
        prop_assert_eq!(before.approval(), after.approval());
    }
    Ok(())
}

fn each_reviews_once(request: &Request) -> Result<(), TestCaseError> {
    let authors: BTreeSet<&Author> = request.reviews().iter().map(|review| &review.by).collect();
    prop_assert_eq!(authors.len(), request.reviews().len());
    Ok(())
}

fn a_grant_is_no_more_than_asked_and_allowed(
    draft: &Draft,
    request: &Request,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let asked = request.asked();
    let Some(approval) = request.approval() else {
        prop_assert!(request.grant(now).is_none());
        return Ok(());
    };
    prop_assert!(approval.roles.iter().all(|role| asked.roles.contains(role)));
    let length = approval.until.duration_since(approval.start);
    prop_assert!(length > SignedDuration::ZERO && length <= asked.duration && length <= hours(4));
    prop_assert!(draft.duration.is_none_or(|wanted| length <= wanted));
    let yes = || request.reviews().iter().filter(|review| review.decision == Decision::Approve);
    for shortened in yes().filter_map(|review| review.duration) {
        prop_assert!(
            length <= shortened,
            "{length} is longer than a reviewer allowed: {shortened}"
        );
    }
    if let (Some(start), true) =
        (yes().rev().find_map(|review| review.assume_start), is_reviewed(request))
    {
        prop_assert!(approval.start >= start);
    }
    prop_assert!(approval.start >= approval.act.at);
    prop_assert!(draft.assume_start.is_none_or(|start| approval.start >= start));
    let inside =
        approval.start <= now && now < approval.until && request.status(now) == Status::Approved;
    prop_assert_eq!(request.grant(now).is_some(), inside);
    Ok(())
}

/// Whether reviews decided it, and not an administrator over them.
fn is_reviewed(request: &Request) -> bool {
    request.reviews().last().map(|review| (&review.by, review.at))
        == request.approval().map(|approval| (&approval.act.by, approval.act.at))
}
