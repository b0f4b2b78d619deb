//! Ways to log in to a target and to know it: a sealed key, a sealed password, a pinned host key.

use std::sync::Arc;

use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{self, Auth, Msg, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use serde_json::json;
use tokio::net::TcpListener;

use crate::stand::{Stand, text, write};

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

fn line(key: &PublicKey) -> String {
    key.to_openssh().unwrap()
}

/// The host key of the stand's sshd.
fn host_key(stand: &Stand) -> String {
    let key = std::fs::read_to_string(stand.of_sshd("host")).unwrap();
    line(PrivateKey::from_openssh(key).unwrap().public_key())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_key_logs_in_to_a_target_that_knows_no_authority() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let key = new_key();
    write(&stand.of_sshd("authorized"), &line(key.public_key()), 0o600);
    stand.seal("db-box", key.to_openssh(Default::default()).unwrap().as_bytes()).await;
    let spec =
        json!({"addr": stand.sshd, "host_keys": [host_key(&stand)], "auth": {"method": "key"}});
    stand.put("node", "db-box", spec).await;
    let out = dave.ssh(&["db-box", "echo by key"]).await;
    assert_eq!(text(&out.stdout), "by key\n", "{}", text(&out.stderr));

    // The target forgets the key: that is told as what it is.
    write(&stand.of_sshd("authorized"), "", 0o600);
    let out = dave.ssh(&["db-box", "true"]).await;
    assert_eq!(out.status.code(), Some(69));
    assert!(text(&out.stderr).contains("did not accept this login"), "{}", text(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_host_key_is_enough_and_another_one_is_refused() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let pinned = |keys: Vec<String>| json!({"addr": stand.sshd, "host_keys": keys});
    let other = line(new_key().public_key());
    stand.put("node", "db-box", pinned(vec![other.clone(), host_key(&stand)])).await;
    let out = dave.ssh(&["db-box", "echo known"]).await;
    assert_eq!(text(&out.stdout), "known\n", "{}", text(&out.stderr));

    stand.put("node", "db-box", pinned(vec![other])).await;
    let out = dave.ssh(&["db-box", "echo never"]).await;
    assert_eq!((out.status.code(), text(&out.stdout).as_str()), (Some(69), ""));
    assert_eq!(
        text(&out.stderr).trim_end(),
        "The target did not prove that it is itself. Tell an administrator: its host key is not the expected one."
    );
    let ended = stand.events_until("session.ended", |e| e.len() >= 2).await;
    // What metrics and alerts count it as.
    let imposter = proxy::Error::Imposter("db-box".into());
    assert_eq!(ended[1]["body"]["outcome"], imposter.code(), "{ended:#?}");
    assert_eq!(imposter.side(), proxy::Side::Target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_secret_that_is_missing_is_our_fault_and_nobody_else_learns_of_it() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    stand.put("node", "db-box", json!({"addr": stand.sshd, "auth": {"method": "key"}})).await;
    let out = dave.ssh(&["db-box", "true"]).await;
    assert_eq!(
        (out.status.code(), text(&out.stderr).trim_end()),
        (Some(69), "The gateway failed. Tell an administrator.")
    );
}

/// An appliance that knows passwords only, and answers every command with who came.
struct Appliance(String);

impl server::Handler for Appliance {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        user.clone_into(&mut self.0);
        Ok(if password == "correct horse" { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        session.data(channel, format!("hello {}\n", self.0).into_bytes())?;
        session.exit_status_request(channel, 0)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

/// Starts an appliance; its address and its host key.
async fn appliance() -> (String, String) {
    let key = new_key();
    let shown = line(key.public_key());
    let config = Arc::new(server::Config {
        methods: MethodSet::from(&[MethodKind::Password][..]),
        keys: vec![key],
        ..server::Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                if let Ok(running) =
                    server::run_stream(config, socket, Appliance(String::new())).await
                {
                    let _ = running.await;
                }
            });
        }
    });
    (addr, shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_password_logs_in_to_an_appliance() {
    let stand = Stand::open().await;
    let dave = stand.client("dave", &["dba"]).await;
    let (addr, key) = appliance().await;
    let spec = json!({"addr": addr, "host_keys": [key], "auth": {"method": "password"}});
    stand.seal("db-box", b"correct horse").await;
    stand.put("node", "db-box", spec.clone()).await;
    let out = dave.ssh(&["db-box", "who"]).await;
    assert_eq!(text(&out.stdout), "hello root\n", "{}", text(&out.stderr));

    stand.seal("no-such-box", b"wrong").await;
    stand.put("node", "no-such-box", spec).await;
    let out = dave.ssh(&["no-such-box", "who"]).await;
    assert_eq!(out.status.code(), Some(69));
    assert!(text(&out.stderr).contains("did not accept this login"), "{}", text(&out.stderr));
}
