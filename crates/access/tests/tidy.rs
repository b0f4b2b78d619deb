//! The rules of the house that a compiler does not check, as tests: who may import whom, what the pure
//! rooms must not touch, how long a file may be, which crates are banned.
//!
//! They read the tree as text. Where one fails, its message names the file, the line and the rule.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot read the tree fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may name under `[dependencies]` (ARCHITECTURE.md, "the rooms").
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("access", &[]),
    ("wire", &[]),
    ("api", &["access"]),
    ("ca", &["access"]),
    ("store", &["access", "api"]),
    ("proxy", &["access", "wire", "ca", "store"]),
    ("control", &["access", "api", "ca", "store"]),
    ("daemon", &["access", "wire", "api", "ca", "store", "proxy", "control"]),
    ("cli", &["access", "api"]),
];

/// Lines after which a file is a defect.
const LONGEST_FILE: usize = 800;

/// Lines after which a file must stand in `LONG_FILES`: a list which may only shrink.
const QUESTION: usize = 400;

/// Crates that bring a second crypto provider.
const BANNED: &[&str] = &["ring", "openssl", "openssl-sys", "native-tls", "boring"];

/// Words that name no thing (STYLE.md, "names").
const NAMELESS: &[&str] =
    &["common", "util", "utils", "helper", "helpers", "manager", "misc", "types"];

