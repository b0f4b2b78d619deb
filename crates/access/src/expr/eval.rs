//! Evaluation: total, without errors, bounded by the size of the expression and of the values.

use super::{
    field::Field,
    lower::Node,
    values::{Bound, Values},
};
use std::borrow::Cow;

type Text<'a> = Cow<'a, str>;

impl Node {
    /// The truth of a node that is true or false. Lowering guarantees the types; a node of another type
    /// would be false.
    pub(crate) fn truth(&self, values: &Values<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.truth(values)),
            Self::Any(nodes) => nodes.iter().any(|node| node.truth(values)),
            Self::Contains(list, item) => {
                let item = item.text(values);
                list.texts(values).contains(&item)
            }
            Self::ContainsAll(list, items) => {
                let (list, items) = (list.texts(values), items.texts(values));
                // Nothing is not "all of something": a rule must not approve a request for nothing.
                !items.is_empty() && items.iter().all(|item| list.contains(item))
            }
            Self::ContainsAny(list, items) => {
                let (list, items) = (list.texts(values), items.texts(values));
                items.iter().any(|item| list.contains(item))
            }
            Self::Equal(one, other) => one.equals(other, values),
            Self::IsEmpty(one) => one.texts(values).iter().all(|text| text.is_empty()),
            Self::Matches(texts, pattern) => {
                texts.texts(values).iter().any(|text| pattern.matches(text))
            }
            Self::Not(one) => !one.truth(values),
            Self::Truth(truth) => *truth,
            Self::EmailLocal(_)
            | Self::LabelsMatching(_)
            | Self::Lower(_)
            | Self::Name(..)
            | Self::Replace(..)
            | Self::Set(_)
            | Self::Text(_)
            | Self::Upper(_) => false,
        }
    }

    const fn is_truth(&self) -> bool {
        match self {
            Self::All(_)
            | Self::Any(_)
            | Self::Contains(..)
            | Self::ContainsAll(..)
            | Self::ContainsAny(..)
            | Self::Equal(..)
            | Self::IsEmpty(_)
            | Self::Matches(..)
            | Self::Not(_)
            | Self::Truth(_) => true,
            Self::EmailLocal(_)
            | Self::LabelsMatching(_)
            | Self::Lower(_)
            | Self::Name(..)
            | Self::Replace(..)
            | Self::Set(_)
            | Self::Text(_)
            | Self::Upper(_) => false,
        }
    }

    /// Lists are compared as sets.
    fn equals(&self, other: &Self, values: &Values<'_>) -> bool {
        if self.is_truth() {
            return self.truth(values) == other.truth(values);
        }
        let (one, other) = (self.texts(values), other.texts(values));
        one.iter().all(|text| other.contains(text)) && other.iter().all(|text| one.contains(text))
    }

    /// The one text of a text node.
    pub(crate) fn text<'a>(&'a self, values: &Values<'a>) -> Text<'a> {
        self.texts(values).into_iter().next().unwrap_or_default()
    }

    /// The texts of a list, or the one text of a text: a missing text is the empty one.
    pub(crate) fn texts<'a>(&'a self, values: &Values<'a>) -> Vec<Text<'a>> {
        match self {
            Self::EmailLocal(inner) => {
                each(inner.texts(values), |text| local_part(text).map(str::to_owned))
            }
            Self::LabelsMatching(pattern) => match values.bound(Field::Labels) {
                Some(Bound::Texts(labels)) => {
                    let matching = labels.iter().filter(|(key, _)| pattern.matches(key));
                    matching.map(|(_, value)| Cow::Borrowed(value.as_str())).collect()
                }
                Some(Bound::List(_) | Bound::Lists(_) | Bound::Text(_)) | None => Vec::new(),
            },
            Self::Lower(inner) => each(inner.texts(values), |text| Some(text.to_lowercase())),
            Self::Name(field, key) => named(values.bound(*field), key.as_deref(), *field),
            Self::Replace(inner, replacement) => {
                each(inner.texts(values), |text| replacement.apply(text))
            }
            Self::Set(nodes) => nodes.iter().map(|node| node.text(values)).collect(),
            Self::Text(text) => vec![Cow::Borrowed(&**text)],
            Self::Upper(inner) => each(inner.texts(values), |text| Some(text.to_uppercase())),
            Self::All(_)
            | Self::Any(_)
            | Self::Contains(..)
            | Self::ContainsAll(..)
            | Self::ContainsAny(..)
            | Self::Equal(..)
            | Self::IsEmpty(_)
            | Self::Matches(..)
            | Self::Not(_)
            | Self::Truth(_) => Vec::new(),
        }
    }
}

fn each<'a>(texts: Vec<Text<'a>>, change: impl Fn(&str) -> Option<String>) -> Vec<Text<'a>> {
    texts.into_iter().filter_map(|text| change(&text).map(Cow::Owned)).collect()
}

fn named<'a>(bound: Option<&Bound<'a>>, key: Option<&str>, field: Field) -> Vec<Text<'a>> {
    match (bound, key) {
        (Some(Bound::Text(text)), None) => vec![Cow::Borrowed(text)],
        (Some(Bound::List(texts)), None) => texts.iter().map(|text| Cow::Borrowed(*text)).collect(),
        (Some(Bound::Texts(texts)), Some(key)) => {
            vec![Cow::Borrowed(texts.get(key).map_or("", String::as_str))]
        }
        (Some(Bound::Lists(lists)), Some(key)) => {
            lists.get(key).into_iter().flatten().map(|text| Cow::Borrowed(text.as_str())).collect()
        }
        (None, _) if field.is_text() => vec![Cow::Borrowed("")],
        (Some(Bound::List(_) | Bound::Lists(_) | Bound::Text(_) | Bound::Texts(_)) | None, _) => {
            Vec::new()
        }
    }
}

/// `mia` of `mia@corp.test` and of `Mia <mia@corp.test>` (RFC 5322, section 3.4; only these two forms).
pub(crate) fn local_part(text: &str) -> Option<&str> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let fine =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@');
    (fine(local) && fine(domain)).then_some(local)
}
