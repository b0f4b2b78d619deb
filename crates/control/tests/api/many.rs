//! A hundred thousand requests: lists stay fast, because they never read them all.

use crate::house::{ADMIN, House};
use access::name::RequestId;
use access::request::{Actor, Draft};
use std::time::Duration;

/// How many requests there are; the acceptance run sets 100000.
fn many() -> u64 {
    std::env::var("COUNTERSIGN_MANY").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

#[tokio::test]
async fn a_page_of_very_many_requests_comes_at_once() {
    let house = House::staged().await;
    let control::Caller::User(alice) = house.user("alice") else { panic!("alice is a user") };
    let actor = Actor::user(&alice, access::request::Channel::Api);
    let policy = house.store.policy();
    for first in (0..many()).step_by(100) {
        let commits = (first..first + 100).map(|number| {
            let id = RequestId::from_bits(number + 1);
            let draft = Draft {
                roles: vec!["dba".to_owned()],
                reason: format!("number {number}"),
                ..Draft::default()
            };
            let filed = policy
                .read(|policy| {
                    access::request::file(policy, &actor, draft, id, house.control.now())
                })
                .unwrap();
            let (commit, _) = store::requests::create(filed).unwrap();
            let store = house.store.clone();
            async move { store.commit(commit).await.unwrap() }
        });
        futures_util::future::join_all(commits).await;
    }
    println!("{} requests, {}", many(), resident());
    for path in [
        "/v1/requests",
        "/v1/requests?limit=1000",
        "/v1/requests?state=all&limit=100",
        "/v1/requests?state=all&user=alice&limit=100",
        "/v1/requests?state=denied",
        "/v1/requests?state=all&text=nothing-has-this",
    ] {
        let begun = tokio::time::Instant::now();
        let page = tokio::time::timeout(Duration::from_secs(20), house.get(ADMIN, path)).await;
        assert_eq!(page.expect(path).status, 200, "{path}");
        // Shown with `--nocapture`: what to look at when the number is raised.
        println!("{path}: {:?}", begun.elapsed());
    }
    // Those who see but a part of them: a requester, a reviewer, and whoever sees none.
    for name in ["alice", "bob", "mallory"] {
        let begun = tokio::time::Instant::now();
        let page = house.get(house.user(name), "/v1/requests").await;
        println!("/v1/requests as {name}: {:?}", begun.elapsed());
        let items = page.body["items"].as_array().unwrap();
        assert_eq!(items.len(), if name == "mallory" { 0 } else { 100 }, "{name}");
    }
    println!("then {}", resident());
}

/// The memory this process has, as Linux says it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("RSS unknown").to_owned()
}
