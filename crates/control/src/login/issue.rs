//! From a user who is known to a login: an id, an end, certificates, a record of it.

use access::{
    identity::Identity,
    name::{LoginId, UserName},
    policy::Policy,
};
use api::audit::{NewEvent, code};
use api::login::{LoginAnswer, LoginKeys};
use ca::{SignError, parse_user_key};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::kv::Commit;

use crate::{Caller, Control, Failure};

/// How long a login holds where no role says less (the law, §6).
pub(crate) const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// How long a login holds at most, whatever roles say.
pub(crate) const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(30);
/// The shortest life that can be asked for: less would be over before it is used.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// By which way someone logged in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// An invite just accepted.
    Invite,
    /// Password and code.
    Password,
    /// Signed by the administrator on the host.
    Signed,
    /// A machine's token.
    Token,
    /// Password and code, in a browser.
    Web,
}

impl How {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Password => "password",
            Self::Signed => "signed",
            Self::Token => "token",
            Self::Web => "web",
        }
    }

    /// Whether a second factor was given.
    pub(crate) fn mfa(self) -> bool {
        match self {
            Self::Invite | Self::Password | Self::Web => true,
            Self::Signed | Self::Token => false,
        }
    }
}

/// The record of a login, kept until its end has come.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Login {
    pub(crate) login: String,
    pub(crate) user: String,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) peer: Option<String>,
    pub(crate) how: How,
    /// The digest of the session token, for logins of browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
}

/// Where a login's record lies.
pub(crate) fn login_key(user: &UserName, login: LoginId) -> String {
    format!("{}{login}", logins_prefix(user))
}

/// Where all logins of a user lie. A name has no slash, so no name is the beginning of another's.
pub(crate) fn logins_prefix(user: &UserName) -> String {
    format!("/login/{user}/")
}

/// A wish for a login of a user who is known.
pub(crate) struct Issue<'a> {
    pub(crate) user: &'a UserName,
    pub(crate) how: How,
    /// How long was asked for.
    pub(crate) ttl: Option<SignedDuration>,
    pub(crate) caller: &'a Caller,
}

impl Issue<'_> {
    /// Who they are from now on, and until when.
    pub(crate) fn identity(&self, control: &Control) -> Identity {
        let now = control.now();
        let most = control.store().policy().read(|policy| longest(policy, self.user));
        let life = self.ttl.unwrap_or(most).clamp(SHORTEST_LIFE.min(most), most);
        Identity {
            user: self.user.clone(),
            login: LoginId::from_bits(rand::random()),
            expires: whole_seconds(now.checked_add(life).unwrap_or(now)),
            mfa: self.how.mfa(),
            device: false,
        }
    }

    /// The commit that records the login.
    pub(crate) fn commit(
        &self,
        control: &Control,
        identity: &Identity,
        token: Option<&str>,
    ) -> Result<Commit, Failure> {
        let peer = match self.caller {
            Caller::Anonymous { peer, .. } => peer.map(|peer| peer.to_string()),
            Caller::Admin { .. } | Caller::User(_) => Some(self.caller.name()),
        };
        let login = Login {
            login: identity.login.to_string(),
            user: identity.user.to_string(),
            created: control.now(),
            expires: identity.expires,
            peer: peer.clone(),
            how: self.how,
            token: token.map(super::digest),
        };
        let bytes = serde_json::to_vec(&login).map_err(Failure::internal)?;
        let event = NewEvent::new(code::LOGIN_SUCCEEDED, control.now())
            .user(&identity.user)
            .login(identity.login)
            .with("how", self.how.as_str())
            .with("from", peer)
            .with("expires", identity.expires.to_string());
        Ok(Commit::new().put(login_key(self.user, identity.login), bytes).event(event))
    }
}

/// Signs certificates for `keys`, and gives what must be committed before they are handed out.
///
/// # Errors
/// When a key is not accepted, by its field.
pub(crate) fn issue(
    control: &Control,
    wish: &Issue<'_>,
    keys: &LoginKeys,
) -> Result<(LoginAnswer, Commit), Failure> {
    let refuse = |path: &str, error: SignError| match error {
        SignError::Key(why) => Failure::field(path, why),
        SignError::AlreadyOver(_)
        | SignError::Crypto(_)
        | SignError::Name(_)
        | SignError::NoName => Failure::internal(error),
    };
    let now = control.now();
    let identity = wish.identity(control);
    let authorities = control.authorities();
    let key = parse_user_key(&keys.ssh).map_err(|error| refuse("keys.ssh", error))?;
    let ssh = authorities
        .sign_identity_ssh(&identity, &key, now)
        .map_err(|error| refuse("keys.ssh", error))?;
    let tls = authorities
        .sign_identity_x509(&identity, &keys.tls, now)
        .map_err(|error| refuse("keys.tls", error))?;
    let issued = NewEvent::new(code::CERT_ISSUED, now)
        .user(&identity.user)
        .login(identity.login)
        .with("ssh_serial", ssh.serial().to_string())
        .with("ssh_key", ca::fingerprint(&key))
        .with("expires", identity.expires.to_string());
    let commit = wish.commit(control, &identity, None)?.event(issued);
    let answer = LoginAnswer {
        user: identity.user.to_string(),
        login: identity.login.to_string(),
        cluster: control.cluster().to_owned(),
        ssh_certificate: ca::Authorities::certificate_line(&ssh).map_err(Failure::internal)?,
        tls_certificate: tls.pem(),
        tls_authorities: authorities.tls_roots_pem(),
        host_authorities: authorities.host_ca_keys().map_err(Failure::internal)?,
        expires: identity.expires,
    };
    Ok((answer, commit))
}

/// The longest login the user's own roles allow: the smallest of them all (the law, §6).
pub(crate) fn longest(policy: &Policy, user: &UserName) -> SignedDuration {
    let user = policy.user(user).cloned();
    let roles = user.iter().flat_map(|user| policy.base_roles(user));
    roles
        .filter_map(|role| role.options().max_session_ttl)
        .min()
        .map_or(DEFAULT_LIFE, |most| most.min(LONGEST_LIFE))
}

/// Certificates count seconds; what is told must be what they say.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
