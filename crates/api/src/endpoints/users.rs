//! Users, invites and tokens.

use super::{Auth, Endpoint, Verb};
use crate::document::Written;
use crate::token::{NewToken, TokenDocument};
use crate::user::{Invite, NewInvite, UserDocument};

/// Lists users.
pub const USER_LIST: Endpoint =
    Endpoint::get("/v1/users", "listUsers", "List users", Auth::Rule("user", Verb::List))
        .query(super::PAGE)
        .pages::<UserDocument>();
/// Creates a user, who cannot log in before an invite.
pub const USER_CREATE: Endpoint =
    Endpoint::post("/v1/users", "createUser", "Create a user", Auth::Rule("user", Verb::Create))
        .takes_document::<UserDocument>()
        .answers::<Written>();
/// Reads a user.
pub const USER_SHOW: Endpoint =
    Endpoint::get("/v1/users/{name}", "showUser", "Read a user", Auth::Rule("user", Verb::Read))
        .answers::<UserDocument>();
/// Writes a user.
pub const USER_PUT: Endpoint = Endpoint::put(
    "/v1/users/{name}",
    "putUser",
    "Create or replace a user",
    Auth::Rule("user", Verb::Update),
)
.takes_document::<UserDocument>()
.answers::<Written>();
/// Removes a user, with password, second factor and logins.
pub const USER_DELETE: Endpoint = Endpoint::delete(
    "/v1/users/{name}",
    "deleteUser",
    "Remove a user and everything to log in with",
    Auth::Rule("user", Verb::Delete),
);
/// Makes a one-time link; whatever the user logged in with before stops working.
pub const USER_INVITE: Endpoint = Endpoint::post(
    "/v1/users/{name}/invite",
    "inviteUser",
    "Make a one-time link to set password and second factor",
    Auth::Rule("user", Verb::Update),
)
.takes::<NewInvite>()
.answers::<Invite>();

/// Lists tokens, without their secrets.
pub const TOKEN_LIST: Endpoint =
    Endpoint::get("/v1/tokens", "listTokens", "List tokens", Auth::Rule("token", Verb::List))
        .query(super::PAGE)
        .pages::<TokenDocument>();
/// Creates a token.
pub const TOKEN_CREATE: Endpoint = Endpoint::post(
    "/v1/tokens",
    "createToken",
    "Create a token; its secret is in the answer and nowhere else",
    Auth::Rule("token", Verb::Create),
)
.takes_document::<TokenDocument>()
.answers::<NewToken>();
/// Reads a token, without its secret.
pub const TOKEN_SHOW: Endpoint = Endpoint::get(
    "/v1/tokens/{name}",
    "showToken",
    "Read a token, without its secret",
    Auth::Rule("token", Verb::Read),
)
.answers::<TokenDocument>();
/// Removes a token.
pub const TOKEN_DELETE: Endpoint = Endpoint::delete(
    "/v1/tokens/{name}",
    "deleteToken",
    "Remove a token",
    Auth::Rule("token", Verb::Delete),
);

/// All of them.
pub const ALL: &[Endpoint] = &[
    USER_LIST,
    USER_CREATE,
    USER_SHOW,
    USER_PUT,
    USER_DELETE,
    USER_INVITE,
    TOKEN_LIST,
    TOKEN_CREATE,
    TOKEN_SHOW,
    TOKEN_DELETE,
];
