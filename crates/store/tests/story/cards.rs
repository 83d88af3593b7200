//! Importing cards, and who sees them.

use crate::scene::{row, stocked};
use crate::support::Database;
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_store::{CardFilter, ImportRow, RowError};

#[rstest]
#[tokio::test]
async fn import_judges_each_row(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let mut import = store.import().await.unwrap();
    let stranger = ImportRow { account: "nobody".into(), ..row("8999", "8999") };
    let stolen = ImportRow { account: "other".into(), ..row("8901", "8901") };
    let twisted = ImportRow { kind: CardKind::CloudEsim, ..row("8901", "8901") };
    let renamed = ImportRow { label: "it's \"new\" 卡".into(), ..row("8901", "8901") };
    let verdicts = import.add(&[stranger, stolen, twisted, renamed]).await.unwrap();
    assert_eq!(
        verdicts,
        [
            Err(RowError::NoAccount("nobody".into())),
            Err(RowError::OtherAccount("acme".into())),
            Err(RowError::OtherKind),
            Ok(())
        ]
    );
    import.commit().await.unwrap();
    assert_eq!(store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap().label, "it's \"new\" 卡");
    let mut import = store.import().await.unwrap();
    import.add(&[row("8903", "8903")]).await.unwrap();
    import.roll_back().await.unwrap();
    assert_eq!(store.card_of_any("8903").await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn import_judges_each_row_among_many(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let number = |n: usize| format!("77{n:03}");
    let mut rows: Vec<ImportRow> = (0..300).map(|n| row(&number(n), &number(n))).collect();
    rows[60] = ImportRow { account: "nobody".into(), ..rows[60].clone() };
    // Other rows about new cards, which belong to who came first.
    rows[120] = ImportRow { account: "other".into(), ..rows[119].clone() };
    rows[180] = ImportRow { kind: CardKind::CloudEsim, ..rows[179].clone() };
    rows[240] = ImportRow { label: "later".into(), iccid: number(900), ..rows[239].clone() };
    let mut import = store.import().await.unwrap();
    let verdicts = import.add(&rows).await.unwrap();
    import.commit().await.unwrap();
    for (at, verdict) in verdicts.iter().enumerate() {
        let expected = match at {
            60 => Err(RowError::NoAccount("nobody".into())),
            120 => Err(RowError::OtherAccount("acme".into())),
            180 => Err(RowError::OtherKind),
            _ => Ok(()),
        };
        assert_eq!(*verdict, expected, "row {at}");
        let card = store.card("acme", CardKind::Sim, &number(at)).await.unwrap();
        assert_eq!(card.is_some(), ![60, 120, 180, 240].contains(&at), "card {at}");
        assert!(card.is_none_or(|card| card.profiles.iter().any(|profile| profile.iccid == number(at))));
    }
    let twice = store.card("acme", CardKind::Sim, &number(239)).await.unwrap().unwrap();
    assert_eq!((twice.label.as_str(), twice.profiles.len()), ("later", 2));
}

#[rstest]
#[tokio::test]
async fn cards_are_seen_by_their_account_only(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    assert!(store.card("other", CardKind::Sim, "8901").await.unwrap().is_none());
    assert!(store.card("acme", CardKind::CloudEsim, "8901").await.unwrap().is_none());
    let esim = store.card("acme", CardKind::CloudEsim, &"1".repeat(26)).await.unwrap().unwrap();
    assert_eq!(esim.profiles.iter().map(|p| p.iccid.as_str()).collect::<Vec<_>>(), ["8911", "8912"]);
    let list = |filter: CardFilter, offset, limit| {
        let store = store.clone();
        async move {
            let cards = store.cards("acme", CardKind::Sim, &filter, offset, limit).await.unwrap();
            cards.into_iter().map(|card| card.number).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(CardFilter::default(), 0, 10).await, ["8901", "8902"]);
    assert_eq!(list(CardFilter::default(), 1, 1).await, ["8902"]);
    let some =
        CardFilter { numbers: vec!["8902".into(), "8902".into(), "x".into()], ..CardFilter::default() };
    assert_eq!(list(some, 0, 10).await, ["8902"]);
    let retired = CardFilter { status: Some("RETIRED_NAME".into()), ..CardFilter::default() };
    assert!(list(retired, 0, 10).await.is_empty());
    let exported = store.cards_after(None, "", 2).await.unwrap();
    assert_eq!(exported.last().unwrap().number, "8901");
    assert_eq!(store.cards_after(Some("acme"), "8901", 9).await.unwrap()[0].number, "8902");
}
