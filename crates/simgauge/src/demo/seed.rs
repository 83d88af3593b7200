//! The demo's account, app, admin, cards and packages. What an earlier start created stays as it is.

use super::names::{DEMO, EID, EID_PROFILE, ICCID, MORE_CARDS, SECRET, TEST_OPERATOR, ordinary_iccid};
use super::operators::{account_name, common_accounts};
use super::test_cards::TEST_CARDS;
use crate::config::Config;
use simgauge_admin::password;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use simgauge_service::secrets::Sealer;
use simgauge_store::{AdminRole, ImportRow, NewPackage, PackageError, Store, StoreError};
use std::time::Duration;

const GB: u64 = 1_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// A package: its card, code, name, total, and for how many days from the beginning it is valid.
type PackageRow = (&'static str, &'static str, &'static str, Option<u64>, u32);

/// One of each kind: with bytes left, of a cloud eSIM, used up with overage, unlimited, several on one card.
const PACKAGES: &[PackageRow] = &[
    (ICCID, "CN-10GB-30D", "10 GB, 30 days", Some(10 * GB), 30),
    (EID, "CN-20GB-30D", "20 GB, 30 days", Some(20 * GB), 30),
    ("8986099000000000200", "CN-10GB-30D", "10 GB, 30 days", Some(10 * GB), 30),
    ("8986099000000000202", "CN-UNLIMITED", "unlimited, 30 days", None, 30),
    ("8986099000000000304", "CN-2GB-30D", "2 GB, 30 days", Some(2 * GB), 30),
    ("8986099000000000503", "CN-5GB-30D", "5 GB, 30 days", Some(5 * GB), 30),
    ("8986000000000000000", "CN-1GB-7D", "1 GB, 7 days", Some(GB), 7),
    ("8986000000000000000", "CN-8GB-30D", "8 GB, 30 days", Some(8 * GB), 30),
];

/// Creates what does not exist yet. `now` is when the demo's history begins.
///
/// # Errors
/// The store failed.
pub async fn seed(store: &Store, sealer: &Sealer, config: &Config, now: UnixMs) -> anyhow::Result<()> {
    let created = |result: Result<(), StoreError>| match result {
        Ok(()) | Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    };
    created(store.create_account(DEMO, "zh", now).await)?;
    created(store.create_app(DEMO, DEMO, "the demo's app", &sealer.seal(SECRET, DEMO)?, now).await)?;
    // Checked first, since hashing a password is slow on purpose.
    if store.admin(DEMO).await?.is_none() {
        store.create_admin(DEMO, &password::hash(&SECRET.into())?, AdminRole::Full, now).await?;
    }
    let mut import = store.import().await?;
    for verdict in import.add(&cards(config)).await? {
        verdict?;
    }
    import.commit().await?;
    for &(card, code, name, total, days) in PACKAGES {
        let new = NewPackage {
            card: card.to_owned(),
            code: code.to_owned(),
            name: name.to_owned(),
            total,
            valid_from: Some(now),
            valid_to: Some(now.after(DAY * days)),
        };
        match store.add_package(&new, now).await {
            Ok(()) | Err(PackageError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn cards(config: &Config) -> Vec<ImportRow> {
    let common = account_name(TEST_OPERATOR);
    let mut cards = vec![
        card(CardKind::Sim, ICCID, ICCID, &common, "the documentation's own example"),
        card(CardKind::CloudEsim, EID, EID_PROFILE, &common, "the documentation's own example"),
    ];
    let operators: Vec<_> = common_accounts(&config.operator_accounts).collect();
    for (n, operator) in (0..MORE_CARDS).zip(operators.iter().cycle()) {
        let iccid = ordinary_iccid(n);
        cards.push(card(CardKind::Sim, &iccid, &iccid, &operator.name, &format!("demo card {n}")));
    }
    for test in TEST_CARDS {
        if let Some(operator) = test.operator_account(&common) {
            cards.push(card(
                CardKind::Sim,
                test.iccid,
                test.iccid,
                &operator,
                &format!("test: {}", test.name),
            ));
        }
    }
    cards
}

fn card(kind: CardKind, number: &str, iccid: &str, operator_account: &str, label: &str) -> ImportRow {
    ImportRow {
        number: number.to_owned(),
        kind,
        account: DEMO.to_owned(),
        status: "ACTIVATED_NAME".to_owned(),
        label: label.to_owned(),
        iccid: iccid.to_owned(),
        operator_account: operator_account.to_owned(),
    }
}
