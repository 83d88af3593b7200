//! The pure parts of the hot paths, one by one. `cargo bench -p simgauge-bench` runs them.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use simgauge_domain::accept::{AcceptRule, Earlier};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::metering::booking::{Ledger, Package};
use simgauge_domain::metering::delta::step;
use simgauge_domain::reading::{Bundle, Period, PeriodKind, Reading};
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Body;
use simgauge_protocol::request::{Caller, RefreshUsage};
use simgauge_protocol::sign::{self, Form, Scope};
use std::time::Duration;

const SECRET: &str = "5a3f0c2e9d8b7a6f5e4d3c2b1a09f8e7d6c5b4a3928170605f4e3d2c1b0a9f8e";
const NOW: UnixMs = UnixMs(1_764_000_000_000);
const GB: u64 = 1_000_000_000;

fn main() {
    divan::main();
}

/// A body as most callers send it.
const PLAIN: &str = concat!(
    r#"{"appkey":"bench-appkey","timestamp":1764000000,"nonce":12345,"iccid":"8986001234567890123","#,
    r#""sign":"0123456789ABCDEF0123456789ABCDEF01234567"}"#
);
/// A body with everything that takes longer: nested values, escapes, a boolean and a whole float.
const RICH: &str = concat!(
    r#"{"appkey":"bench-appkey","timestamp":1764000000,"nonce":12345,"iccid":"8986001234567890123","#,
    r#""force":true,"ratio":1.0,"note":"\u5237\u65b0 \"now\"","tags":["a","b",{"k":[1,2.50]}],"empty":"","#,
    r#""sign":"0123456789ABCDEF0123456789ABCDEF01234567"}"#
);

fn parsed(text: &str) -> Body<'_> {
    Body::parse(text.as_bytes()).expect("a body")
}

mod parse {
    use super::*;

    #[divan::bench(args = [PLAIN, RICH])]
    fn body(text: &str) {
        black_box(Body::parse(black_box(text.as_bytes())).expect("a body"));
    }

    #[divan::bench]
    fn fields(bencher: Bencher<'_, '_>) {
        let body = parsed(PLAIN);
        bencher.bench_local(|| {
            black_box(Caller::read(black_box(&body)).expect("fields"));
            black_box(RefreshUsage::read(black_box(&body), CardKind::Sim).expect("fields"));
        });
    }
}

mod signs {
    use super::*;

    #[divan::bench(args = [PLAIN, RICH])]
    fn canonical(bencher: Bencher<'_, '_>, text: &str) {
        let body = parsed(text);
        bencher.bench_local(|| sign::canonical(black_box(&body), Scope::Request, Form::default()));
    }

    #[divan::bench]
    fn digest(bencher: Bencher<'_, '_>) {
        let canonical = sign::canonical(&parsed(PLAIN), Scope::Request, Form::default());
        bencher.bench_local(|| sign::digest(black_box(&canonical), SECRET));
    }

    #[divan::bench(args = [PLAIN, RICH])]
    fn verify(bencher: Bencher<'_, '_>, text: &str) {
        let body = parsed(text);
        let sign = sign::sign(&body, Scope::Request, SECRET);
        bencher.bench_local(|| sign::verify(black_box(&body), Scope::Request, SECRET, black_box(&sign)));
    }
}

mod cooldown {
    use super::*;

    #[divan::bench]
    fn decide(bencher: Bencher<'_, '_>) {
        let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
        let sign = "0123456789ABCDEF0123456789ABCDEF01234567";
        let earlier = [Earlier { accepted_at: UnixMs(NOW.0 - 400_000), sign: "other" }];
        bencher.bench_local(|| rule.decide(black_box(&earlier), black_box(sign), NOW));
    }
}

mod metering {
    use super::*;

    fn reading(used: u64, bundles: Vec<Bundle>) -> Reading {
        let kind = if bundles.is_empty() { PeriodKind::CalendarMonth } else { PeriodKind::Bundle };
        Reading {
            period: Period { kind, key: "2025-11".into(), start: None, end: None },
            used,
            total: Some(10 * GB),
            as_of: None,
            status: None,
            raw_status: None,
            bundles,
        }
    }

    fn bundles(count: u64, used: u64) -> Vec<Bundle> {
        (0..count)
            .map(|n| Bundle {
                code: format!("bundle-{n}"),
                name: format!("{n} GB"),
                used,
                total: Some(GB),
                start: Some(UnixMs(NOW.0 - 1000)),
                end: None,
            })
            .collect()
    }

    #[divan::bench(args = [0, 1, 10])]
    fn difference(bencher: Bencher<'_, '_>, listed: u64) {
        let last = step(None, &reading(listed * GB / 2, bundles(listed, GB / 2)), NOW).last;
        let new = reading(listed * GB * 3 / 4, bundles(listed, GB * 3 / 4));
        let later = UnixMs(NOW.0 + 60_000);
        bencher.bench_local(|| step(black_box(Some(&last)), black_box(&new), later));
    }

    #[divan::bench(args = [0, 1, 10])]
    fn book(bencher: Bencher<'_, '_>, packages: u64) {
        let packages = (0..packages)
            .map(|n| Package {
                code: format!("package-{n}"),
                total: Some(GB),
                valid_from: None,
                valid_to: Some(UnixMs(NOW.0 + 1000 * (n as i64 + 1))),
                booked: 0,
            })
            .collect();
        let ledger = Ledger { packages, overage: 0 };
        // Over the end of a package, and taken back again.
        bencher.with_inputs(|| ledger.clone()).bench_local_values(|mut ledger| {
            let _ = ledger.book(black_box(i64::MAX / 4), NOW);
            let _ = ledger.book(black_box(-1000), NOW);
            ledger
        });
    }
}