#[test]
fn rooms_import_downwards_only() {
    let mut wrong = Vec::new();
    for (room, allowed) in MAY_IMPORT {
        let manifest = read(&root().join("crates").join(room).join("Cargo.toml"));
        let dependencies = section(&manifest, "[dependencies]");
        for (other, _) in MAY_IMPORT {
            let named = dependencies.iter().any(|line| key_of(line) == *other);
            if named && !allowed.contains(other) {
                wrong.push(format!("crates/{room}/Cargo.toml: `{room}` may not import `{other}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    let mut rooms: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    rooms.sort();
    let mut known: Vec<&str> = MAY_IMPORT.iter().map(|(room, _)| *room).collect();
    known.sort_unstable();
    assert_eq!(rooms, known, "a new room needs a line in MAY_IMPORT and in ARCHITECTURE.md");
}

#[test]
fn the_pure_rooms_have_no_world() {
    let forbidden = [
        "tokio",
        "serde",
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::thread",
        "std::io::std",
        "Timestamp::now",
        "Zoned::now",
        "SystemTime",
        "Instant::now",
        "rand::",
        "getrandom",
        "TimeZone::system",
    ];
    let mut wrong = Vec::new();
    for room in ["access", "wire"] {
        for file in sources(&root().join("crates").join(room).join("src")) {
            for (number, line) in read(&file).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in forbidden.iter().filter(|word| code.contains(**word)) {
                    wrong.push(format!("{}:{}: `{word}` in a pure room", shown(&file), number + 1));
                }
            }
        }
        let manifest = read(&root().join("crates").join(room).join("Cargo.toml"));
        for line in section(&manifest, "[dependencies]") {
            let name = key_of(&line);
            if ["tokio", "serde", "serde_json", "rand", "russh", "rusqlite", "axum"]
                .contains(&name.as_str())
            {
                wrong.push(format!(
                    "crates/{room}/Cargo.toml: a pure room may not depend on `{name}`"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn doors_do_not_import_each_other() {
    let doors = ["ssh", "kube", "postgres", "mysql", "app"];
    let mut wrong = Vec::new();
    for door in doors {
        let mut files = sources(&root().join("crates/proxy/src").join(door));
        files.push(root().join("crates/proxy/src").join(format!("{door}.rs")));
        for file in files.iter().filter(|file| file.is_file()) {
            for (number, line) in read(file).lines().enumerate() {
                for other in doors.iter().filter(|other| **other != door) {
                    if line.contains(&format!("crate::{other}::")) {
                        wrong.push(format!(
                            "{}:{}: door `{door}` imports door `{other}`",
                            shown(file),
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let mut wrong = Vec::new();
    let mut long = BTreeMap::new();
    for file in sources(&root().join("crates")) {
        let lines = read(&file).lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!(
                "{}: {lines} lines, over {LONGEST_FILE} is a defect: split it by meaning",
                shown(&file)
            ));
        } else if lines > QUESTION {
            long.insert(shown(&file), lines);
        }
    }
    let most = 24;
    if long.len() > most {
        wrong.push(format!(
            "{} files are over {QUESTION} lines, at most {most} may be: {long:#?}",
            long.len()
        ));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn names_name_a_thing() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("crates")) {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        if NAMELESS.contains(&stem.as_str()) {
            wrong.push(format!("{}: `{stem}` names no thing", shown(&file)));
        }
        if stem == "mod" {
            wrong.push(format!("{}: `foo.rs` with `foo/` beside it, no mod.rs", shown(&file)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn modules_say_what_they_are() {
    let wrong: Vec<String> = sources(&root().join("crates"))
        .into_iter()
        .filter(|file| !read(file).trim_start().starts_with("//!"))
        .map(|file| format!("{}: begins without `//!`", shown(&file)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn one_crypto_provider() {
    // What is built, not what the lock file merely names: it holds the optional dependencies of others too.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = std::process::Command::new(cargo)
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--offline",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let built = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = built.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"aws-lc-rs"), "the tree was not read: {built}");
    let wrong: Vec<&&str> = BANNED.iter().filter(|name| names.contains(*name)).collect();
    assert!(wrong.is_empty(), "{wrong:?} would be built in; aws-lc-rs is the only crypto provider");
}

#[test]
fn nothing_is_left_undone() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("crates")) {
        if file.ends_with("tests/tidy.rs") {
            continue;
        }
        for (number, line) in read(&file).lines().enumerate() {
            for word in ["todo!(", "unimplemented!(", "FIXME", "XXX", "#[ignore"] {
                if line.contains(word) {
                    wrong.push(format!("{}:{}: `{word}`", shown(&file), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_fuzz_target_has_a_corpus_that_is_replayed() {
    let fuzz = root().join("fuzz");
    let manifest = read(&fuzz.join("Cargo.toml"));
    let mut targets: Vec<String> = manifest
        .lines()
        .skip_while(|line| line.trim() != "[[bin]]")
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"').map(str::to_owned))
        .collect();
    targets.sort();
    let mut corpora: Vec<String> = fs::read_dir(fuzz.join("corpora"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    corpora.sort();
    assert_eq!(targets, corpora, "fuzz/Cargo.toml and fuzz/corpora name different targets");
    let replays: Vec<String> = MAY_IMPORT
        .iter()
        .map(|(room, _)| root().join("crates").join(room).join("tests/corpora.rs"))
        .filter(|file| file.is_file())
        .map(|file| read(&file))
        .collect();
    let replayed = |name: &String| {
        let call = format!("replay(\"{name}\", ");
        replays.iter().any(|text| text.contains(&call))
    };
    let silent: Vec<&String> = targets.iter().filter(|name| !replayed(name)).collect();
    assert!(silent.is_empty(), "no test replays {silent:?}: crates/*/tests/corpora.rs");
}

#[test]
fn the_architecture_page_stays_readable() {
    let lines = read(&root().join("ARCHITECTURE.md")).lines().count();
    assert!(lines <= 200, "ARCHITECTURE.md has {lines} lines; at most 200");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every `.rs` file below `folder`, sorted.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines of one section of a manifest.
fn section(manifest: &str, head: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != head)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(str::to_owned)
        .collect()
}

/// The key a manifest line sets: `serde` of `serde.workspace = true`.
fn key_of(line: &str) -> String {
    line.split(['.', '=', ' ']).next().unwrap_or_default().to_owned()
}
