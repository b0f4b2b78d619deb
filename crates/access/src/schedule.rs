//! Schedules: the hours in which an automatic rule acts.
//!
//! A shift is hours of one weekday in a time zone, both ends inclusive: until `17:00` means that
//! 17:00:59 is inside and 17:01 is not.

use core::str::FromStr;
use jiff::{
    Timestamp,
    civil::{Time, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};

/// The most shifts one schedule may have: seven days, by the hour.
const MAX_SHIFTS: usize = 7 * 24;

/// When a rule acts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    zone: TimeZone,
    name: Box<str>,
    shifts: Vec<Shift>,
}

/// Hours of one weekday, to the minute, both ends inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shift {
    /// The day.
    pub weekday: Weekday,
    /// The first minute.
    pub start: Time,
    /// The last minute.
    pub end: Time,
}

/// Why something is not a schedule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSchedule {
    /// A time zone the IANA database does not have.
    #[error("there is no time zone `{}`: write it like `Europe/Vienna` or `UTC`", .0.escape_default())]
    Zone(String),
    /// Not a weekday.
    #[error("there is no weekday `{}`: write it like `Monday`", .0.escape_default())]
    Weekday(String),
    /// Not a time of day.
    #[error("`{}` is not a time of day: write it like `09:00`", .0.escape_default())]
    Time(String),
    /// The end comes first.
    #[error("a shift ends after it starts: write one that passes midnight as two, of two days")]
    Backwards,
    /// No shift, or very many.
    #[error("a schedule has between 1 and {MAX_SHIFTS} shifts")]
    Shifts,
}

impl Schedule {
    /// The schedule with these shifts in the zone of this IANA name; an empty name is UTC.
    pub fn new(zone: &str, shifts: Vec<Shift>) -> Result<Self, InvalidSchedule> {
        if shifts.is_empty() || shifts.len() > MAX_SHIFTS {
            return Err(InvalidSchedule::Shifts);
        }
        let name = if zone.is_empty() { "UTC" } else { zone };
        // The bundled database: what a rule decides depends neither on the host nor on its updates.
        let zone = TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| InvalidSchedule::Zone(name.chars().take(64).collect()))?;
        Ok(Self { zone, name: name.into(), shifts })
    }

    /// The time zone's name.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.name
    }

    /// The shifts.
    #[must_use]
    pub fn shifts(&self) -> &[Shift] {
        &self.shifts
    }

    /// Whether `at` lies in one of the shifts.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.zone.clone());
        let Ok(minute) = Time::new(local.hour(), local.minute(), 0, 0) else { return false };
        self.shifts.iter().any(|shift| {
            shift.weekday == local.weekday() && shift.start <= minute && minute <= shift.end
        })
    }
}

impl Shift {
    /// The hours from `start` to `end` (`09:00`) of `weekday` (`Monday`).
    pub fn parse(weekday: &str, start: &str, end: &str) -> Result<Self, InvalidSchedule> {
        let shift = Self { weekday: day(weekday)?, start: time(start)?, end: time(end)? };
        if shift.end < shift.start { Err(InvalidSchedule::Backwards) } else { Ok(shift) }
    }
}

fn day(text: &str) -> Result<Weekday, InvalidSchedule> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    DAYS.into_iter()
        .find(|(name, _)| {
            name.eq_ignore_ascii_case(text)
                || name.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(text))
        })
        .map(|(_, day)| day)
        .ok_or_else(|| InvalidSchedule::Weekday(text.chars().take(64).collect()))
}

fn time(text: &str) -> Result<Time, InvalidSchedule> {
    let parse = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        if hour.len() != 2
            || minute.len() != 2
            || !text.bytes().all(|b| b.is_ascii_digit() || b == b':')
        {
            return None;
        }
        Time::new(i8::from_str(hour).ok()?, i8::from_str(minute).ok()?, 0, 0).ok()
    };
    parse(text).ok_or_else(|| InvalidSchedule::Time(text.chars().take(64).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Schedule {
        Schedule::new(
            "America/Los_Angeles",
            vec![Shift::parse("Monday", "09:00", "17:00").unwrap()],
        )
        .unwrap()
    }

    #[test]
    fn both_ends_are_inside_to_the_minute() {
        // 2026-03-09 is a Monday, the first after the clocks went forward: UTC-7.
        for (at, inside) in [
            ("2026-03-09T15:59:59Z", false),
            ("2026-03-09T16:00:00Z", true),
            ("2026-03-10T00:00:59Z", true),
            ("2026-03-10T00:01:00Z", false),
            ("2026-03-10T17:00:00Z", false),
        ] {
            assert_eq!(office().contains(at.parse().unwrap()), inside, "{at}");
        }
    }

    #[test]
    fn the_zone_follows_daylight_saving() {
        // The Monday before: UTC-8, so 16:00 UTC is 08:00 there.
        assert!(!office().contains("2026-03-02T16:00:00Z".parse().unwrap()));
        assert!(office().contains("2026-03-02T17:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(Shift::parse("Mon", "17:00", "09:00"), Err(InvalidSchedule::Backwards));
        for (day, start, end) in [
            ("Funday", "09:00", "10:00"),
            ("Monday", "9:00", "10:00"),
            ("Monday", "24:00", "24:01"),
        ] {
            assert!(Shift::parse(day, start, end).is_err(), "{day} {start} {end}");
        }
        let shift = Shift::parse("Sunday", "00:00", "23:59").unwrap();
        assert_eq!(
            Schedule::new("Mars/Olympus", vec![shift]),
            Err(InvalidSchedule::Zone("Mars/Olympus".into()))
        );
        assert_eq!(Schedule::new("UTC", vec![]), Err(InvalidSchedule::Shifts));
    }
}
