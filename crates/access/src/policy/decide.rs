//! The decision (the law, §9).
//!
//! ```text
//!   certificate valid, account open, no lock ──► deny pass: anything denies → no
//!     ──► allow pass: the roles in which everything matches
//!           held everywhere (record, grants of roles), else by a grant for this very resource
//!     ──► one of them wants a second factor, or a trusted device, which is not there → no, and how
//!     ──► one of them wants others to be present: no door lets them in yet, so → no
//!     ──► yes: options merged over them; until the last grant that carries it ends
//! ```
//!
//! A grant for resources is looked at only where nothing else permits: it adds, and takes nothing away.

use super::{
    Policy,
    held::{Granted, Held},
    locked::locked,
    matching::Matter,
    merge,
};
use crate::{
    ask::{Action, Ask, KubeCall},
    denial::{Denial, DenialCode, NextStep},
    identity::{Identity, Lapsed, User},
    join::{self, SessionKind},
    lock::Subject,
    name::{RequestId, RoleName, SessionId},
    permit::{Permit, Terms},
    role::{
        Role,
        options::{DeviceTrust, RequireMfa},
    },
    target::{Labels, Target},
};
use jiff::Timestamp;

/// The roles in which everything matches, and what they rest on.
#[derive(Debug, Default)]
pub(super) struct Carried<'p> {
    pub(super) roles: Vec<&'p Role>,
    pub(super) requests: Vec<RequestId>,
    /// The end of the last grant; `None` where a role of the record is enough.
    pub(super) until: Option<Timestamp>,
}

/// Why nothing carries an ask.
#[derive(Debug)]
pub(super) enum Uncarried<'p> {
    /// A role denies it.
    Denied(&'p Role),
    /// No role allows it.
    Nothing,
}

impl Policy {
    /// Decides whether `identity` may do what they ask, at `now` (the law, §9).
    ///
    /// # Errors
    /// The [`Denial`], with what to do next.
    pub fn decide(&self, identity: &Identity, ask: &Ask, now: Timestamp) -> Result<Permit, Denial> {
        if now >= identity.expires {
            return Err(Lapsed::ended(identity).denial(now));
        }
        self.settle(identity, ask, None, now)
    }

    /// Decides again about a session that is running: whenever the policy has changed, and when
    /// `permit.until()` has come. A certificate that has run out since ends the session only where a role
    /// says so; a lock on the session does.
    ///
    /// # Errors
    /// The [`Denial`] that ends the session.
    pub fn renew(
        &self,
        identity: &Identity,
        ask: &Ask,
        session: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Permit, Denial> {
        let renewed = self.settle(identity, ask, session, now)?;
        if renewed.options.disconnect_expired_cert && now >= identity.expires {
            let sentence = "your login has run out";
            return Err(Denial::new(
                DenialCode::LoginRequired,
                sentence,
                "disconnect_expired_cert",
            ));
        }
        Ok(renewed)
    }

    /// Whether `identity` may be here at all at `now`, whatever they want: the account is open, and no lock is on
    /// it, on a role they hold, or on this login. Whether the certificate has run out is not looked at.
    ///
    /// # Errors
    /// The [`Denial`].
    pub fn welcome(&self, identity: &Identity, now: Timestamp) -> Result<(), Denial> {
        let user = self.open_account(identity)?;
        let held = self.held(user, now);
        let subject = Subject {
            user: Some(&user.name),
            roles: &held.names(),
            login_session: Some(identity.login),
            ..Subject::default()
        };
        self.unlocked(&subject, now)
    }

    /// Which items of a collection `identity` may see at `now`: for each, in their order. `ask` is for the collection,
    /// and was permitted; items are namespace and name.
    pub fn shows<'i>(
        &self,
        identity: &Identity,
        ask: &Ask,
        items: impl Iterator<Item = (Option<&'i str>, &'i str)>,
        now: Timestamp,
    ) -> Vec<bool> {
        let known = self.user(&identity.user).filter(|user| !user.disabled);
        let (Some(user), Some(target), Action::Kube { user: chosen, groups, resource: Some(call) }) =
            (known, self.target(&ask.target), &ask.action)
        else {
            return items.map(|_| false).collect();
        };
        let held = self.held(user, now);
        let one = |(namespace, name): (Option<&str>, &str)| {
            let call = KubeCall {
                namespace: namespace.map(Into::into),
                name: name.into(),
                part: false,
                ..call.clone()
            };
            let (user, groups) = (chosen.clone(), groups.clone());
            // Without a name it would be the whole collection.
            !name.is_empty()
                && self
                    .carried(&held, target, &Action::Kube { user, groups, resource: Some(call) })
                    .is_ok()
        };
        items.map(one).collect()
    }

