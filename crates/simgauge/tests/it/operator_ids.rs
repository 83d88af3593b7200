//! Ids of the operator's own through the running server: how many calls a reading takes.

use crate::support::{TestServer, import, row, server};
use simgauge::demo::simulated_account;
use simgauge_operators::Catalog;
use simgauge_simulator::SimulatorConfig;
use simgauge_store::ImportRow;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;

/// Each definition that keeps an id: its card, and the calls of a reading that looks the id up.
const KEEPING: [(&str, &str, u64); 2] =
    [("emnify", "8988303000000000017", 2), ("kore_super_sim", "89883070000000000017", 3)];

/// Reads a card, and answers how many calls that took, without log-ins.
async fn calls_of_a_reading(server: &TestServer, name: &str, number: &str) -> u64 {
    let calls = || {
        let stats = server.simulator.stats(name);
        stats.requests - stats.logins
    };
    let before = calls();
    let refresh = server.refresh_sim(number).await.refresh_id();
    let report = server.ended(&refresh, TIMEOUT).await;
    assert_eq!(report["state"], "succeeded", "{name}: {report}");
    let shown = server.card(number).await.expect("200").clone();
    assert_eq!(shown["usage"]["usedBytes"], server.simulator.usage(name, number), "{name}: {shown}");
    calls() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_id_saves_a_call_until_the_operator_refuses_it_or_the_day_is_over() {
    let mut server = server().simulator(SimulatorConfig::fixed()).start().await;
    server.stop().await;
    let catalog = Catalog::builtin().unwrap();
    let root = format!("{}/", server.simulator.url());
    let keeping = catalog.iter().filter(|definition| definition.source().contains("\n[operator_id]\n"));
    server.config.operator_accounts =
        keeping.map(|definition| simulated_account(definition, &root)).collect();
    assert_eq!(server.config.operator_accounts.len(), KEEPING.len(), "each definition is tried");
    // Ten in the morning, UTC: no day ends between two readings.
    let now = server.clock.now().0 / 1_000;
    let morning = DAY + 10 * 3_600 - now % DAY;
    server.travel_to(morning);
    server.start().await;
    let mut rows = Vec::new();
    for account in &server.config.operator_accounts {
        let (name, number, _) = *KEEPING.iter().find(|(name, ..)| *name == account.definition).unwrap();
        server.simulator.set_usage(name, number, 16_384_000_000);
        rows.push(ImportRow { operator_account: account.name.clone(), ..row(number, number, "acme") });
    }
    import(server.store(), &rows).await;

    // Calls more or fewer than with a look-up.
    for (seconds, difference, what) in [
        (0, 0, "the first"),
        (400, -1, "known"),
        (800, 1, "refused"),
        (1_200, -1, "the new one is known"),
        (DAY, 0, "the next day"),
    ] {
        server.travel_to(morning + seconds);
        for (name, number, with_look_up) in KEEPING {
            if what == "refused" {
                server.simulator.change_ids(name);
            }
            let calls = calls_of_a_reading(&server, name, number).await;
            assert_eq!(calls, with_look_up.checked_add_signed(difference).unwrap(), "{name}: {what}");
        }
    }
    for (name, ..) in KEEPING {
        let stats = server.simulator.stats(name);
        assert_eq!((stats.readings, stats.violations), (5, 0), "{name}: {stats:?}");
    }
}
