//! What an application is told of who is asking: a signed assertion, and the headers of its record filled in for the
//! user.
//!
//! The assertion is a JWT (RFC 7519): `sub` is the user, `aud` the application's name alone, so that one application
//! cannot use it at another. It is made once for many requests, and made anew before it runs out, or when the policy has
//! changed what it says.

use std::sync::Arc;

use access::identity::Traits;
use access::name::RoleName;
use arc_swap::ArcSwapOption;
use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use store::Revision;

use super::stored::{App, Claims};
use crate::live::Session;

/// How long an assertion holds. Short, since nothing but its end takes it back.
const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How long one is used: what an application gets holds for some minutes more.
const USED: SignedDuration = SignedDuration::from_mins(2);
/// How far it is dated back, for clocks that are behind.
const DATED_BACK: SignedDuration = SignedDuration::from_secs(10);
/// The longest assertion, in bytes. A user with more roles and traits than fit is told without them.
const MAX_TOKEN: usize = 12 * 1024;

/// What is told in one visit.
#[derive(Debug)]
pub(super) struct Assertions {
    session: Arc<Session>,
    told: ArcSwapOption<Told>,
}

/// What requests get.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) token: Option<HeaderValue>,
    /// Of which policy, which record, and which keys.
    of: (Revision, Revision, u64),
    until: Timestamp,
}

impl Assertions {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, told: ArcSwapOption::empty() }
    }

    /// What requests get at `now`.
    pub(super) fn current(&self, app: &App, policy: Revision, now: Timestamp) -> Arc<Told> {
        let of = (policy, app.revision, self.session.house.authorities.epoch());
        if let Some(told) = &*self.told.load()
            && told.of == of
            && now < told.until
        {
            return Arc::clone(told);
        }
        let told = Arc::new(self.make(app, of, now));
        self.told.store(Some(Arc::clone(&told)));
        told
    }

    fn make(&self, app: &App, of: (Revision, Revision, u64), now: Timestamp) -> Told {
        let house = &self.session.house;
        let identity = &self.session.caller.identity;
        let held = house.gate.holdings(&identity.user, now);
        let sign = |roles: &[RoleName], traits: &Traits| {
            let claims = self.claims(app, roles, traits, now);
            house.authorities.sign_assertion(&claims).ok()
        };
        let (roles, traits) = (held.roles, held.traits);
        let none = (Vec::new(), Traits::new());
        let (told_roles, told_traits) = match app.claims {
            Claims::RolesAndTraits => (&roles, &traits),
            Claims::Roles => (&roles, &none.1),
            Claims::Traits => (&none.0, &traits),
            Claims::None => (&none.0, &none.1),
        };
        let token = sign(told_roles, told_traits)
            .filter(|token| token.len() <= MAX_TOKEN)
            .or_else(|| sign(&none.0, &none.1))
            .unwrap_or_default();
        // A template may name the assertion itself: `Bearer {{internal.jwt}}`.
        let mut filled = traits;
        filled.insert("jwt".into(), [token.clone()].into());
        filled.insert("user".into(), [identity.user.to_string()].into());
        let headers = app.headers.iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_str(&value.fill(&filled)?).ok()?;
            Some((name.clone(), value))
        });
        let headers = headers.collect();
        let token = HeaderValue::from_str(&token).ok().filter(|token| !token.is_empty());
        Told { headers, token, of, until: now.checked_add(USED).unwrap_or(now) }
    }

    fn claims(&self, app: &App, roles: &[RoleName], traits: &Traits, now: Timestamp) -> Value {
        let identity = &self.session.caller.identity;
        let ends = now.checked_add(LIFE).unwrap_or(now).min(identity.expires);
        let begins = now.checked_sub(DATED_BACK).unwrap_or(now);
        let roles: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
        let traits: Map<String, Value> = traits
            .iter()
            .map(|(name, values)| {
                let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
                (name.to_string(), json!(values))
            })
            .collect();
        json!({
            "iss": self.session.house.authorities.cluster(),
            "sub": identity.user.as_str(),
            "aud": [app.name.as_str()],
            "iat": now.as_second(),
            "nbf": begins.as_second(),
            "exp": ends.as_second(),
            "sid": self.session.id.to_string(),
            "username": identity.user.as_str(),
            "roles": roles,
            "traits": traits,
        })
    }
}
