//! Event time: points in milliseconds since 1970, and the lengths between them.
//!
//! ```
//! use ferrobeam_core::time::{Timestamp, minutes};
//!
//! let at = Timestamp::from_millis(1_454_293_425_250) + minutes(5);
//! assert_eq!(at.to_string(), "2016-02-01T02:28:45.250Z");
//! ```

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// A point in event or processing time, in whole milliseconds since 1970-01-01T00:00:00Z, within Beam's limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest time: before all data.
    pub const MIN: Timestamp = Timestamp(-9_223_372_036_854_775);
    /// The latest time: a watermark here says that nothing will come.
    pub const MAX: Timestamp = Timestamp(9_223_372_036_854_775);
    /// The last timestamp of the global window: a day before [`MAX`](Timestamp::MAX), so that timers can fire after it.
    pub const END_OF_GLOBAL_WINDOW: Timestamp = Timestamp(9_223_371_950_454_775);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// Makes a timestamp from milliseconds since the epoch, clamped to the limits.
    #[inline]
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(millis)
        }
    }

    /// Returns the milliseconds since the epoch.
    #[inline]
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Adds a length, rounding down to a millisecond; `None` beyond the limits.
    #[must_use]
    pub fn checked_add(self, length: Duration) -> Option<Self> {
        let millis = i64::try_from(length.as_millis()).ok()?;
        Self::within(self.0.checked_add(millis)?)
    }

    /// Subtracts a length, rounding down to a millisecond; `None` beyond the limits.
    #[must_use]
    pub fn checked_sub(self, length: Duration) -> Option<Self> {
        let millis = i64::try_from(length.as_nanos().div_ceil(1_000_000)).ok()?;
        Self::within(self.0.checked_sub(millis)?)
    }

    /// Adds a length, rounding down to a millisecond, and stops at the limit.
    #[inline]
    #[must_use]
    pub fn saturating_add(self, length: Duration) -> Self {
        self.checked_add(length).unwrap_or(Self::MAX)
    }

    /// Subtracts a length, rounding down to a millisecond, and stops at the limit.
    #[inline]
    #[must_use]
    pub fn saturating_sub(self, length: Duration) -> Self {
        self.checked_sub(length).unwrap_or(Self::MIN)
    }

    /// Returns the length from an earlier time; zero if `earlier` is not earlier.
    #[inline]
    #[must_use]
    pub fn saturating_since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    fn within(millis: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&millis).then_some(Timestamp(millis))
    }
}

/// Clamped, as [`Timestamp::from_millis`].
impl From<i64> for Timestamp {
    fn from(millis: i64) -> Self {
        Timestamp::from_millis(millis)
    }
}

impl From<Timestamp> for i64 {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

/// Saturates at the limits.
impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    #[inline]
    fn add(self, length: Duration) -> Timestamp {
        self.saturating_add(length)
    }
}

/// Saturates at the limits.
impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    #[inline]
    fn sub(self, length: Duration) -> Timestamp {
        self.saturating_sub(length)
    }
}

impl AddAssign<Duration> for Timestamp {
    #[inline]
    fn add_assign(&mut self, length: Duration) {
        *self = *self + length;
    }
}

impl SubAssign<Duration> for Timestamp {
    #[inline]
    fn sub_assign(&mut self, length: Duration) {
        *self = *self - length;
    }
}

/// RFC 3339 in UTC for the years 0 to 9999; milliseconds only if there are any. The limits have names.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timestamp::MIN => return f.write_str("the beginning of time"),
            Timestamp::MAX => return f.write_str("the end of time"),
            Timestamp::END_OF_GLOBAL_WINDOW => return f.write_str("the end of the global window"),
            _ => {}
        }
        let (days, in_day) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        if !(0..=9999).contains(&year) {
            return write!(f, "{} ms", self.0);
        }
        let (seconds, millis) = (in_day / 1000, in_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

/// Year, month and day of a day number (0 is 1970-01-01) in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last one: then months have a regular pattern of 153 days in
/// five, and 400 years are always 146,097 days.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let since_0000_march = days + 719_468;
    let (era, day) = (since_0000_march.div_euclid(146_097), since_0000_march.rem_euclid(146_097));
    // Takes out the leap days that have passed: one in 4 years, not in 100.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_month)
}

/// Makes a length of `n` milliseconds.
#[must_use]
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Makes a length of `n` seconds.
#[must_use]
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Makes a length of `n` minutes; the longest one if that overflows.
#[must_use]
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60))
}

/// Makes a length of `n` hours; the longest one if that overflows.
#[must_use]
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(3600))
}

/// Makes a length of `n` days of 24 hours; the longest one if that overflows.
#[must_use]
pub const fn days(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arithmetic_stays_within_the_limits(at: i64, secs: u64, nanos in 0u32..1_000_000_000) {
            let (at, length) = (Timestamp::from_millis(at), Duration::new(secs, nanos));
            for result in [at + length, at - length] {
                prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&result));
            }
            if let (Some(sum), Some(difference)) = (at.checked_add(length), at.checked_sub(length)) {
                prop_assert_eq!(sum.saturating_since(at).as_millis(), length.as_millis());
                // Both round down, so together they lose at most one millisecond.
                let both = sum.saturating_since(difference).as_nanos();
                prop_assert!(both.abs_diff(2 * length.as_nanos()) < 1_000_000);
            }
        }

        /// The calendar against counting: each day follows the one before.
        #[test]
        fn days_follow_each_other(day in -800_000i64..3_000_000) {
            let (year, month, date) = civil(day);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            let next = match (date == length, month == 12) {
                (false, _) => (year, month, date + 1),
                (true, false) => (year, month + 1, 1),
                (true, true) => (year + 1, 1, 1),
            };
            prop_assert_eq!(civil(day + 1), next);
        }
    }

    #[test]
    fn prints_rfc_3339() {
        let text = |millis| Timestamp::from_millis(millis).to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(1_582_934_400_000), "2020-02-29T00:00:00Z");
        assert_eq!(text(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
        assert_eq!(text(253_402_300_800_000), "253402300800000 ms");
        assert_eq!(text(i64::MAX), "the end of time");
        assert_eq!(text(i64::MIN), "the beginning of time");
    }

    #[test]
    fn the_end_of_the_global_window_is_a_day_before_the_end_of_time() {
        assert_eq!(Timestamp::MAX - days(1), Timestamp::END_OF_GLOBAL_WINDOW);
        assert_eq!(Timestamp::EPOCH - Duration::from_micros(1), Timestamp::from_millis(-1));
        assert_eq!(Timestamp::EPOCH + Duration::from_micros(1999), Timestamp::from_millis(1));
    }
}
