//! The server as commands see it: typed questions and answers over HTTPS or the administrators' socket.
//!
//! Commands are plain functions; the runtime that HTTP needs is an inside matter of this client.

pub mod answer;
pub mod events;

use std::path::Path;
use std::time::Duration;

use api::endpoints::{Endpoint, Method};
use api::page::Page;
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::error::Error;
use crate::home::Home;
use crate::profile::{Profile, TLS_AUTHORITIES, TLS_CERTIFICATE, TLS_KEY};
use crate::route::CONNECT_TIMEOUT;
use crate::trust::{Identity, Trust, client_config};

/// How long the server may be silent within an answer.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The most pages read for one list.
pub const MAX_PAGES: usize = 10_000;

/// A connection to the server's API.
#[derive(Debug)]
pub struct Api {
    runtime: Runtime,
    http: reqwest::Client,
    base: Url,
    place: String,
}

/// What follows the `?`: names and values.
pub type Query<'a> = &'a [(&'a str, String)];

impl Api {
    /// As the user who is logged in, with the certificate of that login.
    ///
    /// # Errors
    /// Not logged in, the login has expired, or its files cannot be read.
    pub fn as_user(home: &Home, now: Timestamp) -> Result<Self, Error> {
        let profile = Profile::logged_in(home, now)?;
        let identity = stored_identity(home)?;
        Self::over_tls(
            &profile.proxy,
            Trust::Authorities(stored_authorities(home)?),
            Some(identity),
        )
    }

    /// Over TLS to `address`, believing in `trust` only.
    ///
    /// # Errors
    /// The address cannot be read, or TLS cannot be set up.
    pub fn over_tls(
        address: &str,
        trust: Trust,
        identity: Option<Identity>,
    ) -> Result<Self, Error> {
        let base = Url::parse(&format!("https://{address}/"))
            .ok()
            .filter(|url| url.path() == "/" && url.username().is_empty())
            .ok_or_else(|| {
                Error::usage(format!("`{address}` is not an address: expected HOST:PORT"))
            })?;
        let http = builder().tls_backend_preconfigured(client_config(trust, identity)?);
        Self::new(http, base, address.to_owned())
    }

    /// Over the administrators' socket.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn over_socket(path: &Path) -> Result<Self, Error> {
        let base = Url::parse("http://admin.socket/")
            .map_err(|error| Error::internal("cannot name the socket").because(error))?;
        // No TLS is spoken over the socket; this keeps the client from looking for the system's authorities.
        let tls = client_config(Trust::Pin(crate::trust::Pin::nothing()), None)?;
        Self::new(
            builder().tls_backend_preconfigured(tls).unix_socket(path),
            base,
            path.display().to_string(),
        )
    }

    fn new(http: reqwest::ClientBuilder, base: Url, place: String) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal("cannot start").because(error))?;
        let http = http
            .build()
            .map_err(|error| Error::internal("cannot set up the HTTP client").because(error))?;
        Ok(Self { runtime, http, base, place })
    }

    /// Reads: calls `endpoint` with `values` in its path.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or answers something else.
    pub fn read<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        query: Query<'_>,
    ) -> Result<T, Error> {
        self.at(endpoint.method, &endpoint.at(values), query, None::<&()>)
    }

    /// Does: calls `endpoint` with `values` in its path and `body`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn tell<B: Serialize, T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        body: &B,
    ) -> Result<T, Error> {
        self.at(endpoint.method, &endpoint.at(values), &[], Some(body))
    }

    /// Reads all pages of a list, up to `most` items. A page may be short or empty, where the server looked
    /// at as much as it looks at for one page and found little: it says where to go on.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn list<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        query: Query<'_>,
        most: usize,
    ) -> Result<Vec<T>, Error> {
        let path = endpoint.at(values);
        let paged = endpoint.query.iter().any(|parameter| parameter.name == "limit");
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = query.to_vec();
            if paged {
                let wanted = most.saturating_sub(items.len()).clamp(1, api::page::MAX_LIMIT);
                query.push(("limit", wanted.to_string()));
            }
            query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
            let page: Page<T> = self.at(Method::Get, &path, &query, None::<&()>)?;
            items.extend(page.items);
            items.truncate(most);
            // A cursor that stays where it is leads nowhere.
            match page.next.filter(|next| cursor.as_ref() != Some(next)) {
                Some(next) if paged && items.len() < most => cursor = Some(next),
                Some(_) | None => return Ok(items),
            }
        }
        Err(Error::network(format!("the list of `{}` has more than {MAX_PAGES} pages", self.place))
            .hint("ask for less: by user, by role, or since a time"))
    }

    /// Calls a path, already encoded, and reads the answer as JSON; an empty answer is read as `null`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn at<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&B>,
    ) -> Result<T, Error> {
        self.answer(self.call(method, path, query, body)?)
    }

    /// Does: calls `endpoint` with a text of documents as it is, so that lines are counted in it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn tell_documents<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        query: Query<'_>,
        text: String,
    ) -> Result<T, Error> {
        let mut call = self.call(endpoint.method, endpoint.path, query, None::<&()>)?;
        call.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
        *call.body_mut() = Some(text.into());
        self.answer(call)
    }

    fn answer<T: DeserializeOwned>(&self, call: reqwest::Request) -> Result<T, Error> {
        let text = self.runtime.block_on(async {
            let response = self.send(call).await?;
            answer::whole(response).await.map_err(|error| self.explain(error))
        })?;
        let text = if text.is_empty() { "null" } else { text.as_str() };
        serde_json::from_str(text).map_err(|error| {
            Error::internal(format!("the answer of `{}` cannot be read", self.place))
                .because(error)
                .hint("client and server may be of different versions: compare `tsh version` with `tctl status`")
        })
    }

    /// Calls `endpoint` and hands every piece of the answer to `sink` as it comes.
    ///
    /// # Errors
    /// As [`Self::read`], or whatever `sink` says.
    pub fn download(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        query: Query<'_>,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let call = self.call(endpoint.method, &endpoint.at(values), query, None::<&()>)?;
        self.runtime.block_on(async {
            let mut response = self.send(call).await?;
            while let Some(piece) = response.chunk().await.map_err(|error| self.broken(error))? {
                sink(&piece)?;
            }
            Ok(())
        })
    }

    /// Follows the events of `endpoint`, from revision `after` on.
    #[must_use]
    pub fn events(
        &self,
        endpoint: &Endpoint,
        values: &[&str],
        after: Option<u64>,
    ) -> events::Events<'_> {
        events::Events::new(self, endpoint.at(values), after)
    }

    /// Runs `work` to its end on the client's runtime.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn call<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&B>,
    ) -> Result<reqwest::Request, Error> {
        let method = match method {
            Method::Delete => reqwest::Method::DELETE,
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut call = self.http.request(method, url).header(api::request::CHANNEL_HEADER, "cli");
        if let Some(body) = body {
            call = call.json(body);
        }
        call.build().map_err(|error| Error::internal("cannot write the question").because(error))
    }

    pub(crate) async fn send(&self, call: reqwest::Request) -> Result<reqwest::Response, Error> {
        let response = self.http.execute(call).await.map_err(|error| self.broken(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(answer::refusal(response).await)
    }

    fn explain(&self, error: answer::Unread) -> Error {
        match error {
            answer::Unread::Broken(error) => self.broken(error),
            answer::Unread::TooLong => Error::network(format!(
                "the answer of `{}` is longer than {} bytes",
                self.place,
                answer::MAX_ANSWER
            )),
            answer::Unread::NotText => {
                Error::network(format!("the answer of `{}` is not text", self.place))
            }
        }
    }

    pub(crate) fn broken(&self, error: reqwest::Error) -> Error {
        answer::broken(&self.place, error)
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("tsh/", env!("CARGO_PKG_VERSION")))
}

/// The authorities that were agreed to at login.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn stored_authorities(home: &Home) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = home.read(TLS_AUTHORITIES)?.ok_or_else(|| {
        Error::not_logged_in(format!("`{}` is missing", home.file(TLS_AUTHORITIES).display()))
    })?;
    certificates(&text).ok_or_else(|| damaged(home, TLS_AUTHORITIES))
}

/// The certificate and key of the login.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn stored_identity(home: &Home) -> Result<Identity, Error> {
    let missing =
        |name: &str| Error::not_logged_in(format!("`{}` is missing", home.file(name).display()));
    let chain = home.read(TLS_CERTIFICATE)?.ok_or_else(|| missing(TLS_CERTIFICATE))?;
    let key = home.read_secret(TLS_KEY)?.ok_or_else(|| missing(TLS_KEY))?;
    let chain = certificates(&chain).ok_or_else(|| damaged(home, TLS_CERTIFICATE))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| damaged(home, TLS_KEY))?;
    Ok((chain, key))
}

fn damaged(home: &Home, name: &str) -> Error {
    Error::not_logged_in(format!("`{}` is damaged", home.file(name).display()))
}

/// All certificates in a PEM text; `None` if there is none, or one cannot be read.
#[must_use]
pub fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}
