//! The card of a story: what the store's transaction does with readings, in memory. It reads the words of the
//! table and returns the outcome in the same words. Amounts are megabytes of 1,000,000 bytes.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use simgauge_domain::ids::ProfileId;
use simgauge_domain::metering::booking::{Entry, Ledger, Package, Target};
use simgauge_domain::metering::card::{ProfileUsage, card_usage};
use simgauge_domain::metering::daily::{Counted, days};
use simgauge_domain::metering::delta::{Last, moment, step};
use simgauge_domain::metering::mirror::Mirrored;
use simgauge_domain::period::{BillingDay, dated};
use simgauge_domain::reading::{Bundle, Period, PeriodKind, Reading};
use simgauge_domain::threshold::{Change, NotifiedState, Percentages};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;

const MB: i64 = 1_000_000;

pub(crate) struct Card {
    zone: TimeZone,
    ledger: Ledger,
    profiles: BTreeMap<String, Last>,
    readings: Vec<Counted>,
    notified: BTreeMap<String, NotifiedState>,
}

impl Card {
    /// `packages`: `name total from..to`, total `-` for unlimited, dates may be missing.
    pub(crate) fn new(zone: &str, packages: &[&str]) -> Self {
        let zone = TimeZone::posix(zone).expect("a POSIX zone");
        let (profiles, notified) = (BTreeMap::new(), BTreeMap::new());
        let mut card = Self { zone, ledger: Ledger::default(), profiles, readings: vec![], notified };
        for package in packages {
            card.add(package);
        }
        card
    }

    /// Carries out one line and returns its outcome: `what difference: bookings; thresholds`.
    pub(crate) fn live(&mut self, when: &str, deed: &str) -> String {
        let before = self.usage_by_package();
        let (verb, rest) = deed.split_once(' ').expect("a verb and more");
        let mut outcome = match verb {
            "add" => {
                self.add(rest);
                String::new()
            }
            "total" => {
                let (code, total) = rest.split_once(' ').expect("code and total");
                lines(&self.ledger.set_total(code, amount(total)).expect("a known package"))
            }
            "cover" => lines(&self.ledger.cover_overage(rest).expect("a known package")),
            profile => self.read(profile, self.at(when), rest),
        };
        for (code, percentage) in self.thresholds(&before) {
            outcome += &format!("; {code} {percentage}%");
        }
        let counted: i64 = self.readings.iter().map(|reading| reading.delta).sum();
        let mirrored: u64 = self.bundles().map(|one| one.bundle.used).sum();
        assert_eq!(
            self.ledger.sum() + mirrored,
            u64::try_from(counted).expect("not negative"),
            "{when} {deed}"
        );
        outcome
    }

    /// Packages, overage, the card's usage of the current period, and the days.
    pub(crate) fn ending(&self) -> String {
        let booked =
            self.ledger.packages.iter().map(|package| format!("{} {}", package.code, mb(package.booked)));
        let bundles = self.bundles().map(|one| {
            format!(
                "{} {}{}",
                name(one),
                mb(one.bundle.used),
                if one.ended_at.is_some() { " ended" } else { "" }
            )
        });
        let packages: Vec<String> = booked.chain(bundles).collect();
        let profiles: Vec<ProfileUsage> = self
            .profiles
            .values()
            .map(|last| ProfileUsage {
                period: last.period.clone(),
                used: last.used,
                total: None,
                moment: moment(last.as_of, last.began_at),
            })
            .collect();
        let usage = card_usage(&profiles).expect("something was read");
        let mut by_day: BTreeMap<civil::Date, i64> = BTreeMap::new();
        for (key, total) in days(&self.readings, &self.zone) {
            *by_day.entry(key.day).or_default() += total.delta / MB;
        }
        let by_day: Vec<String> =
            by_day.iter().map(|(day, sum)| format!("{} {sum}", day.strftime("%m-%d"))).collect();
        format!(
            "{}, over {} | card {} | {}",
            packages.join(", "),
            mb(self.ledger.overage),
            mb(usage.used),
            by_day.join(", ")
        )
    }

