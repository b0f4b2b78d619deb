//! The OpenAPI document: complete, described, and good enough to make a client from.

use crate::house::{House, NOBODY};
use api::endpoints;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

async fn document() -> Value {
    let house = House::open().await;
    let answer = house.get(NOBODY, "/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.body
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[tokio::test]
async fn the_document_has_exactly_the_endpoints_there_are() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let told: BTreeSet<String> = operations(&document)
        .map(|(path, method, _)| format!("{} {path}", method.to_uppercase()))
        .collect();
    let there: BTreeSet<String> =
        endpoints::all().map(|e| format!("{} {}", e.method.as_str(), e.path)).collect();
    assert_eq!(told, there);
    assert_eq!(there.len(), endpoints::all().count(), "an endpoint stands in the table twice");
}

/// Any change of the API is a change of this file: look at the diff, then run with `UPDATE_EXPECT=1`.
#[tokio::test]
async fn the_document_is_as_it_was_agreed() {
    let mut document = document().await;
    // The version is the program's, and changes without the API.
    document["info"]["version"] = "*".into();
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    expect_test::expect_file!["golden/openapi.json"].assert_eq(&text);
}

#[tokio::test]
async fn everything_in_the_document_is_described() {
    let document = document().await;
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(
            names.insert(operation["operationId"].as_str().unwrap()),
            "{what}: operationId twice"
        );
        assert!(
            !operation["summary"].as_str().unwrap_or_default().is_empty(),
            "{what}: no summary"
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}: no success");
        for (status, response) in responses {
            assert!(
                !response["description"].as_str().unwrap_or_default().is_empty(),
                "{what} {status}: no description"
            );
            if !status.starts_with('2') {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{what} {status}");
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                !parameter["description"].as_str().unwrap_or_default().is_empty(),
                "{what}: {parameter}"
            );
        }
        let given: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let needed: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(given, needed, "{what}: parameters of the path");
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document().await;
    let mut found = BTreeSet::new();
    walk(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap_or(&reference);
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Installs the generator under `target/`, once, and gives the folder of its programs.
fn generator(target: &Path) -> PathBuf {
    let venv = target.join("openapi-python-client");
    let bin = venv.join("bin");
    if !bin.join("openapi-python-client").exists() {
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            "python3 with venv is needed: apt-get install python3-venv",
        );
        run(
            Command::new(bin.join("pip")).args([
                "install",
                "--quiet",
                "openapi-python-client==0.29.*",
            ]),
            "pip could not install openapi-python-client",
        );
    }
    bin
}

fn run(command: &mut Command, advice: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{advice} ({error})"));
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{advice}: {command:?}\n{}", String::from_utf8_lossy(&text));
    // The generator warns of what it leaves out; then the client would lack it.
    assert!(
        !String::from_utf8_lossy(&text).contains("WARNING"),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

#[tokio::test]
async fn a_python_client_is_made_from_the_document_and_can_be_imported() {
    let document = document().await;
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let bin = generator(&target);
    let dir = tempfile::tempdir_in(&target).unwrap();
    let spec = dir.path().join("openapi.json");
    std::fs::write(&spec, document.to_string()).unwrap();
    let client = dir.path().join("client");
    let config = dir.path().join("config.yml");
    std::fs::write(
        &config,
        "content_type_overrides:\n  application/yaml: application/octet-stream\n  application/x-asciicast: application/octet-stream\n  \
         application/x-tar: application/octet-stream\n",
    )
    .unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    run(
        Command::new(bin.join("openapi-python-client"))
            // The generator tidies up what it writes with a program that stands beside it.
            .env(
                "PATH",
                std::env::join_paths(
                    std::iter::once(bin.clone()).chain(std::env::split_paths(&path)),
                )
                .unwrap(),
            )
            .args(["generate", "--meta", "none", "--fail-on-warning", "--path"])
            .arg(&spec)
            .arg("--config")
            .arg(&config)
            .arg("--output-path")
            .arg(&client),
        "the client could not be generated",
    );
    // Its modules are imported one by one: a client that only parses is not one that works.
    let script = "import importlib, pkgutil, client\n\
                  names = [m.name for m in pkgutil.walk_packages(client.__path__, 'client.')]\n\
                  for name in names: importlib.import_module(name)\n\
                  from client.models import Problem, RequestView\n\
                  assert len(names) > 60, len(names)\n";
    run(
        Command::new(bin.join("python"))
            .args(["-c", script])
            .current_dir(dir.path())
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        "the generated client cannot be imported",
    );
}
