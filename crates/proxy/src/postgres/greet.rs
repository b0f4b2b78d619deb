//! Inside TLS: the start-up packet, and which target, user and database it asks for.

use std::sync::Arc;

use access::ask::Ask;
use bytes::Buf;
use store::recording::NewEvent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::postgres::startup::{self, MAX_PACKET, NEWEST_MINOR, OPTION_PREFIX, Opening};
use wire::postgres::{Startup, write};

use super::{GREETING_WAIT, Guest, cancel, reason, say};
use crate::House;
use crate::error::Error;
use crate::gate::{Caller, Refused};
use crate::route::{Secured, part};

/// How often a client may ask for encryption inside TLS.
const MAX_REQUESTS: usize = 2;
/// Bytes of the client's name that are kept.
const MAX_CLIENT: usize = 128;

/// Who is there, and what for. `None` when he was served, or told why not.
pub(super) async fn greet(
    house: &Arc<House>,
    mut secured: Secured,
) -> Result<Option<(Guest, Caller)>, Error> {
    let opening = tokio::time::timeout(GREETING_WAIT, open(&mut secured)).await;
    let startup = match opening.map_err(|_| Error::Slow)?? {
        Begun::Startup(startup) => startup,
        Begun::Cancel(key) => {
            cancel::serve(house, &key, secured.identity.as_ref(), secured.peer).await;
            return Ok(None);
        }
        Begun::Malformed(error) => {
            return Ok(away(secured, |out| say::malformed_startup(out, error)).await);
        }
    };
    let Some(identity) = secured.identity.take() else {
        let Some(lapsed) = secured.lapsed.take() else {
            return Ok(away(secured, say::no_certificate).await);
        };
        let refused = Refused::lapsed(&lapsed, house.now());
        let event = NewEvent::new("session.refused", house.now())
            .user(&lapsed.user)
            .login(lapsed.login)
            .with("code", &*refused.code)
            .with("peer", secured.peer.to_string());
        house.audit(vec![event]).await?;
        return Ok(away(secured, |out| say::refused(out, &refused)).await);
    };
    if startup.wants_replication() {
        return Ok(away(secured, say::no_replication).await);
    }
    let Some(Wanted { target, startup, minor, unsaid, reason }) =
        wanted(startup, secured.target.as_deref())
    else {
        return Ok(away(secured, |out| say::no_target(out, "DATABASE")).await);
    };
    let client = startup.get("application_name").unwrap_or_default();
    let client = access::display::shown_short(client, MAX_CLIENT).into();
    // From here on he is no stranger.
    secured.slot = None;
    let Secured { stream, ahead, peer, severer, .. } = secured;
    stream.get_ref().0.keep_alive();
    let ask = target.parse().map(|name| Ask::db(name, startup.user(), Some(startup.database())));
    let guest = Guest { stream, severer, startup, minor, ahead, unsaid, welcomed: false, reason };
    match ask {
        Ok(ask) => Ok(Some((guest, Caller { identity, ask, peer, client }))),
        Err(_) => {
            // No target has such a name: it is refused like every unknown one.
            let refused = Refused::no_access(&target);
            let event = NewEvent::new("session.refused", house.now())
                .user(&identity.user)
                .login(identity.login)
                .with("code", "invalid_name")
                .with("peer", peer.to_string());
            house.audit(vec![event]).await?;
            guest.part(|out| say::refused(out, &refused)).await;
            Ok(None)
        }
    }
}

/// What a client begins with inside TLS.
enum Begun {
    Startup(Startup),
    Cancel(wire::postgres::CancelKey),
    Malformed(wire::postgres::StartupError),
}

