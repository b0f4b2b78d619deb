//! Certificates towards targets: one per connection, for one login, for minutes.

use access::name::{Login, RequestId, SessionId, UserName};
use jiff::{SignedDuration, Timestamp};
use russh::keys::ssh_key::certificate::CertType;

use super::{
    Draft,
    keys::{Certificate, PublicKey},
};
use crate::{Authorities, CLOCK_SKEW, SignError};

/// How long a certificate towards a target lives at most. `sshd` looks at it once, when the
/// connection is made, which takes seconds; the session itself is cut by us, not by this.
pub const UPSTREAM_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What the target's `sshd` shall let this one connection do (`permit-*` extensions).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Allowed {
    /// Forwarding of the agent.
    pub agent_forwarding: bool,
    /// Forwarding of ports, in both directions.
    pub port_forwarding: bool,
    /// A terminal.
    pub pty: bool,
    /// The person's own `~/.ssh/rc` on the target.
    pub user_rc: bool,
    /// Forwarding of X11.
    pub x11_forwarding: bool,
}

/// A connection to a target, as the permit allows it.
#[derive(Clone, Debug)]
pub struct UpstreamPlan {
    /// The account on the target: the certificate's only principal.
    pub login: Login,
    /// Who connects; for the target's own log.
    pub user: UserName,
    /// The session this is; for the target's own log.
    pub session: SessionId,
    /// The request whose grant opened it, if one did; for the target's own log.
    pub request: Option<RequestId>,
    /// What `sshd` shall let it do.
    pub allowed: Allowed,
    /// When the permit ends; the certificate ends then or after [`UPSTREAM_LIFE`].
    pub until: Option<Timestamp>,
}

impl Authorities {
    /// Signs a certificate for one connection to a target. `sshd` logs its key id:
    /// `countersign user=alice session=… request=…`.
    pub fn sign_upstream_ssh(
        &self,
        plan: &UpstreamPlan,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<Certificate, SignError> {
        let most = now.checked_add(UPSTREAM_LIFE).unwrap_or(Timestamp::MAX);
        let mut key_id = format!("countersign user={} session={}", plan.user, plan.session);
        if let Some(request) = &plan.request {
            key_id.push_str(&format!(" request={request}"));
        }
        let Allowed { agent_forwarding, port_forwarding, pty, user_rc, x11_forwarding } =
            plan.allowed;
        let extensions = [
            (x11_forwarding, "permit-X11-forwarding"),
            (agent_forwarding, "permit-agent-forwarding"),
            (port_forwarding, "permit-port-forwarding"),
            (pty, "permit-pty"),
            (user_rc, "permit-user-rc"),
        ];
        Draft {
            kind: CertType::User,
            key,
            key_id,
            principals: vec![plan.login.to_string()],
            extensions: extensions
                .into_iter()
                .filter(|(allowed, _)| *allowed)
                .map(|(_, name)| (name.to_owned(), String::new()))
                .collect(),
            back: CLOCK_SKEW,
            until: plan.until.map_or(most, |until| until.min(most)),
        }
        .sign(&self.ring().user.active, now)
    }

    /// What a target's `TrustedUserCAKeys` file must hold: one line for each generation.
    pub fn trusted_user_ca_keys(&self) -> Result<String, SignError> {
        let ring = self.ring();
        let comment = format!("countersign-user-ca {}", ring.cluster);
        ring.user.trusted().map(|authority| Ok(authority.line(&comment)? + "\n")).collect()
    }
}
