//! A town: people with roles, and what they do to one request.

use access::{
    identity::{Identity, User},
    name::{LoginId, RequestId, UserName},
    policy::Policy,
    request::{Actor, Channel, Command, Draft, Event, Refusal, Request, file},
};
use api::role::RoleDocument;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

pub(crate) struct Town {
    pub(crate) policy: Policy,
    next: u64,
}

impl Town {
    /// Roles by name with what follows `spec:` in YAML, and people with their roles.
    pub(crate) fn new(roles: &[(&str, &str)], people: &[(&str, &[&str])]) -> Self {
        let mut town = Self { policy: Policy::new("town".parse().unwrap()), next: 0 };
        for (name, spec) in roles {
            town.role(name, spec);
        }
        for (name, roles) in people {
            town.person(name, roles);
        }
        town
    }

    pub(crate) fn role(&mut self, name: &str, spec: &str) {
        let text = format!("kind: role\nmetadata: {{name: {name}}}\nspec: {spec}\n");
        let document =
            RoleDocument::read(&text).unwrap_or_else(|problems| panic!("{text}{problems:?}"));
        let (role, _) = document.role().unwrap_or_else(|problems| panic!("{text}{problems:?}"));
        self.policy.put_role(role);
    }

    pub(crate) fn person(&mut self, name: &str, roles: &[&str]) {
        let mut user = User::new(name.parse().unwrap());
        user.roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        self.policy.put_user(user);
    }

    pub(crate) fn id(&mut self) -> RequestId {
        self.next += 1;
        RequestId::from_bits(self.next)
    }

    pub(crate) fn file(
        &mut self,
        who: &str,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Request, Refusal> {
        let id = self.id();
        let event = file(&self.policy, &cli(who), draft, id, now)?;
        let request = Request::replay([event]).unwrap();
        self.policy.put_request(Arc::new(request.clone()));
        Ok(request)
    }

    /// Does it, and puts what came of it into the policy, as the store would.
    pub(crate) fn act(
        &mut self,
        request: &mut Request,
        actor: &Actor,
        command: Command,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        let event = request.decide(&self.policy, actor, command, now)?;
        request.apply(event.clone());
        self.policy.put_request(Arc::new(request.clone()));
        Ok(event)
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    format!("2026-03-02T{text}:00Z").parse().unwrap()
}

pub(crate) fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

pub(crate) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(crate) fn cli(who: &str) -> Actor {
    through(who, Channel::Cli)
}

pub(crate) fn through(who: &str, channel: Channel) -> Actor {
    Actor::user(&identity(who), channel)
}

pub(crate) fn identity(who: &str) -> Identity {
    Identity {
        user: user(who),
        login: LoginId::from_bits(1),
        expires: Timestamp::MAX,
        mfa: true,
        device: true,
    }
}

pub(crate) fn approve() -> Command {
    Command::Approve { reason: String::new(), assume_start: None, duration: None }
}

pub(crate) fn deny() -> Command {
    Command::Deny { reason: String::new() }
}

pub(crate) fn wanting(role: &str) -> Draft {
    Draft { roles: vec![role.to_owned()], reason: "ticket 1234".to_owned(), ..Draft::default() }
}
