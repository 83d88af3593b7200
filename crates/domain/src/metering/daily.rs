//! Usage by calendar day, and readings folded into daily totals when they get old.
//!
//! A difference belongs to the local day of the time its figure is of. Bytes used over several days without a
//! reading in between are thus on the day they were first seen; nobody knows better.

use crate::ids::ProfileId;
use crate::metering::delta::moment;
use crate::period::local_day;
use crate::time::UnixMs;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, HashMap};

/// A stored reading with what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whose SIM profile.
    pub profile: ProfileId,
    /// When asking began.
    pub began_at: UnixMs,
    /// The operator's time of the figure.
    pub as_of: Option<UnixMs>,
    /// The profile's count it belongs to ([`super::delta::Last::cycle`]).
    pub cycle: u32,
    /// Bytes counted; negative for a correction.
    pub delta: i64,
}

/// A row of daily totals is of one profile, one local day and one count, so that totals by count survive as
/// well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    /// Whose SIM profile.
    pub profile: ProfileId,
    /// The local calendar day.
    pub day: Date,
    /// The profile's count.
    pub cycle: u32,
}

/// What the readings of a row sum up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayTotal {
    /// Bytes; negative where corrections outweigh.
    pub delta: i64,
    /// How many readings.
    pub readings: u64,
}

/// Daily totals.
pub type Days = BTreeMap<DayKey, DayTotal>;

/// What pruning does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// To be added to the stored daily rows, in the transaction that deletes the readings.
    pub add: Days,
    /// Which of the readings to delete, by index.
    pub delete: Vec<usize>,
}

/// Daily totals of readings.
#[must_use]
pub fn days<'a>(readings: impl IntoIterator<Item = &'a Counted>, zone: &TimeZone) -> Days {
    let mut days = Days::new();
    for reading in readings {
        let day = local_day(moment(reading.as_of, reading.began_at), zone);
        let key = DayKey { profile: reading.profile, day, cycle: reading.cycle };
        add(&mut days, key, DayTotal { delta: reading.delta, readings: 1 });
    }
    days
}

/// Adds `more` to stored rows.
pub fn merge(stored: &mut Days, more: Days) {
    for (key, total) in more {
        add(stored, key, total);
    }
}

/// Folds readings of local days before that of `keep_from` into daily rows. The newest reading of each
/// profile stays, so that a card always has the answer its figure comes from. Stored rows plus the readings
/// that are left give the same totals as before, by profile, day and count.
#[must_use]
pub fn prune(readings: &[Counted], zone: &TimeZone, keep_from: UnixMs) -> Pruned {
    let first_kept = local_day(keep_from, zone);
    let age = |reading: &Counted| (moment(reading.as_of, reading.began_at), reading.began_at);
    let mut newest: HashMap<ProfileId, usize> = HashMap::new();
    for (index, reading) in readings.iter().enumerate() {
        let known = newest.entry(reading.profile).or_insert(index);
        if age(reading) > age(&readings[*known]) {
            *known = index;
        }
    }
    let is_old = |(index, reading): &(usize, &Counted)| {
        local_day(age(reading).0, zone) < first_kept && newest.get(&reading.profile) != Some(index)
    };
    let old: Vec<(usize, &Counted)> = readings.iter().enumerate().filter(is_old).collect();
    Pruned {
        add: days(old.iter().map(|(_, reading)| *reading), zone),
        delete: old.iter().map(|(index, _)| *index).collect(),
    }
}

fn add(days: &mut Days, key: DayKey, more: DayTotal) {
    let total = days.entry(key).or_default();
    // Beyond 8 EiB on one day a total stops growing.
    total.delta = total.delta.saturating_add(more.delta);
    total.readings = total.readings.saturating_add(more.readings);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    const P: ProfileId = ProfileId(1);
    const Q: ProfileId = ProfileId(2);

    fn reading(profile: ProfileId, hour: i64, delta: i64) -> Counted {
        Counted { profile, began_at: UnixMs(hour * HOUR), as_of: None, cycle: 0, delta }
    }

    fn rows(days: &Days) -> Vec<(String, i64)> {
        days.iter().map(|(key, total)| (format!("{} {}", key.profile, key.day), total.delta)).collect()
    }

    #[test]
    fn a_day_is_a_local_day() {
        // 1970-01-01T15:00Z and 17:00Z: in Shanghai 23:00 of the first and 01:00 of the second.
        let readings = [reading(P, 15, 10), reading(P, 17, 5), reading(P, 20, -2)];
        let shanghai = TimeZone::posix("CST-8").unwrap();
        assert_eq!(
            rows(&days(&readings, &shanghai)),
            [("1 1970-01-01".into(), 10), ("1 1970-01-02".into(), 3)]
        );
        assert_eq!(rows(&days(&readings, &TimeZone::UTC)), [("1 1970-01-01".into(), 13)]);
        let known_later = Counted { as_of: Some(UnixMs(15 * HOUR)), ..reading(P, 17, 5) };
        assert_eq!(rows(&days([&known_later], &shanghai)), [("1 1970-01-01".into(), 5)], "the figure's time");
    }

    #[test]
    fn whole_days_go_and_the_newest_reading_stays() {
        let readings = [reading(P, 1, 1), reading(Q, 2, 2), reading(P, 30, 4), reading(P, 60, 8)];
        // Hour 40 is on 2 January: only 1 January is over; q has nothing newer.
        let pruned = prune(&readings, &TimeZone::UTC, UnixMs(40 * HOUR));
        assert_eq!(pruned.delete, [0]);
        assert_eq!(rows(&pruned.add), [("1 1970-01-01".into(), 1)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Pruning again and again, wherever the lines are drawn, changes no total: by profile, day and
        /// count.
        #[test]
        fn pruning_changes_no_total(
            drawn in proptest::collection::vec(
                (1_i64..3, 0_i64..400, proptest::option::of(0_i64..400), 0_u32..3, -50_i64..100), 0..30),
            lines in proptest::collection::vec(0_i64..450, 1..5),
            posix in proptest::sample::select(vec!["UTC0", "CST-8", "CET-1CEST,M1.1.5,M1.2.5", "<-10>10"]),
        ) {
            let zone = TimeZone::posix(posix).unwrap();
            let counted = |(profile, began, as_of, cycle, delta): (_, _, Option<i64>, _, _)| Counted {
                as_of: as_of.map(|hour| UnixMs(hour * HOUR)),
                cycle,
                ..reading(ProfileId(profile), began, delta)
            };
            let mut left: Vec<Counted> = drawn.into_iter().map(counted).collect();
            let before = days(&left, &zone);
            let profiles = |readings: &[Counted]| {
                readings.iter().map(|one| one.profile).collect::<std::collections::BTreeSet<_>>()
            };
            let read = profiles(&left);
            let mut stored = Days::new();
            for line in lines {
                let pruned = prune(&left, &zone, UnixMs(line * HOUR));
                merge(&mut stored, pruned.add);
                for index in pruned.delete.into_iter().rev() {
                    left.remove(index);
                }
            }
            prop_assert_eq!(profiles(&left), read);
            merge(&mut stored, days(&left, &zone));
            prop_assert_eq!(stored, before);
        }
    }
}
