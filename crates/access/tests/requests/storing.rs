//! Events as they are stored: one shape for ever, and nothing half understood.

use crate::town::{Town, approve, at, cli, wanting};
use access::request::{Event, Request};
use api::event::RequestEvent;
use expect_test::expect;

fn history() -> Vec<Event> {
    let mut town = Town::new(
        &[
            ("dba", "{}"),
            (
                "developer",
                "{allow: {request: {roles: [dba], thresholds: [{name: two, filter: 'contains(reviewer.roles, \"reviewer\")', approve: 1, deny: 1}], annotations: {service: [orders]}}}}",
            ),
            ("reviewer", "{allow: {review_requests: {roles: [dba]}}}"),
        ],
        &[("alice", &["developer"]), ("bob", &["reviewer"])],
    );
    let mut request = town.file("alice", wanting("dba"), at("09:00")).unwrap();
    let reviewed = town.act(&mut request, &cli("bob"), approve(), at("09:10")).unwrap();
    vec![Event::Requested(Box::new(request.asked().clone())), reviewed]
}

#[test]
fn what_is_stored_today_is_read_for_ever() {
    let shapes: Vec<RequestEvent> = history().iter().map(RequestEvent::from).collect();
    expect![[r#"
        [
          {
            "version": 1,
            "at": "2026-03-02T09:00:00Z",
            "by": "alice",
            "channel": "cli",
            "reason": "ticket 1234",
            "type": "requested",
            "id": "00000000-0000-0001",
            "user": "alice",
            "roles": [
              "dba"
            ],
            "answer_by": "2026-03-03T09:00:00Z",
            "duration": "8h",
            "terms": [
              {
                "role": "dba",
                "through": "developer",
                "thresholds": [
                  {
                    "name": "two",
                    "filter": "contains(reviewer.roles, \"reviewer\")",
                    "approve": 1,
                    "deny": 1
                  }
                ]
              }
            ],
            "annotations": {
              "service": [
                "orders"
              ]
            }
          },
          {
            "version": 1,
            "at": "2026-03-02T09:10:00Z",
            "by": "bob",
            "channel": "cli",
            "type": "reviewed",
            "review": {
              "decision": "APPROVED",
              "roles": [
                "reviewer"
              ],
              "counts": [
                0
              ]
            },
            "outcome": {
              "state": "approved",
              "roles": [
                "dba"
              ],
              "start": "2026-03-02T09:10:00Z",
              "until": "2026-03-02T17:10:00Z"
            }
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&shapes).unwrap());
}

#[test]
fn what_this_house_never_wrote_is_not_a_request() {
    let event = RequestEvent::from(&history()[0]);
    let text = serde_json::to_string(&event).unwrap();
    let read = |text: &str| {
        serde_json::from_str::<RequestEvent>(text)
            .map_err(|error| error.to_string())
            .and_then(|event| Event::try_from(event).map_err(|error| error.to_string()))
    };
    assert_eq!(read(&text), Ok(history()[0].clone()));
    for (good, bad) in [
        ("\"version\":1", "\"version\":2"),
        ("\"type\":\"requested\"", "\"type\":\"wished\""),
        ("\"user\":\"alice\"", "\"user\":\"al ice\""),
        ("\"channel\":\"cli\"", "\"channel\":\"pigeon\""),
        ("contains(", "conceals("),
        ("\"by\":\"alice\"", "\"by\":\"system:rule/\""),
    ] {
        let broken = text.replace(good, bad);
        assert_ne!(broken, text, "{good}");
        assert!(read(&broken).is_err(), "{bad}");
    }
    assert!(Request::replay([]).is_err());
    assert!(Request::replay([history()[1].clone()]).is_err());
}
