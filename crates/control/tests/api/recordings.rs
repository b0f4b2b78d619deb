//! Recordings against the audit log: whoever changes one, or its seal, is found out.

use crate::house::{ADMIN, House};
use api::bundle::{self, Bundle};
use api::recording::files::{FileDigest, digest_over};
use axum::body::Body;
use ca::{Authorities, CheckpointKey};
use http::Request;
use http_body_util::BodyExt as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::audit::CheckpointSigner;
use store::recording::{Meta, Outcome};

const SESSION: &str = "00000001-0000-0000";
const REQUESTS: [&str; 2] = ["bc8ca931-fec9-4b15", "bc8ca931-fec9-4b16"];

fn meta(house: &House) -> Meta {
    Meta {
        session: SESSION.to_owned(),
        user: "alice".to_owned(),
        login_id: None,
        target: "db-box".to_owned(),
        login: "root".to_owned(),
        requests: REQUESTS.map(str::to_owned).to_vec(),
        peer: None,
        client: None,
        started: house.control.now(),
    }
}

/// A house with one recording of two parts, sealed and on the record, under two requests.
async fn recorded() -> House {
    let house = House::staged().await;
    let meta = meta(&house);
    let authorities = Authorities::generate("main", meta.started).unwrap();
    house.store.audit().sign_with(Arc::new(Signer(authorities.checkpoint()))).unwrap();
    let mut spool = house.shelf.create(&meta).unwrap();
    let mut press = house.shelf.press().unwrap();
    for (start, text) in [(0, "header\n"), (1500, "two\n")] {
        spool.put(&mut press, Duration::from_millis(start), text.as_bytes()).unwrap();
    }
    let (sealed, written) = spool.seal(Outcome::Finished, meta.started, false);
    written.unwrap();
    let events =
        vec![meta.started_event(), sealed.ended_event(), sealed.sealed_event(meta.started)];
    house.store.record(events).await.unwrap();
    house.shelf.settle(&sealed).unwrap();
    house
}

/// Signs checkpoints.
#[derive(Debug)]
struct Signer(Arc<CheckpointKey>);

impl CheckpointSigner for Signer {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text)
    }
}

fn folder(house: &House) -> PathBuf {
    let day = house.control.now().strftime("%Y-%m-%d").to_string();
    house.dir.path().join("recordings").join(day).join(SESSION)
}

async fn checked(house: &House) -> (bool, String) {
    let answer = house.get(ADMIN, &format!("/v1/recordings/{SESSION}/check")).await;
    (answer.body["intact"].as_bool().unwrap(), answer.body["problems"].to_string())
}

async fn verified(house: &House) -> (u64, String) {
    let answer = house.get(ADMIN, "/v1/audit/verify").await;
    assert_eq!((answer.status.as_u16(), answer.body["recordings"].as_u64()), (200, Some(1)));
    (answer.body["found"].as_u64().unwrap(), answer.body["problems"].to_string())
}

