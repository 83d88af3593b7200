//! Every built-in definition through the running server, against the simulator, which enforces the limits
//! that its operators document.

use crate::support::{TestServer, import, row, server};
use simgauge::demo::simulated_account;
use simgauge_operators::Catalog;
use simgauge_simulator::SimulatorConfig;
use simgauge_store::ImportRow;
use std::time::Duration;

/// A whole number of MB both of 1,000,000 and of 1,048,576 bytes.
const USED: u64 = 16_384_000_000;
const TIMEOUT: Duration = Duration::from_secs(60);

/// A card at an operator, and what it has used there.
struct Card {
    definition: String,
    number: String,
    used: u64,
}

/// Two cards at each operator, so that the second reading finds a log-in.
async fn furnish(server: &TestServer) -> Vec<Card> {
    let (mut cards, mut rows) = (Vec::new(), Vec::new());
    for (lane, account) in server.config.operator_accounts.iter().enumerate() {
        for half in 0..2 {
            let number = format!("8986000000000009{lane:02}{half}");
            let used = USED * (half + 1);
            server.simulator.set_usage(&account.definition, &number, used);
            rows.push(ImportRow { operator_account: account.name.clone(), ..row(&number, &number, "acme") });
            cards.push(Card { definition: account.definition.clone(), number, used });
        }
    }
    import(server.store(), &rows).await;
    cards
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_built_in_definition_reads_exact_bytes_within_the_limits() {
    let mut server = server().simulator(SimulatorConfig::fixed()).start().await;
    server.stop().await;
    let catalog = Catalog::builtin().unwrap();
    let root = format!("{}/", server.simulator.url());
    server.config.operator_accounts =
        catalog.iter().map(|definition| simulated_account(definition, &root)).collect();
    server.start().await;

    let cards = furnish(&server).await;
    let mut refreshes = Vec::new();
    for card in &cards {
        refreshes.push(server.refresh_sim(&card.number).await.refresh_id());
    }
    for (card, refresh) in cards.iter().zip(&refreshes) {
        let report = server.ended(refresh, TIMEOUT).await;
        assert_eq!(report["state"], "succeeded", "{}: {report}", card.definition);
        let shown = server.card(&card.number).await.expect("200").clone();
        assert_eq!(shown["usage"]["usedBytes"], card.used, "{}: {shown}", card.definition);
    }
    for definition in catalog.iter() {
        let stats = server.simulator.stats(definition.name());
        assert_eq!(stats.violations, 0, "{}: {stats:?}", definition.name());
    }
}
