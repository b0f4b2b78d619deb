//! The door of MySQL and MariaDB.
//!
//! ```text
//!   own port:  greeting, SSLRequest, TLS with a client certificate, response
//!   tunnel:    TLS with a client certificate, routing line, greeting, response
//!                                                              └─► target and account are known: the corridor asks
//!   connect to the database as the account ─► its OK packet is ours ─► relay
//! ```
//!
//! MySQL's server speaks first, so our greeting is written before anything is known. It offers what every server of
//! today can do and this relay understands; the server is then asked for what the client has chosen. What needs the
//! server's own greeting is not there yet: see [`numbers`] for the connection's number and [`versions`] for its version.
//!
//! Deliberately absent: compression (nothing could be looked at), query attributes and cached metadata (they are not
//! offered, and clients do without), `COM_CHANGE_USER` and replication (refused in words).

mod front;
mod judge;
mod lane;
mod numbers;
mod prepared;
mod relay;
mod say;
mod stop;
mod versions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::ask::Ask;
use access::identity::Identity;
use bytes::BytesMut;
use tokio_rustls::server::TlsStream;
use wire::mysql::{Capabilities, OkPacket, SCRAMBLE, Status, Vendor, ssl_request};

use crate::House;
use crate::corridor::{self, Door, Ended};
use crate::database::mysql::{MyLeg, MyWanted, connect};
use crate::database::statements::Statements;
use crate::database::{self, Database, Fault, Protocol};
use crate::error::Error;
use crate::gate::{Caller, Cut, Refused};
use crate::listen::{Slot, Wire};
use crate::live::Session;
use crate::record::Broken;
use crate::route::Secured;
use access::statement::{StatementClass, StatementClasses};
use front::{Opening, Packets, Wishes};
use judge::Judge;
use numbers::Number;
use relay::Relay;

pub(crate) use numbers::Numbers;
pub(crate) use versions::Versions;

/// How long a client may take from our greeting to the end of its handshake.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(15);

/// A client that was greeted before its TLS began.
#[derive(Debug)]
pub(crate) struct Greeted {
    opening: Opening,
    number: Number,
    /// The sequence number of its next packet.
    seq: u8,
}

fn open(house: &House, target: Option<&str>) -> (Opening, Number) {
    let number = house.numbers.give();
    let mut scramble: [u8; SCRAMBLE] = rand::random();
    for byte in &mut scramble {
        // A zero would end it, and `$` has ended it in old clients.
        *byte = *byte % 90 + b'%';
    }
    let version = house.versions.greeting(target);
    (Opening { version, number: number.get(), scramble }, number)
}

/// Greets a client on MySQL's own port, up to where its TLS begins. `None` when it has left, or was sent away.
pub(crate) async fn knock(house: &House, wire: Wire, peer: SocketAddr) -> Option<(Wire, Greeted)> {
    let (opening, number) = open(house, None);
    let mut packets = Packets::new(wire, BytesMut::new(), 0);
    packets.greet(&opening.greeting(Capabilities::SSL)).await.ok()?;
    let payload = packets.read().await.ok()?;
    if ssl_request(&payload).is_none() {
        tracing::debug!(%peer, "a MySQL client asked for no TLS");
        packets.part(say::in_the_clear()).await;
        return None;
    }
    // The client need not wait for us: its TLS may have begun in the same segment.
    let wire = packets.stream.with_ahead(packets.ahead.freeze());
    Some((wire, Greeted { opening, number, seq: 2 }))
}

/// Serves one connection; `greeted` is what was said before its TLS.
pub(crate) async fn serve(
    house: Arc<House>,
    secured: Secured,
    greeted: Option<Greeted>,
) -> Result<(), Error> {
    let door = MyDoor { house: Arc::clone(&house), arrival: Some((secured, greeted)), slot: None };
    corridor::serve(&house, door).await
}

struct MyDoor {
    house: Arc<House>,
    arrival: Option<(Secured, Option<Greeted>)>,
    slot: Option<Slot>,
}

/// A client who has proven who he is.
struct Guest {
    packets: Packets<Box<TlsStream<Wire>>>,
    wishes: Wishes,
    account: Box<str>,
    number: Number,
}

impl MyDoor {
    /// The client's account and target, who he is, and his connection; `None` when he was sent away.
    async fn arrive(
        &self,
        secured: Secured,
        greeted: Option<Greeted>,
    ) -> Result<Option<(Guest, Identity, Box<str>)>, Error> {
        let Secured { stream, ahead, identity, lapsed, target, .. } = secured;
        let (opening, number, seq) = match greeted {
            Some(Greeted { opening, number, seq }) => (opening, number, Some(seq)),
            None => {
                let (opening, number) = open(&self.house, target.as_deref());
                (opening, number, None)
            }
        };
        let mut packets = Packets::new(stream, ahead, seq.unwrap_or(0));
        if seq.is_none() {
            packets.greet(&opening.greeting(Capabilities::NONE)).await?;
        }
        let mut wishes = packets.wishes().await?;
        // What was not offered is not taken.
        let offered = opening.greeting(Capabilities::SSL).capabilities;
        wishes.capabilities = wishes.capabilities.intersection(offered);
        packets.hear_out(&wishes, &opening.scramble).await?;
        let Some(identity) = identity else {
            let words = match lapsed {
                Some(lapsed) => say::refused(&Refused::lapsed(&lapsed, self.house.now())),
                None => say::nobody(),
            };
            packets.part(words).await;
            return Ok(None);
        };
        let named = match target {
            Some(target) => Some((wishes.user.clone(), target)),
            None => wishes.user.rsplit_once('@').map(|(user, target)| (user.into(), target.into())),
        };
        let Some((account, target)) = named else {
            packets.part(say::no_target()).await;
            return Ok(None);
        };
        Ok(Some((Guest { packets, wishes, account, number }, identity, target)))
    }
}

