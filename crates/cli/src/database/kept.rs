//! What `tsh db login` keeps: which user and database were chosen, and the files for stock clients made of it.
//!
//! No secret is in them. They name the login's own certificate and key, which a new login writes anew.

use std::collections::BTreeMap;

use api::database::DatabaseProtocol;
use serde::{Deserialize, Serialize};

use super::choice::Chosen;
use super::settings::{Place, Settings};
use crate::error::Error;
use crate::home::Home;

/// What was chosen.
pub const DATABASES: &str = "databases.json";
/// The services of libpq: `PGSERVICEFILE`.
pub const SERVICES: &str = "pg_service.conf";
/// The options of MySQL's and MariaDB's clients: `--defaults-extra-file`.
pub const OPTIONS: &str = "my.cnf";

const WRITTEN: &str =
    "# Written by `tsh db login`; it is rewritten by that and by `tsh db logout`.\n";

/// What was chosen on the databases of one server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Kept {
    /// The server, `host:port`.
    proxy: String,
    /// Its port for plain MySQL clients, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mysql: Option<String>,
    databases: BTreeMap<String, Choice>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Choice {
    protocol: DatabaseProtocol,
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
}

impl Kept {
    /// What was chosen on the server `proxy`; nothing, if that was on another one.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn load(home: &Home, proxy: &str) -> Result<Self, Error> {
        let nothing = Self { proxy: proxy.to_owned(), ..Self::default() };
        let Some(text) = home.read(DATABASES)? else { return Ok(nothing) };
        let kept: Self = serde_json::from_str(&text).map_err(|error| {
            Error::internal(format!("`{}` is damaged", home.file(DATABASES).display()))
                .because(error)
                .hint("remove it, and choose again with: tsh db login NAME")
        })?;
        Ok(if kept.proxy == proxy { kept } else { nothing })
    }

    /// What was chosen on `name`.
    #[must_use]
    pub fn on(&self, name: &str) -> Option<Chosen> {
        let Choice { protocol, user, database } = self.databases.get(name)?.clone();
        Some(Chosen { name: name.to_owned(), protocol, user, database })
    }

    /// The names chosen.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(String::as_str)
    }

    /// Adds a choice; `mysql` is where plain MySQL clients reach the server now.
    pub fn add(&mut self, chosen: Chosen, mysql: Option<String>) {
        let Chosen { name, protocol, user, database } = chosen;
        self.mysql = mysql;
        self.databases.insert(name, Choice { protocol, user, database });
    }

    /// Forgets the choice on `name`. Whether there was one.
    pub fn forget(&mut self, name: &str) -> bool {
        self.databases.remove(name).is_some()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.databases.clear();
    }

    /// Where a client of `protocol` connects to; `None` where plain MySQL clients have no port.
    #[must_use]
    pub fn place(&self, protocol: DatabaseProtocol) -> Option<Place<'_>> {
        match protocol {
            DatabaseProtocol::Postgres => Some(Place::Gateway(&self.proxy)),
            DatabaseProtocol::MySql => self.mysql.as_deref().map(Place::Gateway),
        }
    }

    /// Writes the choices and the files made of them.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, home: &Home) -> Result<(), Error> {
        let (mut services, mut options) = (WRITTEN.to_owned(), WRITTEN.to_owned());
        for name in self.databases.keys() {
            let Some(chosen) = self.on(name) else { continue };
            let Some(place) = self.place(chosen.protocol) else { continue };
            let settings = Settings::of(&chosen, place, home)?;
            match chosen.protocol {
                DatabaseProtocol::Postgres => services.push_str(&settings.service()),
                DatabaseProtocol::MySql => options.push_str(&settings.options()),
            }
        }
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal("cannot write the choices").because(error))?;
        home.write(SERVICES, &services)?;
        home.write(OPTIONS, &options)?;
        home.write(DATABASES, &(text + "\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(name: &str, protocol: DatabaseProtocol) -> Chosen {
        Chosen { name: name.into(), protocol, user: "app".into(), database: Some("shop".into()) }
    }

    #[test]
    fn what_was_chosen_is_there_again_for_that_server_only() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("tsh"));
        let orders = chosen("orders", DatabaseProtocol::Postgres);
        let mut kept = Kept::load(&home, "gw:3080").unwrap();
        kept.add(orders.clone(), None);
        kept.add(chosen("wiki", DatabaseProtocol::MySql), Some("gw:3036".into()));
        kept.save(&home).unwrap();

        let mut again = Kept::load(&home, "gw:3080").unwrap();
        assert_eq!(again.on("orders"), Some(orders));
        assert_eq!(Kept::load(&home, "other:3080").unwrap().names().count(), 0);
        let services = home.read(SERVICES).unwrap().unwrap();
        assert!(services.contains("\n[orders]\nhost=gw\nport=3080\n"), "{services}");
        let options = home.read(OPTIONS).unwrap().unwrap();
        assert!(
            options.contains("\n[client_wiki]\nprotocol=tcp\nhost=\"gw\"\nport=3036\n"),
            "{options}"
        );

        assert!(again.forget("orders") && !again.forget("orders"));
        again.save(&home).unwrap();
        assert!(!home.read(SERVICES).unwrap().unwrap().contains("orders"));
    }

    #[test]
    fn without_a_port_for_them_mysql_clients_get_no_options() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(&dir.path().join("tsh"));
        let mut kept = Kept::load(&home, "gw:3080").unwrap();
        kept.add(chosen("wiki", DatabaseProtocol::MySql), None);
        kept.save(&home).unwrap();
        assert_eq!(home.read(OPTIONS).unwrap().unwrap(), WRITTEN);
    }
}
