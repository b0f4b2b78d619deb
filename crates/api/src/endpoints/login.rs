//! Logging in and out.

use super::{Auth, Endpoint, Parameter};
use crate::browser::BrowserView;
use crate::login::{
    InviteAcceptance, InviteView, LoginAnswer, LoginRequest, LoginView, MfaView, StatusView,
    WebLogin, WebLoginAnswer,
};
use crate::token::TokenLogin;

/// Logs in by password and code.
pub const LOGIN: Endpoint =
    Endpoint::post("/v1/login", "login", "Log in by password and second factor", Auth::Public)
        .takes::<LoginRequest>()
        .answers::<LoginAnswer>();
/// Logs a browser in: a session token instead of certificates.
pub const LOGIN_WEB: Endpoint =
    Endpoint::post("/v1/login/web", "loginWeb", "Log in a browser", Auth::Public)
        .takes::<WebLogin>()
        .answers::<WebLoginAnswer>();
/// Logs a browser in by a cookie.
pub const BROWSER_LOGIN: Endpoint = Endpoint::post(
    "/v1/browser",
    "beginBrowserSession",
    "Log a browser in: the answer sets a cookie that no script can read",
    Auth::Public,
)
.takes::<WebLogin>()
.answers::<BrowserView>();
/// Who sits before the screen.
pub const BROWSER_SHOW: Endpoint = Endpoint::get(
    "/v1/browser",
    "showBrowserSession",
    "Say who the caller is, what to offer, and how calls of this session prove themselves",
    Auth::User,
)
.answers::<BrowserView>();
/// Ends the browser's login and takes the cookie back.
pub const BROWSER_LOGOUT: Endpoint = Endpoint::delete(
    "/v1/browser",
    "endBrowserSession",
    "End this browser's login and take its cookie back",
    Auth::User,
);
/// Logs a machine in.
pub const LOGIN_TOKEN: Endpoint =
    Endpoint::post("/v1/login/token", "loginToken", "Log a machine in by its token", Auth::Public)
        .takes::<TokenLogin>()
        .answers::<LoginAnswer>();
/// Logins that have not ended.
pub const LOGIN_LIST: Endpoint =
    Endpoint::get("/v1/logins", "listLogins", "List logins that have not ended", Auth::User)
        .query(&[Parameter::new("user", "Another user's; needs the rule to read users.")])
        .pages::<LoginView>();
/// Ends all of one's own.
pub const LOGIN_END_ALL: Endpoint = Endpoint::delete(
    "/v1/logins",
    "endLogins",
    "End every login of one's own, this one too",
    Auth::User,
);
/// Ends one login.
pub const LOGIN_END: Endpoint = Endpoint::delete(
    "/v1/logins/{id}",
    "endLogin",
    "End a login; another user's needs the rule to update users",
    Auth::User,
);
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
/// The page behind an invite link, for browsers.
pub const INVITE_PAGE: Endpoint = Endpoint::get(
    "/invite/{token}",
    "showInvitePage",
    "The page behind an invite link, for browsers",
    Auth::Public,
)
.answers_bytes("text/html; charset=utf-8");
/// The form of that page.
pub const INVITE_FORM: Endpoint = Endpoint::post(
    "/invite/{token}",
    "sendInvitePage",
    "The form of the invite page: `password`, `again` and `totp`, URL-encoded",
    Auth::Public,
)
.answers_bytes("text/html; charset=utf-8");
/// Where an application sends a browser that nobody is known to sit at.
pub const APP_ENTER: Endpoint = Endpoint::get(
    "/v1/enter",
    "enterApp",
    "Log in on the way to an application, for browsers",
    Auth::Public,
)
.query(&[
    Parameter::new("at", "The application's host name, with its port where that is not 443."),
    Parameter::new("state", "What ties the way back to the browser that began."),
    Parameter::new("to", "The path at the application that the browser wanted."),
])
.answers_bytes("text/html; charset=utf-8");
/// The form of that page.
pub const APP_ENTER_FORM: Endpoint = Endpoint::post(
    "/v1/enter",
    "sendEnterApp",
    "The form of that page: `user`, `password` and `totp`, URL-encoded",
    Auth::Public,
)
.answers_bytes("text/html; charset=utf-8");
/// The keys that applications check assertions with.
pub const APP_KEYS: Endpoint = Endpoint::get(
    "/.well-known/jwks.json",
    "listAppKeys",
    "The keys that assertions towards applications are signed with (JWKS, RFC 7517)",
    Auth::Public,
)
.answers_bytes("application/json");
/// Who the caller is.
pub const STATUS: Endpoint =
    Endpoint::get("/v1/status", "showStatus", "Say who the caller is and holds", Auth::User)
        .answers::<StatusView>();
/// The caller's second factors.
pub const MFA: Endpoint =
    Endpoint::get("/v1/mfa", "listSecondFactors", "List one's own second factors", Auth::User)
        .pages::<MfaView>();

/// All of them.
pub const ALL: &[Endpoint] = &[
    LOGIN,
    LOGIN_WEB,
    BROWSER_LOGIN,
    BROWSER_SHOW,
    BROWSER_LOGOUT,
    LOGIN_TOKEN,
    LOGIN_LIST,
    LOGIN_END_ALL,
    LOGIN_END,
    LOGOUT,
    INVITE,
    ACCEPT,
    INVITE_PAGE,
    INVITE_FORM,
    APP_ENTER,
    APP_ENTER_FORM,
    APP_KEYS,
    STATUS,
    MFA,
];
