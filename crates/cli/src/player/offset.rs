//! Moments and lengths as they are typed and shown: `83`, `1:23`, `500ms`, `1.5s`, `2m`.

/// The latest moment that can be typed, in milliseconds: a hundred days.
const MAX: u64 = api::cast::MAX_TIME;

/// A moment in a recording, or a length of time, in milliseconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Offset(pub u64);

/// A text that is neither.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a time such as `83`, `1:23`, `1:02:03`, `500ms`, `1.5s` or `2m`")]
pub struct NotATime;

impl std::str::FromStr for Offset {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let units = [("ms", 1_u64), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
        let unit = units.iter().find_map(|(name, ms)| Some((text.strip_suffix(name)?, *ms)));
        let ms = match unit {
            Some((number, ms)) => decimal(number, ms)?,
            None => clock(text)?,
        };
        if ms > MAX { Err(NotATime) } else { Ok(Self(ms)) }
    }
}

/// `1:02:03.5`: hours, minutes, seconds; all but the first below 60.
fn clock(text: &str) -> Result<u64, NotATime> {
    let parts: Vec<&str> = text.split(':').collect();
    let (seconds, larger) = parts.split_last().ok_or(NotATime)?;
    if larger.len() > 2 {
        return Err(NotATime);
    }
    let mut minutes = 0_u64;
    for (place, part) in larger.iter().enumerate() {
        let number: u64 = digits(part)?;
        if place > 0 && number >= 60 {
            return Err(NotATime);
        }
        minutes = minutes.checked_mul(60).and_then(|m| m.checked_add(number)).ok_or(NotATime)?;
    }
    let ms = decimal(seconds, 1000)?;
    if !larger.is_empty() && ms >= 60_000 {
        return Err(NotATime);
    }
    minutes.checked_mul(60_000).and_then(|m| m.checked_add(ms)).ok_or(NotATime)
}

/// A decimal number of units of `ms` milliseconds, with up to three places.
fn decimal(text: &str, ms: u64) -> Result<u64, NotATime> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.len() > 3 {
        return Err(NotATime);
    }
    let scale = 10_u64.pow(u32::try_from(part.len()).map_err(|_| NotATime)?);
    let whole = digits(whole)?.checked_mul(ms).ok_or(NotATime)?;
    let part = digits(part)?.checked_mul(ms).ok_or(NotATime)? / scale;
    whole.checked_add(part).ok_or(NotATime)
}

fn digits(text: &str) -> Result<u64, NotATime> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotATime);
    }
    text.parse().map_err(|_| NotATime)
}

impl std::fmt::Display for Offset {
    /// `1:23`, or `1:02:03`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0 / 1000;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}:{minutes:02}:{seconds:02}")
        } else {
            write!(f, "{minutes}:{seconds:02}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in [
            ("0", 0),
            ("83", 83_000),
            ("1:23", 83_000),
            ("1:02:03.5", 3_723_500),
            ("500ms", 500),
            ("1s", 1000),
            ("1.5s", 1500),
            ("0.25", 250),
            ("90m", 5_400_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(text.parse(), Ok(Offset(ms)), "{text}");
        }
        for bad in [
            "",
            "x",
            "-1",
            "1:60",
            "1:2:3:4",
            "1:-2",
            "1.2345",
            "s",
            ":",
            "1:",
            "+1",
            "99999999999999999999",
            "3000h",
            "1:90",
        ] {
            assert_eq!(bad.parse::<Offset>(), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn times_are_shown_as_clocks() {
        for (ms, text) in [(0, "0:00"), (83_999, "1:23"), (3_723_500, "1:02:03")] {
            assert_eq!(Offset(ms).to_string(), text);
        }
    }
}