/// Reads the first packet. Encryption within TLS is not needed: clients behind a tunnel ask for it all the same.
async fn open(secured: &mut Secured) -> Result<Begun, Error> {
    let Secured { stream, ahead, .. } = secured;
    let mut requests = 0;
    loop {
        match startup::parse(ahead) {
            Ok(Some((opening, length))) => {
                ahead.advance(length);
                match opening {
                    Opening::Startup(startup) => return Ok(Begun::Startup(startup)),
                    Opening::Cancel(key) => return Ok(Begun::Cancel(key)),
                    Opening::Ssl | Opening::Gss if requests < MAX_REQUESTS => {
                        requests += 1;
                        stream.write_all(b"N").await.map_err(|_| Error::Left)?;
                        stream.flush().await.map_err(|_| Error::Left)?;
                    }
                    Opening::Ssl | Opening::Gss => return Err(Error::Left),
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => return Ok(Begun::Malformed(error)),
        }
        // INVARIANT: the parser refuses a packet longer than this by its first four bytes.
        ahead.reserve(MAX_PACKET.saturating_sub(ahead.len()).min(1024));
        if stream.read_buf(ahead).await.map_err(|_| Error::Left)? == 0 {
            return Err(Error::Left);
        }
    }
}

/// Says a last word to someone who has not said what he wants.
async fn away<N>(secured: Secured, word: impl FnOnce(&mut Vec<u8>)) -> Option<N> {
    let mut out = Vec::new();
    word(&mut out);
    let gone = part(secured.stream, &out).await;
    secured.severer.sever();
    gone
}

/// What a start-up packet asks for.
#[derive(Debug, Eq, PartialEq)]
struct Wanted {
    target: String,
    /// As the database is to get it.
    startup: Startup,
    minor: u16,
    /// NegotiateProtocolVersion, when he asked for more than is spoken.
    unsaid: Vec<u8>,
    reason: Option<String>,
}

/// Reads what is asked for out of `startup`. The target is the one that was `named` on the way here, or the part of
/// the database's name before its first `/`. `None` when there is neither.
fn wanted(mut startup: Startup, named: Option<&str>) -> Option<Wanted> {
    let (target, database) = match (named, startup.database().split_once('/')) {
        (Some(named), _) => (named.to_owned(), startup.database().to_owned()),
        (None, Some((target, database))) => (target.to_owned(), database.to_owned()),
        (None, None) => return None,
    };
    let user = startup.user().to_owned();
    // Once each: two readers of a doubled parameter could disagree about which one counts.
    startup.set("user", &user);
    startup.set("database", if database.is_empty() { &user } else { &database });
    startup.remove("replication");
    let reason = reason::take(&mut startup);

    // Towards the database it is 3.0 without options, which every server speaks: later versions change the length of
    // cancel keys, and those are ours on this side (54.2.2 "Protocol Versions").
    let unknown: Vec<String> = startup
        .parameters()
        .filter(|(name, _)| name.starts_with(OPTION_PREFIX))
        .map(|(name, _)| name.to_owned())
        .collect();
    let minor = startup.minor.min(NEWEST_MINOR);
    let mut unsaid = Vec::new();
    if startup.minor > NEWEST_MINOR || !unknown.is_empty() {
        let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
        write::negotiate(&mut unsaid, minor, &unknown);
    }
    for name in &unknown {
        startup.remove(name);
    }
    startup.minor = 0;
    Some(Wanted { target, startup, minor, unsaid, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(database: &str, named: Option<&str>) -> Option<(String, String)> {
        let wanted = wanted(Startup::new("app", database), named)?;
        Some((wanted.target, wanted.startup.database().to_owned()))
    }

    #[test]
    fn the_target_is_the_one_named_on_the_way_or_in_the_databases_name() {
        let found = |target: &str, database: &str| Some((target.to_owned(), database.to_owned()));
        assert_eq!(asked("shop", Some("orders")), found("orders", "shop"));
        assert_eq!(asked("a/b", Some("orders")), found("orders", "a/b"));
        assert_eq!(asked("", Some("orders")), found("orders", "app"));
        assert_eq!(asked("orders/shop", None), found("orders", "shop"));
        assert_eq!(asked("orders/", None), found("orders", "app"));
        assert_eq!(asked("orders/a/b", None), found("orders", "a/b"));
        assert_eq!(asked("shop", None), None);
    }

    #[test]
    fn newer_protocols_are_negotiated_down_and_the_database_gets_the_oldest() {
        let mut startup = Startup::new("app", "orders/shop");
        startup.minor = 9;
        startup.set("_pq_.telepathy", "on");
        let wanted = wanted(startup, None).unwrap();
        assert_eq!(wanted.minor, NEWEST_MINOR);
        assert_eq!(wanted.startup, Startup::new("app", "shop"));
        let options = b"_pq_.telepathy\0";
        let body = [&[0, 3, 0, 2, 0, 0, 0, 1][..], options].concat();
        assert_eq!(wanted.unsaid[..1], *b"v");
        assert_eq!(wanted.unsaid[5..], body);
    }

    #[test]
    fn what_is_spoken_is_not_negotiated() {
        for minor in [0, NEWEST_MINOR] {
            let mut startup = Startup::new("app", "orders/shop");
            startup.minor = minor;
            let wanted = wanted(startup, None).unwrap();
            assert_eq!((wanted.minor, wanted.unsaid.is_empty()), (minor, true));
        }
    }
}
