//! What is answered depends on who may be listening.

use super::*;
use crate::database::tests::{Person, database, password};
use crate::database::{Protocol, TlsMode};

/// What is sent for `request` where `guard` holds.
async fn answered(guard: Guard, request: Request<'_>) -> Result<Vec<u8>, Fault> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let socket = tokio::net::TcpStream::connect(&addr).await.unwrap();
    let mut database = database(Protocol::Postgres, &addr, "");
    database.tls.mode = TlsMode::Off;
    database.login = password("secret");
    let leg = Leg::Plain(crate::listen::Wire::plain(socket));
    let mut talk = Talk { leg, buffer: BytesMut::new(), out: Vec::new(), guard, scram: None };
    let done = talk.answer(&Person::new().errand("app"), &database, request).await?;
    assert!(!done);
    Ok(talk.out)
}

#[tokio::test]
async fn a_server_nobody_checked_cannot_talk_us_down_to_md5_or_less() {
    let md5 = Request::Md5([1, 2, 3, 4]);
    for guard in [Guard::Verified, Guard::Local, Guard::Waived] {
        // md5(md5("secret" "app") "\x01\x02\x03\x04")
        let want = b"p\0\0\0\x28md5911f527656472583a006e7727877b33e\0";
        assert_eq!(answered(guard, md5).await.unwrap(), want);
    }
    assert!(matches!(answered(Guard::Open, md5).await, Err(Fault::Unsafe { method: "md5", .. })));
    let clear = answered(Guard::Verified, Request::Cleartext).await.unwrap();
    assert_eq!(clear, b"p\0\0\0\x0bsecret\0");
    for guard in [Guard::Local, Guard::Waived, Guard::Open] {
        let refused = answered(guard, Request::Cleartext).await;
        assert!(matches!(refused, Err(Fault::Unsafe { method: "password", .. })), "{refused:?}");
    }
    // SCRAM shows nothing to anybody.
    let Ok(Request::Sasl(offered)) = auth::parse(b"\0\0\0\x0aSCRAM-SHA-256\0\0") else {
        panic!("it is SASL");
    };
    let scram = answered(Guard::Open, Request::Sasl(offered)).await.unwrap();
    assert!(scram.starts_with(b"p") && !scram.windows(6).any(|six| six == b"secret"));
}
