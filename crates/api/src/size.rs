//! Sizes as people write them: `512MiB`, `2GiB`. A whole number and a binary unit (IEC 80000-13).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A number of bytes in JSON and YAML, such as `2GiB`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Size(pub u64);

/// Why a text is not a size.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a size such as `512MiB` or `2GiB`: a whole number of KiB, MiB, GiB or TiB")]
pub struct NotASize;

/// Largest first, so that a size is written with the largest that leaves nothing over.
const UNITS: [(&str, u64); 4] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl std::str::FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let text = text.trim();
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
        let (number, bytes) = unit.ok_or(NotASize)?;
        let number = number.trim_end();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotASize);
        }
        let number: u64 = number.parse().map_err(|_| NotASize)?;
        number.checked_mul(*bytes).map(Self).ok_or(NotASize)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match UNITS.iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}KiB", self.0.div_ceil(1 << 10)),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Size {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A size such as `512MiB` or `2GiB`."))
            .pattern(Some("^[0-9]+ ?[KMGT]iB$"))
            .into()
    }
}

impl ToSchema for Size {
    fn name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_and_written() {
        for (text, bytes, written) in [
            ("2GiB", 2 << 30, "2GiB"),
            ("1024 MiB", 1 << 30, "1GiB"),
            ("1536MiB", 1536 << 20, "1536MiB"),
            ("0KiB", 0, "0KiB"),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Size(bytes).to_string(), written);
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "GiB", "2", "2GB", "-1GiB", "+1GiB", "1.5GiB", "99999999999999TiB", "2gib"]
        {
            assert_eq!(text.parse::<Size>(), Err(NotASize), "{text}");
        }
    }
}
