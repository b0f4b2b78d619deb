//! The exam of the law: every case of every file in `tests/cases/*.json` is decided by the law.
//!
//! A case is data; its *shape* (which fields it has) says what is asked. Nothing looks at a case's id, and
//! a case whose shape nobody knows is a failure, not a skip.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a case that cannot be read fails the test, which is what it is for"
)]

use serde_json::Value;
use std::{fs, path::Path};

mod requests;
mod roles;

/// What a runner says to a case: `None` where the shape is not its own.
type Verdict = Option<Result<(), String>>;

/// How many cases the files handed down hold; more may be added to them, and more files.
const HANDED_DOWN: &[(&str, usize)] = &[("requests.json", 152), ("roles.json", 183)];

fn cases() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let all: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!all.is_empty(), "{name} holds no case");
        cases.extend(all.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}

#[test]
fn the_law_decides_every_case_as_it_must() {
    let cases = cases();
    let mut failed = Vec::new();
    let mut decided = 0_usize;
    for (file, case) in &cases {
        let id = case["id"].as_str().unwrap_or("without id");
        let verdict: Verdict = roles::run(case).or_else(|| requests::run(case));
        match verdict {
            Some(Ok(())) => decided += 1,
            Some(Err(why)) => failed.push(format!("{file} {id} ({}): {why}", case["title"])),
            None => {
                failed.push(format!("{file} {id} ({}): nobody knows this shape", case["title"]))
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
    assert_eq!(decided, cases.len(), "every case is decided once");
}

#[test]
fn no_case_handed_down_is_lost() {
    let cases = cases();
    for (file, count) in HANDED_DOWN {
        let there = cases.iter().filter(|(name, _)| name == file).count();
        assert!(there >= *count, "{file} holds {there} cases, not {count}");
    }
    let mut ids: Vec<_> = cases.iter().map(|(_, case)| case["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let distinct = ids.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(distinct, "two cases have the same id");
}
