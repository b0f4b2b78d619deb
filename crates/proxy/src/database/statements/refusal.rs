//! Why a statement is not passed on, as the client and the audit log are told.

use access::permit::Terms;
use access::statement::{StatementClass, StatementClasses};
use serde_json::{Value, json};

use super::Prepared;

/// Bytes of a refused text that the audit log has; the recording has more of it.
const MAX_AUDITED: usize = 4096;

/// Why a statement is not passed on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// In a line.
    pub(crate) message: String,
    /// More about it.
    pub(crate) detail: String,
    /// What to do.
    pub(crate) hint: String,
    /// The classes that no role allows together.
    pub(super) classes: String,
}

impl Refusal {
    /// One of these words, for tests.
    #[cfg(test)]
    pub(crate) fn of(message: &str, detail: &str, hint: &str) -> Self {
        let [message, detail, hint] = [message, detail, hint].map(str::to_owned);
        Self { message, detail, hint, classes: String::new() }
    }

    pub(super) fn new(prepared: &Prepared, classes: StatementClasses, terms: &Terms) -> Self {
        let words = classes.to_string();
        let message = if !classes.contains(StatementClass::Unknown) {
            format!("Access denied: your roles do not allow this statement ({words}).")
        } else if prepared.length() > prepared.text().len() {
            "Access denied: this statement is too long to be judged.".to_owned()
        } else {
            "Access denied: this statement is not understood, and your roles do not allow every statement."
                .to_owned()
        };
        let allowed: Vec<String> = terms.db_statements.iter().map(ToString::to_string).collect();
        let detail = if terms.is_read_only() {
            format!("Your access is read-only: {}.", allowed.join("; or: "))
        } else {
            format!("Your roles allow: {}.", allowed.join("; or: "))
        };
        let hint =
            "Ask for a role that allows it. What you can ask for: tsh request search --roles"
                .to_owned();
        Self { message, detail, hint, classes: words }
    }

    /// For another reason than what it does; whoever asks tells the client.
    pub(super) fn because(why: &str) -> Self {
        let (message, detail, hint) = (String::new(), String::new(), String::new());
        Self { message, detail, hint, classes: why.to_owned() }
    }

    /// The audit event's fields.
    pub(super) fn event(&self, prepared: &Prepared) -> Value {
        let text = prepared.text();
        let kept = text.get(..MAX_AUDITED).unwrap_or(text);
        json!({
            "statement": String::from_utf8_lossy(kept),
            "length": prepared.length(),
            "classes": self.classes,
        })
    }
}
