//! Durations as people write them: `90m`, `1h30m`, `14d`. Whole numbers with units `d h m s`, largest first.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// The longest duration that can be written: ten years, in seconds.
pub const MAX_SECONDS: i64 = 10 * 366 * 24 * 3600;

/// A duration in JSON and YAML, such as `8h` or `1h30m`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span(pub SignedDuration);

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a duration such as `90m`, `8h` or `1h30m`, at most ten years")]
pub struct NotASpan;

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl std::str::FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let mut units = UNITS.iter();
        let mut total: i64 = 0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(NotASpan);
        }
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(NotASpan)?;
            let (digits, tail) = rest.split_at(end);
            let number: i64 = digits.parse().map_err(|_| NotASpan)?;
            let mut chars = tail.chars();
            let unit = chars.next().ok_or(NotASpan)?;
            // `units` only moves forward, so a unit comes once and in order.
            let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or(NotASpan)?;
            total =
                number.checked_mul(*seconds).and_then(|n| total.checked_add(n)).ok_or(NotASpan)?;
            rest = chars.as_str();
        }
        if total > MAX_SECONDS { Err(NotASpan) } else { Ok(Self(SignedDuration::from_secs(total))) }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0.as_secs().max(0);
        if rest == 0 {
            return f.write_str("0s");
        }
        // Days only where nothing is left over: `36h` is what people wrote, `1d12h` is not.
        let units: &[(char, i64)] =
            if rest % 86_400 == 0 { &UNITS } else { UNITS.get(1..).unwrap_or_default() };
        for (name, seconds) in units {
            if rest >= *seconds {
                write!(f, "{}{name}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl From<SignedDuration> for Span {
    fn from(duration: SignedDuration) -> Self {
        Self(duration)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl ToSchema for Span {
    fn name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }
}

impl PartialSchema for Span {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A duration such as `90m`, `8h` or `1h30m`."))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    fn read(text: &str) -> String {
        text.parse::<Span>().map_or_else(|_| "refused".to_owned(), |span| span.to_string())
    }

    #[test]
    fn durations_are_shown_as_people_write_them() {
        for (written, shown) in [
            ("8h", "8h"),
            ("90m", "1h30m"),
            ("1h30m", "1h30m"),
            ("14d", "14d"),
            ("36h", "36h"),
            ("0s", "0s"),
            ("3600s", "1h"),
        ] {
            assert_eq!(read(written), shown, "{written}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [
            "",
            "8",
            "h",
            "-1h",
            "1.5h",
            "1m1h",
            "1h1h",
            "99999999999999999999h",
            "20y",
            "4000d",
            "9223372036854775807d",
        ] {
            assert_eq!(read(bad), "refused", "{bad}");
        }
    }
}