async fn exported(house: &House) -> Bundle {
    let answer = house.get(ADMIN, &format!("/v1/audit/export?request={}", REQUESTS[1])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

#[tokio::test]
async fn a_bundle_lists_the_files_of_its_recordings() {
    let house = recorded().await;
    let bundle = exported(&house).await;
    bundle::verify(&bundle, None).unwrap();
    let files = bundle.recordings[0].files.as_ref().unwrap();
    for file in files {
        let bytes = fs::read(folder(&house).join(&file.name)).unwrap();
        assert_eq!(*file, FileDigest::of(&file.name, &bytes));
    }
    assert_eq!(files.len(), 3);
    assert_eq!(checked(&house).await, (true, "[]".to_owned()));
    assert_eq!(verified(&house).await, (0, "[]".to_owned()));
}

#[tokio::test]
async fn a_seal_swapped_together_with_its_part_is_found_by_the_audit_log() {
    let house = recorded().await;
    let seal = folder(&house).join("sealed.json");
    let mut forged: serde_json::Value = serde_json::from_slice(&fs::read(&seal).unwrap()).unwrap();
    let mut files: Vec<FileDigest> = serde_json::from_value(forged["files"].clone()).unwrap();
    let part = folder(&house).join(&files[2].name);
    let mut bytes = fs::read(&part).unwrap();
    bytes[9] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let (intact, problems) = checked(&house).await;
    assert!(!intact && problems.contains("was changed: its SHA-256"), "{problems}");
    files[2] = FileDigest::of(&files[2].name, &bytes);
    forged["digest"] = digest_over(&files).into();
    forged["files"] = serde_json::to_value(&files).unwrap();
    fs::write(&seal, forged.to_string()).unwrap();
    let (intact, problems) = checked(&house).await;
    assert!(!intact && problems.contains("the audit log says"), "{problems}");
    let (found, problems) = verified(&house).await;
    assert!(found == 1 && problems.contains("not the one in the audit log"), "{problems}");
    let bundle = exported(&house).await;
    bundle::verify(&bundle, None).unwrap();
    assert_eq!(bundle.recordings[0].files, None, "a forged list does not leave the house");
}

#[tokio::test]
async fn a_removed_part_and_a_removed_recording_are_missed() {
    let house = recorded().await;
    let part = exported(&house).await.recordings[0].files.as_ref().unwrap()[1].name.clone();
    fs::remove_file(folder(&house).join(&part)).unwrap();
    let (found, problems) = verified(&house).await;
    assert!(found == 1 && problems.contains(&part), "{problems}");
    assert!(exported(&house).await.recordings[0].files.is_some(), "the list says what is missing");
    fs::remove_dir_all(folder(&house)).unwrap();
    let (found, problems) = verified(&house).await;
    assert!(found == 1 && problems.contains("it is missing"), "{problems}");
    assert_eq!(exported(&house).await.recordings[0].files, None);
}

#[tokio::test]
async fn the_files_leave_as_they_lie_on_the_record_and_for_whom_may_see_them() {
    let house = recorded().await;
    let path = format!("/v1/recordings/{SESSION}/files");
    assert_eq!(house.get(house.user("mallory"), &path).await.status, 404);
    let request = Request::get(&path).body(Body::empty()).unwrap();
    let body = house.respond(house.user("alice"), request).await.into_body();
    let bytes = body.collect().await.unwrap().to_bytes();
    let part = exported(&house).await.recordings[0].files.as_ref().unwrap()[1].name.clone();
    let on_disk = fs::read(folder(&house).join(part)).unwrap();
    assert!(bytes.windows(on_disk.len()).any(|window| window == on_disk));
    let seen =
        house.get(ADMIN, &format!("/v1/audit?session={SESSION}&code=recording.viewed")).await;
    assert_eq!(seen.body["events"].as_array().unwrap().len(), 1, "{}", seen.body);
}

#[tokio::test]
async fn a_session_opened_by_several_grants_is_found_by_each() {
    let house = recorded().await;
    for request in REQUESTS {
        let answer = house.get(ADMIN, &format!("/v1/audit?request={request}&order=oldest")).await;
        let codes: Vec<&str> = answer.body["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, ["session.started", "session.ended", "recording.sealed"], "{request}");
    }
}

#[tokio::test]
async fn what_was_retired_is_told_and_verifies_and_what_only_vanished_does_not() {
    let house = recorded().await;
    let digest = exported(&house).await.recordings[0].digest.clone();
    house.later(60);
    let now = house.control.now();
    let (done, _) =
        store::recording::retire(&house.store, &house.shelf, now, (None, now)).await.unwrap();
    assert_eq!(done.retired, 1);
    assert!(!folder(&house).exists());
    let answer = house.get(ADMIN, "/v1/audit/verify").await.body;
    let number = |name: &str| answer[name].as_u64();
    assert_eq!(
        [number("found"), number("recordings"), number("retired")],
        [Some(0), Some(0), Some(1)],
        "{answer}"
    );
    let bundle = exported(&house).await;
    assert!(bundle::verify(&bundle, None).unwrap().is_retired(SESSION, &digest));
    for what in ["cast", "text", "check", "files", "matches?text=x"] {
        let answer = house.get(ADMIN, &format!("/v1/recordings/{SESSION}/{what}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (410, "recording.retired"));
        let told = answer.body["detail"].as_str().unwrap();
        assert!(told.contains("was retired on 20") && told.contains(&digest), "{told}");
    }
    // Who may not see it is not told that it was ever there.
    let other = house.get(house.user("mallory"), &format!("/v1/recordings/{SESSION}/cast")).await;
    assert_eq!(other.status, 404);
    let listed = house.get(ADMIN, "/v1/recordings").await.body;
    assert_eq!(listed["items"][0]["state"], "retired", "{listed}");
}
