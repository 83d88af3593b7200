use super::*;
use crate::metering::change::ChangeError;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn package(code: &str, total: Option<u64>, from: Option<i64>, to: Option<i64>) -> Package {
    let (valid_from, valid_to) = (from.map(UnixMs), to.map(UnixMs));
    Package { code: code.into(), total, valid_from, valid_to, booked: 0 }
}

fn ledger(packages: &[Package]) -> Ledger {
    Ledger { packages: packages.to_vec(), overage: 0 }
}

fn lines(entries: &[Entry]) -> Vec<(&str, i64)> {
    fn name(target: &Target) -> &str {
        match target {
            Target::Package(code) => code,
            Target::Overage => "-",
        }
    }
    entries.iter().map(|entry| (name(&entry.target), entry.bytes)).collect()
}

#[test]
fn what_expires_first_is_booked_first_and_taken_back_last() {
    let mut books = ledger(&[
        package("never", Some(10), None, None),
        package("b", Some(10), Some(1), Some(50)),
        package("a", Some(10), Some(1), Some(50)),
        package("later", Some(10), Some(2), Some(50)),
        package("first", Some(10), Some(9), Some(40)),
        package("future", Some(10), Some(30), Some(35)),
    ]);
    let booked = books.book(57, UnixMs(20)).expect("it fits");
    let order = [("first", 10), ("a", 10), ("b", 10), ("later", 10), ("never", 10), ("-", 7)];
    assert_eq!(lines(&booked.entries), order);
    // 45 is after "first" expired; a correction still reaches it.
    let back = books.book(-55, UnixMs(45)).expect("it fits");
    let order = [("-", -7), ("never", -10), ("later", -10), ("b", -10), ("a", -10), ("first", -8)];
    assert_eq!((lines(&back.entries), back.unbooked), (order.to_vec(), 0));
    let more = books.book(-5, UnixMs(45)).expect("it fits");
    assert_eq!((lines(&more.entries), more.unbooked), (vec![("first", -2)], 3));
    assert_eq!(books.sum(), 0);
}

#[test]
fn validity_is_half_open() {
    let books = ledger(&[package("a", None, Some(10), Some(20))]);
    let target = |at| lines(&books.clone().book(1, UnixMs(at)).expect("it fits").entries)[0].0 == "a";
    assert_eq!([9, 10, 19, 20].map(target), [false, true, true, false]);
}

#[test]
fn overage_moves_only_when_asked_to() {
    let mut books = ledger(&[package("a", Some(10), None, Some(100))]);
    books.book(25, UnixMs(1)).expect("it fits");
    books.add_package(package("b", Some(10), Some(2), None)).expect("a new code");
    assert_eq!(books.set_total("a", Some(12)).expect("known"), []);
    assert_eq!((books.overage, books.sum()), (15, 25), "neither a new package nor a top-up moves it");
    assert_eq!(lines(&books.book(5, UnixMs(3)).expect("it fits").entries), [("a", 2), ("b", 3)]);
    assert_eq!(lines(&books.cover_overage("b").expect("known")), [("b", 7), ("-", -7)]);
    assert_eq!(lines(&books.set_total("a", Some(4)).expect("known")), [("a", -8), ("-", 8)]);
    assert_eq!(lines(&books.remove_package("b").expect("known")), [("b", -10), ("-", 10)]);
    assert_eq!((books.overage, books.sum(), books.packages.len()), (26, 30, 1));
    assert_eq!(books.remove_package("b"), Err(ChangeError::Unknown));
    assert_eq!(books.add_package(package("a", None, None, None)), Err(ChangeError::Exists));
    assert_eq!(books.add_package(package("c", None, Some(5), Some(5))), Err(ChangeError::Empty));
}

/// What happens to a card's bookings.
#[derive(Clone, Debug)]
enum Event {
    Book { delta: i64, at: i64 },
    Add(Package),
    SetTotal(usize, Option<u64>),
    Cover(usize),
    Remove(usize),
}