    fn open_account(&self, identity: &Identity) -> Result<&User, Denial> {
        let closed =
            |detail| Denial::new(DenialCode::AccountClosed, "this account is closed", detail);
        let user = self.user(&identity.user).ok_or_else(|| closed("no such user"))?;
        if user.disabled { Err(closed("the user is disabled")) } else { Ok(user) }
    }

    fn settle(
        &self,
        identity: &Identity,
        ask: &Ask,
        session: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Permit, Denial> {
        let user = self.open_account(identity)?;
        let held = self.held(user, now);
        let names = held.names();
        let subject = Subject {
            user: Some(&user.name),
            roles: &names,
            login: ask.action.login(),
            session,
            login_session: Some(identity.login),
            ..Subject::default()
        };
        self.unlocked(&subject, now)?;
        let Some(target) = self.target(&ask.target) else {
            return Err(self.unknown(&held, ask));
        };
        if !fits(target, &ask.action) {
            return Err(Denial::no_access(ask, "the target is of another kind than the action"));
        }
        let carried = self
            .carried(&held, target, &ask.action)
            .map_err(|why| self.refuse(&held, ask, target, &why))?;
        // A lock on the target is told to those alone who could reach it.
        self.way_unlocked(&subject, &ask.target, &carried, now)?;
        self.demands(identity, ask, carried.roles.iter().copied())?;
        if let Some(kind) = moderated(&ask.action) {
            join::unattended(carried.roles.iter().copied(), kind)?;
        }
        let terms =
            terms(user, &held, target, &ask.action, &carried.roles).map_err(|why| match why {
                (Some(sentence), detail) => Denial::new(DenialCode::NoAccess, sentence, detail),
                (None, detail) => Denial::no_access(ask, detail),
            })?;
        Ok(permit(identity, ask, carried, terms))
    }

    /// What carries an ask: both passes, without locks, factors and devices.
    pub(super) fn carried<'p>(
        &'p self,
        held: &Held<'p>,
        target: &Target,
        action: &Action,
    ) -> Result<Carried<'p>, Uncarried<'p>> {
        let matter = Matter { user: held.user, target, action };
        if let Some(role) = held.roles().find(|role| matter.denied_by(role)) {
            return Err(Uncarried::Denied(role));
        }
        let mut roles: Vec<_> =
            held.base.iter().copied().filter(|role| matter.allowed_by(role)).collect();
        let standing = !roles.is_empty();
        let granted: Vec<&Granted<'p>> =
            held.granted.iter().filter(|granted| matter.allowed_by(granted.role)).collect();
        roles.extend(granted.iter().map(|granted| granted.role));
        if standing {
            return Ok(Carried { roles, requests: Vec::new(), until: None });
        }
        if !granted.is_empty() {
            let requests = granted.iter().map(|granted| granted.request).collect();
            let until = granted.iter().map(|granted| granted.until).max();
            return Ok(Carried { roles, requests, until });
        }
        self.carried_by_resource(held, &matter)
    }

