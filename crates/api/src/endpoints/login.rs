//! Logging in and out.

use super::{Auth, Endpoint};
use crate::login::{InviteAcceptance, InviteView, LoginAnswer, LoginRequest, MfaView, StatusView};

/// Logs in by password and code.
pub const LOGIN: Endpoint =
    Endpoint::post("/v1/login", "login", "Log in by password and second factor", Auth::Public)
        .takes::<LoginRequest>()
        .answers::<LoginAnswer>();
/// Ends a login: its certificates are not believed any more.
pub const LOGOUT: Endpoint =
    Endpoint::post("/v1/logout", "logout", "End this login at once", Auth::User);
/// Shows an invite to whoever has its link.
pub const INVITE: Endpoint = Endpoint::get(
    "/v1/invites/{token}",
    "showInvite",
    "Read an invite, with the secret of its second factor",
    Auth::Public,
)
.answers::<InviteView>();
/// Uses an invite up.
pub const ACCEPT: Endpoint = Endpoint::post(
    "/v1/invites/{token}",
    "acceptInvite",
    "Set password and second factor, and log in",
    Auth::Public,
)
.takes::<InviteAcceptance>()
.answers::<LoginAnswer>();
/// Who the caller is.
pub const STATUS: Endpoint =
    Endpoint::get("/v1/status", "showStatus", "Say who the caller is and holds", Auth::User)
        .answers::<StatusView>();
/// The caller's second factors.
pub const MFA: Endpoint =
    Endpoint::get("/v1/mfa", "listSecondFactors", "List one's own second factors", Auth::User)
        .pages::<MfaView>();

/// All of them.
pub const ALL: &[Endpoint] = &[LOGIN, LOGOUT, INVITE, ACCEPT, STATUS, MFA];
