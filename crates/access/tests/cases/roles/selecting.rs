//! Patterns, label selectors and label expressions by themselves.

use super::world::{labels_of, role, same, traits_of};
use access::{
    expr::{Expr, Field, Scope, Values},
    identity::User,
    pattern::Pattern,
};
use serde_json::{Value, json};

pub(crate) fn pattern(case: &Value) -> Result<(), String> {
    let pattern = Pattern::parse(case["pattern"].as_str().unwrap());
    match case["expect"].as_bool() {
        Some(must) => {
            let pattern = pattern.map_err(|error| error.to_string())?;
            same("matches", pattern.matches(case["input"].as_str().unwrap()), must)
        }
        None => same("refused", pattern.is_err(), case["expect"] == "ERROR"),
    }
}

pub(crate) fn labels(case: &Value) -> Result<(), String> {
    let role = role("r", &json!({"allow": {"node_labels": case["selector"]}}))?;
    let user = User::new("u".parse().unwrap());
    let labels = labels_of(&case["labels"]);
    same("selected", role.allow().nodes.allows(&labels, &user), case["expect"].as_bool().unwrap())
}

pub(crate) fn expression(case: &Value) -> Result<(), String> {
    let expression = Expr::parse(case["expression"].as_str().unwrap(), Scope::Labels);
    let expression = expression.map_err(|error| error.to_string())?;
    let (labels, traits) = (labels_of(&case["labels"]), traits_of(&case["traits"]));
    let values = Values::new().texts(Field::Labels, &labels).lists(Field::UserTraits, &traits);
    same("holds", expression.holds(&values), case["expect"].as_bool().unwrap())
}