    fn carried_by_resource<'p>(
        &'p self,
        held: &Held<'p>,
        matter: &Matter<'_>,
    ) -> Result<Carried<'p>, Uncarried<'p>> {
        let mut carried = Carried::default();
        let mut denied = None;
        for scoped in held
            .scoped
            .iter()
            .filter(|scoped| scoped.covers(self, &matter.target.id, matter.action))
        {
            // What its roles deny, it does not give; what others give, it leaves alone.
            if let Some(role) = scoped.roles.iter().copied().find(|role| matter.denied_by(role)) {
                denied.get_or_insert(role);
                continue;
            }
            let before = carried.roles.len();
            carried
                .roles
                .extend(scoped.roles.iter().copied().filter(|role| matter.allowed_by(role)));
            if carried.roles.len() > before {
                carried.requests.push(scoped.request);
                carried.until = carried.until.max(Some(scoped.until));
            }
        }
        match denied {
            _ if !carried.roles.is_empty() => Ok(carried),
            Some(role) => Err(Uncarried::Denied(role)),
            None => Err(Uncarried::Nothing),
        }
    }

    /// The denial of a target that is not there. It says what that of a forbidden one says, after the same work: neither
    /// the words nor the time tell the two apart.
    fn unknown(&self, held: &Held<'_>, ask: &Ask) -> Denial {
        let nothing = Target::new(ask.target.clone(), Labels::new());
        let why = self.carried(held, &nothing, &ask.action).err().unwrap_or(Uncarried::Nothing);
        core::hint::black_box(self.refuse(held, ask, &nothing, &why));
        Denial::no_access(ask, "no such target")
    }

    fn refuse(&self, held: &Held<'_>, ask: &Ask, target: &Target, why: &Uncarried<'_>) -> Denial {
        let matter = Matter { user: held.user, target, action: &ask.action };
        let withheld = held.withheld.iter().find(|(_, grant)| {
            grant.covers(self, &target.id, &ask.action)
                && grant.roles.iter().any(|role| matter.allowed_by(role))
        });
        // Told only where the grant would have opened the target: elsewhere it would give away that it exists.
        if let Some((lock, _)) = withheld {
            return locked(lock);
        }
        match why {
            Uncarried::Denied(role) => {
                Denial::no_access(ask, format!("denied by role `{}`", role.name()))
            }
            Uncarried::Nothing => {
                let limited =
                    held.scoped.iter().map(|scoped| scoped.request.to_string()).collect::<Vec<_>>();
                let detail = if limited.is_empty() {
                    "no role allows it".to_owned()
                } else {
                    format!(
                        "no role allows it; access by request {} is limited to its resources",
                        limited.join(", ")
                    )
                };
                match self.next_step(held, target, &ask.action) {
                    Some(next) => Denial::requestable(ask, detail, next),
                    None => Denial::no_access(ask, detail),
                }
            }
        }
    }

    /// A second factor, then a trusted device, where a role that counts wants it.
    fn demands<'r>(
        &self,
        identity: &Identity,
        ask: &Ask,
        roles: impl Iterator<Item = &'r Role> + Clone,
    ) -> Result<(), Denial> {
        let wanting = |wants: fn(RequireMfa) -> bool| {
            roles.clone().find(|role| role.options.require_session_mfa.is_some_and(wants))
        };
        let detail = |by_role: Option<&Role>| match by_role {
            Some(role) => format!("role `{}`", role.name()),
            None => "the cluster demands it".to_owned(),
        };
        let cluster = self.settings.require_session_mfa;
        // An identity says that there was a second factor, not which: what it does not say is not so.
        let by_role = wanting(RequireMfa::needs_hardware);
        if by_role.is_some() || cluster.needs_hardware() {
            let sentence =
                format!("`{ask}` needs a key held in hardware, which no login here shows");
            return Err(Denial::new(DenialCode::MfaRequired, sentence, detail(by_role)));
        }
        let by_role = wanting(RequireMfa::is_required);
        if !identity.mfa && (by_role.is_some() || cluster.is_required()) {
            let detail = detail(by_role);
            let sentence = format!("`{ask}` needs a second factor, and this login showed none");
            return Err(Denial::new(DenialCode::MfaRequired, sentence, detail)
                .with_next(Some(NextStep::Mfa)));
        }
        let device = merge::device_trust(roles.map(|role| &role.options));
        if self.settings.device_trust && device == DeviceTrust::Required && !identity.device {
            let sentence = format!("`{ask}` needs a trusted device");
            return Err(Denial::new(DenialCode::DeviceRequired, sentence, "device_trust_mode")
                .with_next(Some(NextStep::Device)));
        }
        Ok(())
    }
}

