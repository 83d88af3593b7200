//! What one customer can do to the others within its quota. It has a million cards and makes its dearest
//! reads for as long as a round lasts: five hundred cards by number, the deepest pages, the longest
//! histories. Each round is measured without it and with it. Which comes first alternates.

use super::bench::Bench;
use crate::cards::{self, Call, Caller, Requests};
use crate::client::{self, Answers, Schedule};
use crate::contender::{IDLE_LANE, IDLE_LANE_NAME, Setup, postgres, sqlite_url};
use crate::operators::{self, Allowed, Operators};
use crate::report::Bound;
use crate::stats::Series;
use anyhow::ensure;
use simgauge_process as process;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

const LANES: usize = 20;
/// A hundred readings a second, fewer than the others ask for. So the lanes always have work.
const ALLOWED: Allowed = Allowed { rate: 5, at_once: 2 };
/// Refreshes that the others ask for in a second. They make as many reads of one card.
const OTHERS_RATE: f64 = 130.0;
/// The default quota of an account: so many calls a second.
const QUOTA: u32 = 10;
/// Calls at once. The client needs one connection for each.
const CONNECTIONS: usize = 64;
const WORST: &str = "worst";
/// The first card of the worst customer; the others' cards come before it.
const WORST_FIRST: u64 = 1_000_000_000;
/// As many cards as a read may name, and as a page may have.
const MOST: u64 = 500;
/// The deepest page of that many cards.
const DEEPEST: u64 = 200;
/// Between two measurements, so that nothing of the first one is left.
const PAUSE: Duration = Duration::from_secs(1);

/// On an SQLite file.
pub(super) fn embedded(bench: &mut Bench) -> anyhow::Result<()> {
    let dir = bench.folder("worst")?;
    let url = sqlite_url(&dir.join("worst.db"));
    measure(bench, "worst", &url)
}

/// On PostgreSQL.
pub(super) fn on_postgres(bench: &mut Bench) -> anyhow::Result<()> {
    let url = postgres::empty_database("simgauge_worst")?;
    measure(bench, "worst-pg", &url)
}

fn measure(bench: &mut Bench, section: &'static str, url: &str) -> anyhow::Result<()> {
    bench.report.begin(section, bench.fewer_cards());
    let dir = bench.folder(section)?;
    let lanes = operators::lanes(LANES);
    let operators = Operators::start(&dir)?;
    let accounts = format!("{IDLE_LANE}{}", operators.accounts(&lanes, ALLOWED));
    let setup = Setup::new(&dir, url, &accounts)?;
    setup.create_app(&bench.app)?;
    let worst = Caller { appkey: WORST.to_owned(), secret: setup.create_customer(WORST, QUOTA)? };
    let others = (OTHERS_RATE * (bench.seconds * bench.rounds * 2) as f64).ceil() as u64;
    setup.import(cards::ACCOUNT, 0..others, &lanes)?;
    let many = bench.cards();
    setup.import(WORST, WORST_FIRST..WORST_FIRST + many, &[IDLE_LANE_NAME.to_owned()])?;
    let (server, _) = setup.serve()?;

    let mut world = World { address: setup.address, operators: &operators, worst, many, next: 0 };
    let mut seen: [Seen; 2] = Default::default();
    for round in 0..bench.rounds {
        for worst_calls in [round % 2 == 0, round % 2 == 1] {
            process::settle()?;
            std::thread::sleep(PAUSE);
            let moment = world.look(bench, worst_calls)?;
            let which = if worst_calls { "beside it" } else { "alone" };
            eprintln!("bench: round {}: {which}: {moment:.2?}", round + 1);
            seen[usize::from(worst_calls)].push(&moment);
        }
    }
    server.stop()?;
    operators.stop()?;
    report(bench, &seen);
    Ok(())
}

fn report(bench: &mut Bench, [alone, beside]: &[Seen; 2]) {
    for (name, seen) in [("others alone", alone), ("others beside it", beside)] {
        bench.report.measurement(format!("{name}: median"), &seen.median, "ms");
        bench.report.measurement(format!("{name}: p99"), &seen.p99, "ms");
        bench.report.measurement(format!("{name}: readings of the lanes"), &seen.readings, "/s");
    }
    bench.report.measurement("its reads that were answered", &beside.reads, "/s");
    let median = beside.median.over(&alone.median);
    bench.report.target("median of others, beside it / alone", &median, "x", Bound::AtMost(1.2));
    bench.report.target(
        "p99 of others, beside it / alone",
        &beside.p99.over(&alone.p99),
        "x",
        Bound::AtMost(1.5),
    );
    let readings = alone.readings.over(&beside.readings);
    bench.report.target("readings, alone / beside it", &readings, "x", Bound::AtMost(1.2));
    bench.report.target(
        "calls of others that were refused or failed",
        &beside.refused,
        "",
        Bound::AtMost(0.0),
    );
    bench.report.target("its calls that ended with 500", &beside.failed, "", Bound::AtMost(0.0));
}

