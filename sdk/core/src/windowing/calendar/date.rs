//! Days as numbers from 1970-01-01 on, in the proleptic Gregorian calendar.

use crate::time::civil;

/// The number of a day.
fn number(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March: the leap day is then the last one. See `time::civil`, which is the inverse.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

fn length_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day that the calendar has.
pub(in super::super) fn day_of(year: i32, month: u32, day: u32) -> Option<i64> {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let exists = (1..=12).contains(&month) && (1..=length_of_month(year, month)).contains(&day);
    exists.then(|| number(year, month, day))
}

/// The month of a day, counted from the year 0 on.
pub(super) fn months_of(day: i64) -> i64 {
    let (year, month, _) = civil(day);
    12 * year + month - 1
}

/// The same day of another month, or that month's last one.
pub(super) fn add_months(day: i64, months: i64) -> i64 {
    let (_, _, day_of_month) = civil(day);
    let months = months_of(day) + months;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    number(year, month, day_of_month.min(length_of_month(year, month)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_dates_are_inverse(day in -200_000_000i64..200_000_000) {
            let (year, month, day_of_month) = civil(day);
            prop_assert_eq!(number(year, month, day_of_month), day);
            let again = day_of(year as i32, month as u32, day_of_month as u32);
            prop_assert_eq!(again, Some(day));
            prop_assert_eq!(day_of(year as i32, month as u32, length_of_month(year, month) as u32 + 1), None);
        }

        #[test]
        fn months_are_added_within_the_month_meant(day in -1_000_000i64..3_000_000, months in -5_000i64..5_000) {
            let later = add_months(day, months);
            prop_assert_eq!(months_of(later), months_of(day) + months);
            let (day, later, next) = (civil(day).2, civil(later).2, civil(later + 1).2);
            prop_assert!(later == day || (later < day && next == 1));
        }
    }
}
