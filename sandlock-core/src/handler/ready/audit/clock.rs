//! The clocks of records.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC in nanoseconds: clock_gettime(2), which every kernel answers for this clock.
pub(super) fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC);
    time.map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// A moment of the wall clock, from 1970 on. Shown as RFC 3339 has it, in UTC, with nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    seconds: u64,
    nanoseconds: u32,
}

impl Moment {
    #[cfg(test)]
    pub(super) const EPOCH: Moment = Moment { seconds: 0, nanoseconds: 0 };

    /// A clock that is set to before 1970 shows its beginning.
    pub(super) fn now() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write!(f, ".{:09}Z", self.nanoseconds)
    }
}

/// Year, month and day of the Gregorian calendar, so many days after the first of January 1970.
///
/// Years are counted from March, so that the leap day is the last one: then the months before a day
/// are 153 days for every five (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    const TO_1970: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days + TO_1970;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_shown_as_rfc_3339_has_them() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, 999_999_999, "2000-02-28T23:59:59.999999999Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (951_868_800, 0, "2000-03-01T00:00:00.000000000Z"),
            (1_078_012_800, 0, "2004-02-29T00:00:00.000000000Z"),
            (1_767_225_599, 5, "2025-12-31T23:59:59.000000005Z"),
            (1_767_225_600, 0, "2026-01-01T00:00:00.000000000Z"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000000000Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000000000Z"),
        ];
        for (seconds, nanoseconds, shown) in cases {
            assert_eq!(Moment { seconds, nanoseconds }.to_string(), shown);
        }
    }

    proptest! {
        /// Against counting the days of each year and month.
        #[test]
        fn dates_agree_with_counting(days in 0u64..200_000) {
            let is_leap = |year: u64| {
                year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
            };
            let (mut year, mut rest) = (1970, days);
            while rest >= 365 + u64::from(is_leap(year)) {
                rest -= 365 + u64::from(is_leap(year));
                year += 1;
            }
            let february = 28 + u64::from(is_leap(year));
            let mut month = 1;
            for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                if rest < length {
                    break;
                }
                rest -= length;
                month += 1;
            }
            prop_assert_eq!(date(days), (year, month, rest + 1));
        }
    }

    #[test]
    fn the_clocks_go() {
        let (before, moment) = (monotonic(), Moment::now());
        assert!(moment.seconds > 1_600_000_000);
        assert!(before > 0 && monotonic() >= before);
    }
}
