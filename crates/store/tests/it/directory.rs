//! The data directory: private, one daemon's, restorable.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use api::audit::{AuditQuery, NewEvent, code};
use expect_test::expect;
use store::{Commit, CommitError, Fault, OpenError, Options, Range, Store};

use crate::house::House;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

async fn refused(house: &House, path: &Path) -> String {
    let options = Options::new("house".parse().unwrap(), house.hand.clock());
    let error = Store::open(path, options).await.unwrap_err();
    let shown = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    shown.replace(&house.root.path().display().to_string(), "…")
}

#[tokio::test]
async fn everything_is_made_for_its_owner_alone() {
    let house = House::new();
    let store = house.open().await;
    store.record(vec![NewEvent::new(code::DAEMON_STARTED, house.hand.now())]).await.unwrap();
    assert_eq!(mode(&house.data()), 0o700);
    let files: Vec<_> =
        fs::read_dir(house.data()).unwrap().map(|item| item.unwrap().path()).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_directory_that_others_can_read_is_refused_with_the_command_that_helps() {
    let house = House::new();
    house.open().await.close().await.unwrap();
    fs::set_permissions(house.data(), Permissions::from_mode(0o755)).unwrap();
    expect!["`…/data` can be read by its group or by others (mode 0755): run `chmod 0700 …/data`"]
        .assert_eq(&refused(&house, &house.data()).await);
    fs::set_permissions(house.data(), Permissions::from_mode(0o700)).unwrap();
    let file = house.data().join("audit.db");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    expect![
        "`…/data/audit.db` can be read by its group or by others (mode 0640): run `chmod 0600 …/data/audit.db`"
    ]
    .assert_eq(&refused(&house, &house.data()).await);
}

#[tokio::test]
async fn a_second_daemon_is_refused_until_the_first_has_left() {
    let house = House::new();
    let store = house.open().await;
    let said =
        refused(&house, &house.data()).await.replace(&std::process::id().to_string(), "4711");
    expect!["another daemon (process 4711) uses this data directory (`…/data/lock` is locked)"]
        .assert_eq(&said);
    store.close().await.unwrap();
    house.open().await.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_directory_or_no_database_is_refused_and_left_as_it_is() {
    let house = House::new();
    let file = house.root.path().join("file");
    fs::write(&file, "mine").unwrap();
    expect!["`…/file` is not a directory"].assert_eq(&refused(&house, &file).await);
    house.open().await.close().await.unwrap();
    let state = house.data().join("state.db");
    fs::write(&state, "not a database, but long enough to be looked at as one, if one looks")
        .unwrap();
    expect!["cannot open `…/data/state.db`: the database is damaged (file is not a database): stop the daemon and restore the data directory from a backup"].assert_eq(&refused(&house, &house.data()).await);
    assert!(fs::read(&state).unwrap().starts_with(b"not a database"));
    fs::remove_file(&state).unwrap();
    rusqlite::Connection::open(&state).unwrap().execute_batch("CREATE TABLE other (a)").unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o600)).unwrap();
    expect!["cannot open `…/data/state.db`: the database is damaged (`…/data/state.db` is a database of something else): stop the daemon and restore the data directory from a backup"].assert_eq(&refused(&house, &house.data()).await);
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing() {
    let house = House::new();
    let store = house.open().await;
    store.commit(Commit::new().put("/kept", "1")).await.unwrap();
    // A limit of pages is to SQLite what a full disk is: SQLITE_FULL.
    store.close().await.unwrap();
    let file = rusqlite::Connection::open(house.data().join("state.db")).unwrap();
    let pages: i64 = file.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    file.close().unwrap();
    let mut options = Options::new("house".parse().unwrap(), house.hand.clock());
    options.state_pages = Some(u32::try_from(pages).unwrap() + 40);
    let store = Store::open(&house.data(), options).await.unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        match store
            .commit(Commit::new().put(format!("/item/{acknowledged:04}"), vec![7; 4000]))
            .await
        {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, CommitError::Fault(Fault::Full));
    assert!(acknowledged > 3);
    assert_eq!(store.range(Range::prefix("/item/")).await.unwrap().entries.len(), acknowledged);
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(store.range(Range::prefix("/item/")).await.unwrap().entries.len(), acknowledged);
    store.commit(Commit::new().put("/more", vec![7; 4000])).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn while_the_log_has_no_room_events_wait_and_none_is_lost() {
    let house = House::new();
    house.open().await.close().await.unwrap();
    let mut options = Options::new("house".parse().unwrap(), house.hand.clock());
    options.audit_pages = Some(30);
    let store = Store::open(&house.data(), options).await.unwrap();
    let event = |n: u64| {
        NewEvent::new(code::SSH_COMMAND, house.hand.now())
            .with("n", n)
            .with("pad", "x".repeat(2000))
    };
    let refused = loop {
        store.record((0..20).map(event).collect()).await.unwrap();
        if let Err(error) = store.audit().settled().await {
            break error;
        }
    };
    assert_eq!(refused, Fault::Full.into());
    // What is in the log can still be read.
    store.audit().query(AuditQuery::default()).await.unwrap();
    assert!(store.audit().export("r").await.is_err());
    let committed = store.revision().0 * 20;
    store.close().await.unwrap();
    let store = house.open().await;
    store.audit().settled().await.unwrap();
    assert_eq!(*store.audit().size().borrow(), committed);
    assert!(store.audit().verify(vec![]).await.unwrap().holds());
    store.close().await.unwrap();
}

#[tokio::test]
async fn damage_is_called_damage() {
    use std::os::unix::fs::FileExt as _;
    let house = House::new();
    let store = house.open().await;
    for n in 0..200 {
        store.commit(Commit::new().put(format!("/item/{n}"), vec![7; 3000])).await.unwrap();
    }
    store.close().await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(house.data().join("state.db")).unwrap();
    for page in 2..file.metadata().unwrap().len() / 4096 {
        file.write_at(&[0xee; 64], page * 4096).unwrap();
    }
    drop(file);
    let options = Options::new("house".parse().unwrap(), house.hand.clock());
    let opened = async {
        let store =
            Store::open(&house.data(), options).await.map_err(|error| format!("{error:?}"))?;
        let read = store.range(Range::prefix("/item/")).await.map_err(|error| format!("{error:?}"));
        store.close().await.unwrap();
        read
    };
    let error = opened.await.unwrap_err();
    assert!(error.contains("Corrupt"), "{error}");
}

#[tokio::test]
async fn a_store_that_is_dropped_gives_its_directory_back() {
    let house = House::new();
    let store = house.open().await;
    store.record(vec![NewEvent::new(code::DAEMON_STARTED, house.hand.now())]).await.unwrap();
    let mut policy = store.policy().changed();
    drop(store);
    // Whoever follows is told, and then the lock is free.
    while policy.changed().await.is_ok() {}
    let store = loop {
        let options = Options::new("house".parse().unwrap(), house.hand.clock());
        match Store::open(&house.data(), options).await {
            Ok(store) => break store,
            Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(store.audit().query(AuditQuery::default()).await.unwrap().events.len(), 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_taken_in_use_is_a_house_of_its_own_and_takes_new_events() {
    let house = House::new();
    let store = house.open().await;
    let event = |n: u64| NewEvent::new(code::SSH_COMMAND, house.hand.now()).with("n", n);
    for n in 0..5 {
        store.commit(Commit::new().put(format!("/a/{n}"), "").event(event(n))).await.unwrap();
    }
    let copy = house.root.path().join("copy");
    store.backup(&copy).await.unwrap();
    assert!(matches!(store.backup(&copy).await, Err(OpenError::Directory { .. })));
    store.commit(Commit::new().put("/a/5", "").event(event(5))).await.unwrap();
    store.close().await.unwrap();

    // The worst restore: a log that knows more than the state.
    fs::copy(house.data().join("audit.db"), copy.join("audit.db")).unwrap();
    let options = Options::new("house".parse().unwrap(), house.hand.clock());
    let restored = Store::open(&copy, options).await.unwrap();
    assert_eq!(restored.range(Range::prefix("/a/")).await.unwrap().entries.len(), 5);
    restored.record(vec![event(6)]).await.unwrap();
    let page = restored.audit().query(AuditQuery::default()).await.unwrap();
    assert_eq!(page.events.len(), 7);
    assert!(restored.audit().verify(vec![]).await.unwrap().holds());
    restored.close().await.unwrap();
}