/// What was seen in each round.
#[derive(Default)]
struct Seen {
    median: Series,
    p99: Series,
    readings: Series,
    refused: Series,
    reads: Series,
    failed: Series,
}

/// One measurement. Times are in milliseconds, rates per second.
#[derive(Debug)]
struct Moment {
    median: f64,
    p99: f64,
    readings: f64,
    refused: f64,
    reads: f64,
    failed: f64,
}

impl Seen {
    fn push(&mut self, moment: &Moment) {
        self.median.push(moment.median);
        self.p99.push(moment.p99);
        self.readings.push(moment.readings);
        self.refused.push(moment.refused);
        self.reads.push(moment.reads);
        self.failed.push(moment.failed);
    }
}

struct World<'a> {
    address: SocketAddr,
    operators: &'a Operators,
    worst: Caller,
    /// Cards of the worst customer.
    many: u64,
    /// The next card that the others refresh. Each is refreshed once.
    next: u64,
}

impl World<'_> {
    fn look(&mut self, bench: &Bench, worst_calls: bool) -> anyhow::Result<Moment> {
        let most = Duration::from_secs(bench.seconds);
        let others = self.of_the_others(bench)?;
        let reads = self.of_the_worst(bench)?;
        let schedule = |rate| Schedule { rate: Some(rate), connections: CONNECTIONS, most };
        let address = self.address;
        let before = self.operators.all_readings()?;
        let (others, reads) = std::thread::scope(|scope| {
            let worst = worst_calls
                .then(|| scope.spawn(|| client::send(address, &reads, schedule(f64::from(QUOTA)))));
            let others = client::send(address, &others, schedule(OTHERS_RATE * 2.0));
            let reads =
                worst.map(|worst| worst.join().map_err(|_| anyhow::anyhow!("the worst customer died")));
            anyhow::Ok((others?, reads.transpose()?.transpose()?))
        })?;
        let readings = self.operators.all_readings()? - before;
        ensure!(others.of("200") > 0, "nothing of the others was answered: {:?}", others.codes);
        Ok(moment(others, reads, readings))
    }

    /// Refreshes, and a read after each, of another card each time.
    fn of_the_others(&mut self, bench: &Bench) -> anyhow::Result<Requests> {
        let count = (OTHERS_RATE * bench.seconds as f64) as u64;
        let cards = self.next..self.next + count;
        self.next += count;
        let calls = cards.flat_map(|n| {
            let fields = format!(r#""iccid":"{}""#, cards::number(n));
            ["card/refreshUsage", "card/getCardsInfo"]
                .map(|operation| Call { operation, fields: fields.clone() })
        });
        let caller = Caller { appkey: cards::APPKEY.to_owned(), secret: bench.app.secret.clone() };
        Requests::of(bench.request_file("others"), &caller, calls)
    }

    /// The dearest reads, in turns.
    fn of_the_worst(&self, bench: &Bench) -> anyhow::Result<Requests> {
        let calls = (0..u64::from(QUOTA) * bench.seconds).map(|n| {
            let first = WORST_FIRST + n * 7_919 % (self.many - MOST);
            match n % 4 {
                0 => Call { operation: "card/getAllCardInfo", fields: numbers(first) },
                1 => Call {
                    operation: "card/getAllCardInfo",
                    fields: format!(r#""pageNum":{},"pageSize":{MOST}"#, DEEPEST - n % 10),
                },
                2 => Call {
                    operation: "card/getAllCardInfo",
                    fields: format!(
                        r#""cardStatus":"DEACTIVATED_NAME","pageNum":{},"pageSize":{MOST}"#,
                        DEEPEST - n % 10
                    ),
                },
                _ => Call {
                    operation: "card/usageHistory",
                    fields: format!(r#""iccid":"{}","pageSize":{MOST}"#, cards::number(first)),
                },
            }
        });
        Requests::of(bench.request_file("worst"), &self.worst, calls)
    }
}

/// Names as many cards as a read may, far apart in the store.
fn numbers(first: u64) -> String {
    let mut fields = String::from(r#""iccids":""#);
    for n in 0..MOST {
        // Writing into a String cannot fail.
        let _ = write!(fields, "{}{}", if n > 0 { "," } else { "" }, cards::number(first + n * 1_009 % MOST));
    }
    fields.push('"');
    fields
}

fn moment(mut others: Answers, reads: Option<Answers>, readings: u64) -> Moment {
    let took = others.took.as_secs_f64();
    Moment {
        median: others.since_due.percentile(0.5),
        p99: others.since_due.percentile(0.99),
        readings: readings as f64 / took,
        refused: (others.all() - others.of("200")) as f64,
        reads: reads.as_ref().map_or(0.0, |reads| reads.of("200") as f64 / reads.took.as_secs_f64()),
        failed: reads.as_ref().map_or(0.0, |reads| (reads.of("500") + reads.of(client::BROKEN)) as f64),
    }
}
