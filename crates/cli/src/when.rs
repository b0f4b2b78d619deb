//! Times and durations in words: always UTC, always saying so.

use jiff::{SignedDuration, Timestamp};

/// Reads a time: RFC 3339, without seconds too, or a date, which is its midnight UTC.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let zoneless = text.strip_suffix('Z').unwrap_or(text);
    let civil = zoneless.parse::<jiff::civil::DateTime>().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp())
}

/// `07 Nov 19 19:38`: the column of the request table, whose title says UTC.
#[must_use]
pub fn short(time: Timestamp) -> String {
    time.strftime("%d %b %y %H:%M").to_string()
}

/// `2019-11-07 19:38 UTC`.
#[must_use]
pub fn long(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2019-11-07 19:38:05 UTC`.
#[must_use]
pub fn exact(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `2019-11-07 19:38 UTC (in 2h 5m)` or `(3d ago)`.
#[must_use]
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    let distance = time.duration_since(now);
    // To the nearest minute where seconds are not shown: a day that began just now is a day.
    let distance = match distance.abs() >= SignedDuration::from_mins(10) {
        true => distance.round(jiff::Unit::Minute).unwrap_or(distance),
        false => distance,
    };
    if distance.is_negative() {
        format!("{} ({} ago)", long(time), length(distance.abs()))
    } else {
        format!("{} (in {})", long(time), length(distance))
    }
}

/// The two largest units: `2h 5m`, `3d 1h`, `40s`.
#[must_use]
pub fn length(duration: SignedDuration) -> String {
    let mut rest = duration.as_secs().max(0);
    let mut words = Vec::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= seconds && words.len() < 2 {
            words.push(format!("{}{unit}", rest / seconds));
            rest %= seconds;
        } else if !words.is_empty() {
            break;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

/// `1.5 MiB`: bytes for people.
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter();
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = units.next().unwrap_or("KiB");
    for larger in units {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_utc_and_say_so() {
        let then = time("2019-11-07T20:38:05+01:00");
        assert_eq!(short(then), "07 Nov 19 19:38");
        assert_eq!(relative(then, time("2019-11-07T17:33:00Z")), "2019-11-07 19:38 UTC (in 2h 5m)");
        assert_eq!(
            relative(then, time("2019-11-10T20:40:00Z")),
            "2019-11-07 19:38 UTC (3d 1h ago)"
        );
    }

    #[test]
    fn lengths_have_at_most_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3600, "1h"),
            (86_400 + 59, "1d"),
            (90_061, "1d 1h"),
        ] {
            assert_eq!(length(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
