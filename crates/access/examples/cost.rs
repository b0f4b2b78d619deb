//! What questions to a large policy cost: `cargo run --release -p access --example cost`.
//!
//! The company has 10,000 hosts, 1,000 roles, 10,000 people and as many grants in force. Each line is a question and
//! how long its answer takes, the best of several rounds.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool that measures"
)]

use access::ask::Ask;
use access::identity::{Identity, Traits, User};
use access::name::{LoginId, RequestId};
use access::policy::Policy;
use access::request::{Act, Author, Channel, Event, Outcome, Request, Requested};
use access::role::spec::{RequestSpec, ReviewSpec};
use access::role::{Role, RoleSpec};
use access::target::{Target, TargetId};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOSTS: u64 = 10_000;
const ROLES: u64 = 1_000;
const PEOPLE: u64 = 10_000;
const ROUNDS: u32 = 5;

fn main() {
    let policy = company();
    let now = now();
    let decide = |user: &str, at: &str, expected: bool| {
        let (identity, ask) = (identity(user), ask(at));
        let took = best(|| assert_eq!(policy.decide(&identity, &ask, now).is_ok(), expected));
        println!("{took:>12.1?}  {user} {at}: {}", if expected { "permit" } else { "denial" });
    };
    decide("dev", "dev@host-7", true);
    decide("person-7", "root@host-7", true);
    decide("dev", "root@host-7", false);
    decide("hopeless", "root@host-7", false);
    decide("dev", "root@nowhere", false);
    for user in ["dev", "person-7"] {
        let name = user.parse().unwrap();
        let took = best(|| assert!(!policy.reach(&name, now).is_empty()));
        println!("{took:>12.1?}  {user}: everything within reach");
    }
}

fn best(mut question: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        question();
        let once = begin.elapsed();
        let times =
            (Duration::from_millis(20).as_nanos() / once.as_nanos().max(1)).clamp(1, 20_000);
        let times = u32::try_from(times).unwrap();
        let begin = Instant::now();
        for _ in 0..times {
            question();
        }
        best = best.min(begin.elapsed() / times);
    }
    best
}

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn identity(user: &str) -> Identity {
    Identity {
        user: user.parse().unwrap(),
        login: LoginId::from_bits(9),
        expires: now() + SignedDuration::from_hours(1),
        mfa: false,
        device: false,
    }
}

fn ask(at: &str) -> Ask {
    let (login, target) = at.split_once('@').unwrap();
    Ask::ssh(target.parse().unwrap(), login.parse().unwrap())
}

fn role(policy: &mut Policy, name: &str, fill: impl FnOnce(&mut RoleSpec)) {
    let mut spec = RoleSpec { name: name.to_owned(), ..RoleSpec::default() };
    fill(&mut spec);
    policy.put_role(Role::new(spec).unwrap().0);
}

fn user(policy: &mut Policy, name: &str, roles: &[&str]) {
    let mut user = User::new(name.parse().unwrap());
    user.roles = roles.iter().map(|role| role.parse().unwrap()).collect();
    policy.put_user(user);
}

fn company() -> Policy {
    let mut policy = Policy::new("main".parse().unwrap());
    let asking =
        |pattern: &str| RequestSpec { roles: vec![pattern.to_owned()], ..RequestSpec::default() };
    for n in 0..ROLES {
        role(&mut policy, &format!("app-{n}"), |spec| {
            spec.allow.logins = vec!["root".to_owned(), "{{internal.logins}}".to_owned()];
            spec.allow.node_labels = [("app".to_owned(), vec![n.to_string()])].into();
        });
    }
    role(&mut policy, "dev", |spec| {
        spec.allow.logins = vec!["dev".to_owned()];
        spec.allow.node_labels =
            [("env".to_owned(), vec!["prod".to_owned(), "stage-*".to_owned()])].into();
        spec.allow.request = Some(asking("app-*"));
    });
    // What nobody may approve is looked for among all reviewers.
    role(&mut policy, "hopeless", |spec| spec.allow.request = Some(asking("orphan-*")));
    role(&mut policy, "orphan-root", |spec| {
        spec.allow.logins = vec!["root".to_owned()];
        spec.allow.node_labels = [("*".to_owned(), vec!["*".to_owned()])].into();
    });
    for n in 0..50 {
        role(&mut policy, &format!("lead-{n}"), |spec| {
            let roles = (0..20).map(|m| format!("app-{}", 20 * n + m)).collect();
            spec.allow.review_requests = Some(ReviewSpec { roles, ..ReviewSpec::default() });
        });
    }
    for n in 0..HOSTS {
        let labels = [("env", "prod".to_owned()), ("app", (n % ROLES).to_string())];
        let labels = labels.map(|(key, value)| (key.to_owned(), value)).into();
        policy
            .put_target(Target::new(TargetId::node(format!("host-{n}").parse().unwrap()), labels));
    }
    user(&mut policy, "dev", &["dev"]);
    user(&mut policy, "hopeless", &["hopeless"]);
    for n in 0..PEOPLE {
        let name = format!("person-{n}");
        user(&mut policy, &name, &["hopeless", &format!("lead-{}", n % 50)]);
        grant(&mut policy, n, &name, &format!("app-{}", n % ROLES));
    }
    policy
}

fn grant(policy: &mut Policy, id: u64, user: &str, role: &str) {
    let (at, until) = (now(), now() + SignedDuration::from_hours(1));
    let by = Author::User(user.parse().unwrap());
    let roles = vec![role.parse().unwrap()];
    let asked = Requested {
        id: RequestId::from_bits(id),
        user: user.parse().unwrap(),
        by: by.clone(),
        channel: Channel::Cli,
        at,
        roles: roles.clone(),
        resources: Vec::new(),
        login_hint: None,
        reason: "ticket".to_owned(),
        answer_by: until,
        duration: SignedDuration::from_hours(1),
        cut: None,
        assume_start: None,
        terms: Vec::new(),
        annotations: Traits::new(),
        suggested_reviewers: Vec::new(),
        extends: None,
    };
    let act = Act { by, channel: Channel::Cli, at, reason: String::new() };
    let approved = Event::Overridden(act, Outcome::Approved { roles, start: at, until });
    policy.put_request(Arc::new(
        Request::replay([Event::Requested(Box::new(asked)), approved]).unwrap(),
    ));
}