const fn moderated(action: &Action) -> Option<SessionKind> {
    match action {
        Action::App { .. } => None,
        Action::Db { .. } => Some(SessionKind::Db),
        Action::Desktop { .. } => Some(SessionKind::Desktop),
        Action::Kube { .. } => Some(SessionKind::Kube),
        Action::Ssh { .. } => Some(SessionKind::Ssh),
    }
}

/// Whether the action is one for targets of this kind.
const fn fits(target: &Target, action: &Action) -> bool {
    use crate::target::TargetKind;
    match (target.id.kind, action) {
        (TargetKind::App, Action::App { .. })
        | (TargetKind::Db, Action::Db { .. })
        | (TargetKind::Desktop, Action::Desktop { .. })
        | (TargetKind::KubeCluster, Action::Kube { .. })
        | (TargetKind::Node, Action::Ssh { .. }) => true,
        (
            TargetKind::App
            | TargetKind::Db
            | TargetKind::Desktop
            | TargetKind::KubeCluster
            | TargetKind::Node,
            Action::App { .. }
            | Action::Db { .. }
            | Action::Desktop { .. }
            | Action::Kube { .. }
            | Action::Ssh { .. },
        ) => false,
    }
}

fn permit(identity: &Identity, ask: &Ask, carried: Carried<'_>, terms: Terms) -> Permit {
    let options = merge::session(carried.roles.iter().map(|role| &role.options), ask.target.kind);
    let mut roles: Vec<RoleName> = carried.roles.iter().map(|role| role.name().clone()).collect();
    roles.sort_unstable();
    roles.dedup();
    let mut requests = carried.requests;
    requests.sort_unstable();
    requests.dedup();
    let certificate = options.disconnect_expired_cert.then_some(identity.expires);
    let until = carried.until.into_iter().chain(certificate).min();
    Permit { identity: identity.clone(), ask: ask.clone(), roles, requests, until, options, terms }
}

/// Whom to be on the target's side, from the roles that carry the ask. The error is a sentence where
/// whoever asked may be told more than "no access", and a detail for the log.
fn terms(
    user: &User,
    held: &Held<'_>,
    target: &Target,
    action: &Action,
    roles: &[&Role],
) -> Result<Terms, (Option<String>, String)> {
    match action {
        Action::Kube { user: chosen, groups, .. } => {
            let extent = super::extent::kube(user, held.roles(), roles.iter().copied(), target);
            extent.choose(user, chosen.as_deref(), groups)
        }
        Action::Db { .. } => {
            let mut db_statements: Vec<_> =
                roles.iter().map(|role| role.options.db_statements()).collect();
            db_statements.sort_unstable();
            db_statements.dedup();
            let db_provision =
                super::extent::provision(user, held.roles(), roles.iter().copied(), target);
            Ok(Terms { db_statements, db_provision, ..Terms::default() })
        }
        Action::App { .. } => {
            let denies = held.roles().any(|role| !role.deny.app_paths.is_empty());
            let allows = roles.iter().any(|role| role.allow.app_paths.is_empty());
            Ok(Terms { app_every_call: allows && !denies, ..Terms::default() })
        }
        Action::Desktop { .. } | Action::Ssh { .. } => Ok(Terms::default()),
    }
}
