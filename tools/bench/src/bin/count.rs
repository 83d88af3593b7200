//! Work whose instructions are counted under callgrind: once with none of the work and once with some. The
//! difference is its cost.

use anyhow::{Context as _, anyhow, bail, ensure};
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::request::{Caller, RefreshUsage};
use simgauge_protocol::sign::{self, Scope};
use simgauge_protocol::{Body, FieldError, Language};
use simgauge_store::{AcceptCall, AcceptOutcome, Admission, CardRules, ImportRow, Store};
use std::hint::black_box;
use std::time::Duration;

const SECRET: &str = "5a3f0c2e9d8b7a6f5e4d3c2b1a09f8e7d6c5b4a3928170605f4e3d2c1b0a9f8e";
const NOW: UnixMs = UnixMs(1_764_000_000_000);
/// Calls in one transaction.
const GROUP: usize = 100;
/// Cards in the store.
const CARDS: usize = 4000;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: count gate|accept CALLS";
    let (what, calls) = (args.next().context(usage)?, args.next().context(usage)?.parse()?);
    match what.as_str() {
        "gate" => gate(calls),
        "accept" => {
            // One thread, beside the thread of SQLite's connection.
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(accept(calls))
        }
        _ => bail!(usage),
    }
}

fn number(n: usize) -> String {
    format!("8986{n:015}")
}

/// What every call passes before the store: the body is parsed, its fields are read, its sign is verified.
fn gate(calls: usize) -> anyhow::Result<()> {
    let wrong = |error: FieldError| anyhow!(error.message(Language::En));
    for n in 0..calls {
        let fields = format!(
            r#""appkey":"bench-appkey","timestamp":{},"nonce":{},"iccid":"{}""#,
            NOW.seconds(),
            10_000 + n,
            number(n)
        );
        // Any sign of the right form takes the same time to verify.
        let text = format!(r#"{{{fields},"sign":"0123456789ABCDEF0123456789ABCDEF01234567"}}"#);
        let body = Body::parse(text.as_bytes())?;
        let caller = Caller::read(&body).map_err(wrong)?;
        black_box(RefreshUsage::read(&body, CardKind::Sim).map_err(wrong)?);
        ensure!(!sign::verify(&body, Scope::Request, SECRET, caller.sign), "nobody signed this");
    }
    Ok(())
}

/// Accepts calls in groups, on SQLite.
async fn accept(calls: usize) -> anyhow::Result<()> {
    ensure!(calls <= CARDS && calls.is_multiple_of(GROUP), "CALLS is a multiple of {GROUP} up to {CARDS}");
    let dir = tempfile::tempdir()?;
    let store = Store::connect(&format!("sqlite://{}", dir.path().join("count.db").display()), 1).await?;
    store.migrate().await?;
    store.create_account("bench", "zh", NOW).await?;
    let cards: Vec<ImportRow> = (0..CARDS)
        .map(|n| ImportRow {
            number: number(n),
            kind: CardKind::Sim,
            account: "bench".into(),
            status: "ACTIVATED_NAME".into(),
            label: String::new(),
            iccid: number(n),
            operator_account: "lane".into(),
        })
        .collect();
    let mut import = store.import().await?;
    import.add(&cards).await?;
    import.commit().await?;
    let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
    let rules = CardRules { sim: rule, cloud_esim: rule };
    for group in 0..calls / GROUP {
        let calls: Vec<AcceptCall> = (group * GROUP..(group + 1) * GROUP)
            .map(|n| AcceptCall {
                account: "bench".into(),
                appkey: "bench-appkey".into(),
                kind: CardKind::Sim,
                // The cards are spread over the store, as those of real calls are.
                number: number(n * 1999 % CARDS),
                sign: format!("{n:040X}"),
                is_exact: false,
                sign_was_used: false,
                id: RefreshId::new(NOW, n as u128),
            })
            .collect();
        let outcomes = store.accept(&calls, &rules, &|_, _| Admission::Taken, NOW).await?;
        ensure!(
            outcomes.iter().all(|outcome| matches!(outcome, AcceptOutcome::Accepted { .. })),
            "not accepted"
        );
    }
    store.close().await;
    Ok(())
}