impl Door for MyDoor {
    type Guest = Guest;

    async fn greet(&mut self) -> Result<Option<(Guest, Caller)>, Error> {
        let Some((mut secured, greeted)) = self.arrival.take() else { return Ok(None) };
        let peer = secured.peer;
        self.slot = secured.slot.take();
        let arriving = tokio::time::timeout(HANDSHAKE_WAIT, self.arrive(secured, greeted)).await;
        let Some((guest, identity, target)) = arriving.map_err(|_| Error::Slow)?? else {
            return Ok(None);
        };
        // From here on he is no stranger.
        self.slot = None;
        let client = guest.wishes.client.clone();
        match target.parse() {
            Ok(target) => {
                let ask = Ask::db(target, &guest.account, guest.wishes.database.as_deref());
                Ok(Some((guest, Caller { identity, ask, peer, client })))
            }
            Err(_) => {
                // No target has such a name: it is refused like every unknown one.
                let refused = Refused::no_access(&format!("{}@{target}", guest.account));
                let event = store::recording::NewEvent::new("session.refused", self.house.now())
                    .user(&identity.user)
                    .login(identity.login)
                    .with("code", "invalid_name")
                    .with("peer", peer.to_string());
                self.house.audit(vec![event]).await?;
                self.refuse(guest, &refused).await;
                Ok(None)
            }
        }
    }

    /// MySQL has no words before the end of a handshake but the last ones: what to do next is among them.
    async fn offer(&mut self, _: &mut Guest, _: &Refused) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn tell(&mut self, _: &mut Guest, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn refuse(&mut self, guest: Guest, refused: &Refused) {
        guest.packets.part(say::refused(refused)).await;
    }

    async fn serve(
        &mut self,
        guest: Guest,
        session: Arc<Session>,
        cut: impl Future<Output = Cut> + Send,
    ) -> Ended {
        let Guest { mut packets, wishes, account, number } = guest;
        let mut cut = std::pin::pin!(cut);
        let connected = {
            // On the heap, and freed when it is done: otherwise every idle session keeps room for its handshake.
            let mut connecting = Box::pin(enter(&session, &wishes, &account));
            tokio::select! {
                connected = &mut connecting => connected.map(Ok),
                cut = &mut cut => Ok(Err(cut)),
            }
        };
        let leg = match connected {
            Ok(Ok(leg)) => leg,
            Ok(Err(cut)) => {
                packets.part(say::cut(&cut)).await;
                return Ended::Cut(cut);
            }
            Err(error) => {
                packets.part(say::failed(&error)).await;
                return Ended::Failed(error);
            }
        };
        let MyLeg { leg, ahead, greeting, capabilities, ok } = leg;
        let caller = &session.caller;
        self.house.versions.learn(caller.target(), &greeting.version);
        number.is(greeting.connection, caller.target(), &caller.identity.user);
        if packets.write(&ok).await.is_err() {
            return Ended::Failed(Error::Left);
        }
        let statements = match Statements::begin(&session, Protocol::MySql).await {
            Ok(mut statements) => {
                let answer = OkPacket::read(&ok, capabilities).unwrap_or_default();
                if answer.status.contains(Status::NO_BACKSLASH_ESCAPES) {
                    statements.backslashes_are_plain();
                }
                statements
            }
            Err(broken) => {
                let cut = unrecorded(&broken);
                packets.part(say::cut(&cut)).await;
                return Ended::Cut(cut);
            }
        };
        let judge = Judge::new(Arc::clone(&session), statements);
        let front = (packets.stream, packets.ahead);
        drop((wishes, account));
        let relay =
            Box::new(Relay::new(judge, front, (leg, ahead), capabilities, greeting.connection));
        relay.run(cut).await
    }
}

/// What is not written down does not happen.
fn unrecorded(broken: &Broken) -> Cut {
    Cut::unwritten(*broken)
}

/// Connects to the database with what the client has chosen.
async fn enter(session: &Arc<Session>, wishes: &Wishes, account: &str) -> Result<MyLeg, Error> {
    let database = database::of(session).await?;
    if database.protocol != Protocol::MySql {
        return Err(fault(&database, Fault::Protocol(database.protocol.as_str())));
    }
    let mut capabilities = wishes.capabilities;
    if !session.rights().terms.allow_statement(StatementClasses::of(StatementClass::File)) {
        capabilities = capabilities.without(Capabilities::LOCAL_FILES);
    }
    let wanted = MyWanted {
        user: account.into(),
        db: wishes.database.clone(),
        capabilities,
        charset: wishes.collation,
        max_packet: wishes.max_packet,
        attributes: wishes.attributes.clone(),
    };
    let leg = connect(session, &database, &wanted).await?;
    let binding = |set: Capabilities| set.intersection(Capabilities::BINDING);
    if binding(leg.capabilities) != binding(capabilities) {
        let missing = binding(capabilities).without(leg.capabilities);
        let vendor = leg.greeting.vendor();
        return Err(fault(&database, too_old(vendor, &leg.greeting.version, missing)));
    }
    Ok(leg)
}

fn too_old(vendor: Vendor, version: &str, missing: Capabilities) -> Fault {
    let needed = match vendor {
        Vendor::MariaDb => "MariaDB 10.2",
        Vendor::MySql => "MySQL 5.7",
    };
    let version = access::display::shown_short(version, 64);
    Fault::Malformed(format!("{version} lacks {missing:?}; at least {needed} is needed").into())
}

fn fault(database: &Database, fault: Fault) -> Error {
    Error::Database { target: database.name.as_str().into(), fault: Box::new(fault) }
}
