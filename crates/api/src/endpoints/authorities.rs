//! Certificate authorities.

use super::{Auth, Endpoint, Verb};
use crate::authority::{AuthorityView, Rotation, SignIdentity};
use crate::login::LoginAnswer;

/// The public parts.
pub const EXPORT: Endpoint = Endpoint::get(
    "/v1/auth/export",
    "exportAuthorities",
    "Show the public part of every authority",
    Auth::User,
)
.pages::<AuthorityView>();
/// Identity files for automation. Only on the daemon's host: whoever may sign may be anybody.
pub const SIGN: Endpoint = Endpoint::post(
    "/v1/auth/sign",
    "signIdentity",
    "Sign certificates for a user, for automation",
    Auth::AdminSocket,
)
.takes::<SignIdentity>()
.answers::<LoginAnswer>();
/// The next generation, step by step.
pub const ROTATE: Endpoint = Endpoint::post(
    "/v1/auth/rotate",
    "rotateAuthority",
    "Take the next step of a rotation",
    Auth::Rule("cert_authority", Verb::Update),
)
.takes::<Rotation>()
.pages::<AuthorityView>();

/// All of them.
pub const ALL: &[Endpoint] = &[EXPORT, SIGN, ROTATE];
