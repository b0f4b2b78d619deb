//! Expressions, filters, notes; and roles read from their documents.

use super::world::{World, known, same, text, texts, traits_of};
use access::{
    expr::{Expr, Field, Scope, Values},
    request::{Draft, Find, Notes, NotesChange},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// An expression of a threshold or reviewer, and what it says of some values.
pub(crate) fn expression(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "context", "expression", "expect"])?;
    let context = &case["context"];
    known(context, &["reviewer", "review", "request"])?;
    let must = case["expect"].as_bool().ok_or("expect is neither true nor false")?;
    let list = |value: &Value| texts(value);
    let (roles, reviewer_roles) =
        (list(&context["request"]["roles"]), list(&context["reviewer"]["roles"]));
    let annotations = traits_of(&context["request"]["system_annotations"]);
    let traits = traits_of(&context["reviewer"]["traits"]);
    let noted = traits_of(&context["review"]["annotations"]);
    let values = Values::new()
        .list(Field::RequestRoles, roles.iter().map(String::as_str))
        .text(Field::RequestReason, context["request"]["reason"].as_str().unwrap_or_default())
        .lists(Field::RequestAnnotations, &annotations)
        .list(Field::ReviewerRoles, reviewer_roles.iter().map(String::as_str))
        .lists(Field::ReviewerTraits, &traits)
        .text(Field::ReviewReason, context["review"]["reason"].as_str().unwrap_or_default())
        .lists(Field::ReviewAnnotations, &noted);
    let expression = Expr::parse(&text(&case["expression"]), Scope::Review)
        .map_err(|error| error.to_string())?;
    same("it", expression.holds(&values), must)
}

/// An expression that must not get into a role.
pub(crate) fn broken_expression(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "expression", "expect"])?;
    match Expr::parse(&text(&case["expression"]), Scope::Review) {
        Ok(expression) => Err(format!("`{expression}` got in")),
        Err(_) => Ok(()),
    }
}

/// Which of some requests a filter finds.
pub(crate) fn filter(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "requests", "filter", "expect"])?;
    known(&case["expect"], &["matches"])?;
    let mut world = World::new();
    world.role("dba", &Value::Null)?;
    world.role("asker", &serde_json::json!({"allow": {"request": {"roles": ["dba"]}}}))?;
    let mut filed = BTreeMap::new();
    for (label, request) in case["requests"].as_object().into_iter().flatten() {
        known(request, &["user"])?;
        let user = text(&request["user"]);
        world.user(&user, &["asker"], &Value::Null);
        let draft = Draft { roles: vec!["dba".into()], ..Draft::default() };
        filed
            .insert(label.clone(), world.file(&user, draft).map_err(|refusal| refusal.sentence())?);
    }
    let pairs: Vec<(String, String)> = case["filter"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let value = text(value);
            let label = value.strip_prefix("<id of ").and_then(|rest| rest.strip_suffix('>'));
            (key.clone(), label.map_or(value.clone(), |label| filed[label].id().to_string()))
        })
        .collect();
    let find = Find::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map_err(|error| error.to_string())?;
    let found: Vec<String> = filed
        .iter()
        .filter(|(_, request)| find.matches(request, world.now))
        .map(|(label, _)| label.clone())
        .collect();
    same("matches", found, texts(&case["expect"]["matches"]))
}

/// A filter that means nothing.
pub(crate) fn bad_filter(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "filter", "expect"])?;
    known(&case["expect"], &["error"])?;
    let pairs: Vec<(String, String)> = case["filter"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect();
    let error = text(&case["expect"]["error"]);
    match Find::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))) {
        Ok(find) => Err(format!("is {find:?}")),
        Err(bad) if bad.to_string().contains(&error) => Ok(()),
        Err(bad) => Err(bad.to_string()),
    }
}

/// A change of notes, if they are what it expects.
pub(crate) fn notes(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "data", "update", "expect"])?;
    known(&case["update"], &["set", "expect"])?;
    known(&case["expect"], &["data", "error"])?;
    let mut notes: Notes = map(&case["data"]).into_iter().collect();
    let change =
        NotesChange { expect: map(&case["update"]["expect"]), set: map(&case["update"]["set"]) };
    match (notes.changed(change), case["expect"]["error"].as_str()) {
        (Ok(next), None) => notes = next,
        (Ok(next), Some(_)) => return Err(format!("is {next:?}")),
        (Err(error), Some(must)) if error.to_string().contains(must) => {}
        (Err(error), _) => return Err(error.to_string()),
    }
    same("data", notes.entries(), &map(&case["expect"]["data"]))
}

/// Whether a notifier has kept anything beside a request.
pub(crate) fn notes_filter(case: &Value) -> Result<(), String> {
    known(case, &["id", "title", "note", "data", "filter", "expect"])?;
    known(&case["filter"], &["resource", "plugin"])?;
    known(&case["expect"], &["match"])?;
    let notes: Notes = map(&case["data"]).into_iter().collect();
    same("match", Some(!notes.is_empty()), case["expect"]["match"].as_bool())
}

fn map(value: &Value) -> BTreeMap<String, String> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}