    fn read(&mut self, profile: &str, at: UnixMs, text: &str) -> String {
        let (text, as_of) = match text.split_once(" as of ") {
            Some((text, as_of)) => (text, Some(self.at(as_of))),
            None => (text, None),
        };
        let (period, usage) = text.split_once(' ').expect("period and usage");
        let (kind, day) = match period.strip_prefix("cycle") {
            Some(day) => (PeriodKind::BillingCycle, day.parse().ok().and_then(BillingDay::new)),
            None => match period {
                "month" => (PeriodKind::CalendarMonth, None),
                "lifetime" => (PeriodKind::Lifetime, None),
                "bundles" => (PeriodKind::Bundle, None),
                other => panic!("no period {other}"),
            },
        };
        let bundles: Vec<Bundle> = if kind == PeriodKind::Bundle { bundles(usage) } else { vec![] };
        let used = match kind {
            PeriodKind::Bundle => bundles.iter().map(|bundle| bundle.used).sum(),
            _ => amount(usage).expect("an amount"),
        };
        let bare = Period { kind, key: String::new(), start: None, end: None };
        let period = dated(bare, moment(as_of, at), &self.zone, day);
        let reading = Reading { period, used, total: None, as_of, status: None, raw_status: None, bundles };
        let last = self.profiles.get(profile);
        let before: Vec<Mirrored> = last.map_or_else(Vec::new, |last| last.bundles.clone());
        let step = step(last, &reading, at);
        let mirrored = !step.last.bundles.is_empty();
        let outcome = if mirrored {
            changes(&before, &step.last.bundles)
        } else {
            let booked = self.ledger.book(step.delta, moment(as_of, at)).expect("it fits");
            assert_eq!(booked.unbooked, 0);
            lines(&booked.entries)
        };
        self.readings.push(Counted {
            // Names are short, so that each gives an id of its own.
            profile: ProfileId(profile.bytes().fold(0, |id, byte| (id << 8) | i64::from(byte))),
            began_at: at,
            as_of,
            cycle: step.last.cycle,
            delta: step.delta,
        });
        self.profiles.insert(profile.to_owned(), step.last);
        let colon = if outcome.is_empty() { "" } else { ": " };
        format!("{} {:+}{colon}{outcome}", step.kind.as_str(), step.delta / MB)
    }

    /// At 80 and 100 per cent of each package, in the order of their names.
    fn thresholds(&mut self, before: &BTreeMap<String, (u64, Option<u64>)>) -> Vec<(String, u16)> {
        let list = Percentages::new(vec![80, 100]).expect("percentages");
        let mut all = Vec::new();
        for (code, (after, total)) in self.usage_by_package() {
            let before = before.get(&code).map_or(0, |(used, _)| *used);
            let state = self.notified.entry(code.clone()).or_default();
            let (fired, next) = state.advance(&list, Change { period: &code, before, after, total });
            *state = next;
            all.extend(fired.into_iter().map(|percentage| (code.clone(), percentage)));
        }
        all
    }

    fn usage_by_package(&self) -> BTreeMap<String, (u64, Option<u64>)> {
        let booked = self.ledger.packages.iter().map(|one| (one.code.clone(), (one.booked, one.total)));
        booked.chain(self.bundles().map(|one| (name(one), (one.bundle.used, one.bundle.total)))).collect()
    }

    fn bundles(&self) -> impl Iterator<Item = &Mirrored> {
        self.profiles.values().flat_map(|last| &last.bundles)
    }

    fn add(&mut self, text: &str) {
        let words: Vec<&str> = text.split(' ').collect();
        let (from, to) = words.get(2).and_then(|span| span.split_once("..")).unwrap_or_default();
        let date = |text: &str| (!text.is_empty()).then(|| self.at(&format!("{text} 00:00")));
        let (valid_from, valid_to) = (date(from), date(to));
        let package =
            Package { code: words[0].to_owned(), total: amount(words[1]), valid_from, valid_to, booked: 0 };
        self.ledger.add_package(package).expect("a new code");
    }

    /// A local time, or with `Z` one in UTC.
    fn at(&self, text: &str) -> UnixMs {
        let stamp = text.parse::<Timestamp>().unwrap_or_else(|_| {
            let local: civil::DateTime = text.parse().expect("a local time");
            local.to_zoned(self.zone.clone()).expect("a time in the zone").timestamp()
        });
        UnixMs(stamp.as_millisecond())
    }
}

/// `a=900/1000,b=0/500`; `none`.
fn bundles(text: &str) -> Vec<Bundle> {
    let one = |text: &str| {
        let (code, usage) = text.split_once('=').expect("a bundle");
        let (used, total) = usage.split_once('/').expect("used and total");
        let used = amount(used).expect("an amount");
        Bundle { code: code.into(), name: code.into(), used, total: amount(total), start: None, end: None }
    };
    if text == "none" { vec![] } else { text.split(',').map(one).collect() }
}

fn name(one: &Mirrored) -> String {
    if one.run == 0 { one.bundle.code.clone() } else { format!("{}#{}", one.bundle.code, one.run) }
}

fn changes(before: &[Mirrored], after: &[Mirrored]) -> String {
    let used = |states: &[Mirrored], name_of: &str| {
        states.iter().find(|one| name(one) == name_of).map_or(0, |one| mb(one.bundle.used))
    };
    let moved = after.iter().map(|one| (name(one), used(after, &name(one)) - used(before, &name(one))));
    let moved = moved.filter(|(_, bytes)| *bytes != 0);
    moved.map(|(name, bytes)| format!("{name} {bytes:+}")).collect::<Vec<_>>().join(", ")
}

fn lines(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let target = match &entry.target {
            Target::Package(code) => code,
            Target::Overage => "over",
        };
        format!("{target} {:+}", entry.bytes / MB)
    };
    entries.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn amount(text: &str) -> Option<u64> {
    (text != "-").then(|| text.parse::<u64>().expect("megabytes") * MB.unsigned_abs())
}

fn mb(bytes: u64) -> i64 {
    i64::try_from(bytes).expect("a small amount") / MB
}