fn packages() -> impl Strategy<Value = Package> {
    let total = proptest::option::weighted(0.85, 0_u64..200);
    let bound = || proptest::option::weighted(0.7, 0_i64..50);
    ("[a-f]", total, bound(), bound()).prop_map(|(code, total, from, to)| package(&code, total, from, to))
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (-150_i64..200, 0_i64..60).prop_map(|(delta, at)| Event::Book { delta, at }),
        2 => packages().prop_map(Event::Add),
        1 => (0_usize..6, proptest::option::of(0_u64..200))
            .prop_map(|(which, total)| Event::SetTotal(which, total)),
        1 => (0_usize..6).prop_map(Event::Cover),
        1 => (0_usize..6).prop_map(Event::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// After any bookings and changes: booked bytes plus overage are the sum of the differences (and of
    /// corrections beyond what was booked), and no package is over its total. The appended entries alone give
    /// the same ledger, which is never negative on the way.
    #[test]
    fn the_books_balance(events in proptest::collection::vec(events(), 1..40)) {
        let mut books = Ledger::default();
        let mut sum = 0_i128;
        let mut replayed: BTreeMap<Target, i128> = BTreeMap::new();
        for event in events {
            let code = |which: usize| {
                books.packages.get(which).map_or("none", |package| &package.code).to_owned()
            };
            let entries = match event {
                Event::Book { delta, at } => {
                    let taken = u64::try_from(-delta).unwrap_or(0).min(books.sum());
                    let booked = books.book(delta, UnixMs(at)).expect("it fits");
                    let moved: i128 = booked.entries.iter().map(|entry| i128::from(entry.bytes)).sum();
                    prop_assert_eq!(moved, i128::from(delta) + i128::from(booked.unbooked));
                    if delta < 0 {
                        prop_assert_eq!(moved, -i128::from(taken));
                    }
                    let same_sign = |bytes: i64| bytes != 0 && (bytes < 0) == (delta < 0);
                    prop_assert!(booked.entries.iter().all(|entry| same_sign(entry.bytes)));
                    sum += moved;
                    booked.entries
                }
                Event::Add(package) => books.add_package(package).map(|()| Vec::new()).unwrap_or_default(),
                Event::SetTotal(which, total) => {
                    let code = code(which);
                    books.set_total(&code, total).unwrap_or_default()
                }
                Event::Cover(which) => {
                    let code = code(which);
                    books.cover_overage(&code).unwrap_or_default()
                }
                Event::Remove(which) => {
                    let code = code(which);
                    books.remove_package(&code).unwrap_or_default()
                }
            };
            for entry in entries {
                let bytes = replayed.entry(entry.target).or_default();
                *bytes += i128::from(entry.bytes);
                prop_assert!(*bytes >= 0);
            }
            prop_assert_eq!(i128::from(books.sum()), sum);
            replayed.retain(|_, bytes| *bytes > 0);
            let mut booked: BTreeMap<Target, i128> = books.packages.iter()
                .map(|package| (Target::Package(package.code.clone()), i128::from(package.booked))).collect();
            booked.insert(Target::Overage, i128::from(books.overage));
            booked.retain(|_, bytes| *bytes > 0);
            prop_assert_eq!(&replayed, &booked);
            for package in &books.packages {
                prop_assert!(package.total.is_none_or(|total| package.booked <= total), "{package:?}");
            }
        }
    }

    /// A valid package has bytes left only if nothing became overage and no package that expires later was
    /// used.
    #[test]
    fn no_room_is_left_before_a_later_package(
        drawn in proptest::collection::vec(packages(), 0..6),
        deltas in proptest::collection::vec((0_i64..200, 0_i64..60), 1..10),
    ) {
        let mut books = Ledger::default();
        for package in drawn {
            books.add_package(package).ok();
        }
        for (delta, at) in deltas {
            let at = UnixMs(at);
            let booked = books.book(delta, at).expect("it fits");
            let mut valid: Vec<&Package> =
                books.packages.iter().filter(|package| package.is_valid(at)).collect();
            valid.sort_by(|one, other| one.before(other));
            let roomy = valid.iter().position(|package| package.remaining() != Some(0));
            for entry in &booked.entries {
                let place = match &entry.target {
                    Target::Package(code) => valid.iter().position(|package| &package.code == code),
                    Target::Overage => Some(valid.len()),
                };
                prop_assert!(place.is_some(), "booked on a package that is not valid");
                prop_assert!(place <= roomy.or(Some(usize::MAX)), "{:?} went by {:?}", entry, roomy);
            }
        }
    }

    /// The same with bytes at the ends of the range: what does not fit is refused and changes nothing, and
    /// what is booked is the sum of the differences to the byte.
    #[test]
    fn the_books_balance_at_the_ends_of_the_range(
        drawn in proptest::collection::vec(
            (any::<bool>(), proptest::option::of(extreme_bytes())), 0..4,
        ),
        deltas in proptest::collection::vec(extreme_deltas(), 1..20),
    ) {
        let mut books = Ledger::default();
        for (index, (is_valid, total)) in (0..).zip(drawn) {
            let valid_from = (!is_valid).then_some(UnixMs(100));
            let package =
                Package { code: u32::to_string(&index), total, valid_from, valid_to: None, booked: 0 };
            books.add_package(package).expect("codes differ");
        }
        let mut sum = 0_i128;
        for delta in deltas {
            let before = books.clone();
            match books.book(delta, UnixMs(1)) {
                Ok(booked) => {
                    let moved: i128 = booked.entries.iter().map(|entry| i128::from(entry.bytes)).sum();
                    prop_assert_eq!(moved, i128::from(delta) + i128::from(booked.unbooked));
                    sum += moved;
                }
                Err(full) => {
                    prop_assert_eq!(full.bytes, delta.unsigned_abs());
                    prop_assert!(sum + i128::from(delta) > i128::from(i64::MAX));
                    prop_assert_eq!(&books, &before);
                }
            }
            let held = books.packages.iter().fold(i128::from(books.overage), |sum, package| {
                sum + i128::from(package.booked)
            });
            prop_assert_eq!(held, sum);
            prop_assert!((0..=i128::from(i64::MAX)).contains(&sum));
        }
    }
}

fn extreme_bytes() -> impl Strategy<Value = u64> {
    let most = u64::MAX;
    prop_oneof![0_u64..10, (most - 10)..=most, ((most / 2) - 10)..=(most / 2 + 10), any::<u64>()]
}

fn extreme_deltas() -> impl Strategy<Value = i64> {
    prop_oneof![-10_i64..10, (i64::MAX - 10)..=i64::MAX, i64::MIN..=(i64::MIN + 10), any::<i64>()]
}
