//! Cards in and out of a real store.

use crate::cli::test_store::TestStore;
use simgauge_admin::import::{CHUNK_ROWS, CardImportSummary, ErrorsTarget, ImportOptions, Mode, Warnings};
use simgauge_admin::{AdminError, ExportedCards};
use simgauge_domain::card_kind::CardKind;
use std::fmt::Write as _;
use std::io::Cursor;

const HEADER: &str = "iccid,eid,account,operator_account,status,label,profile_iccid\n";
const ICCID: &str = "8988308650100524999";
const EID: &str = "11111111111111111111111111";

struct Cards(TestStore);

impl Cards {
    async fn new() -> Self {
        Self(TestStore::with_accounts(&["acme", "other", "-dash"]).await)
    }

    async fn import(&self, text: &str, mode: Mode) -> CardImportSummary {
        self.try_import(text, mode).await.expect("import")
    }

    async fn try_import(&self, text: &str, mode: Mode) -> Result<CardImportSummary, AdminError> {
        let from = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let errors = ErrorsTarget::Path(self.0.dir.path().join("cards.csv.errors.csv"));
        let operators = ["main".to_owned(), "second".to_owned()];
        let options = ImportOptions { errors, shown_rows: 5, progress: &|_| {} };
        self.0.admin.import_cards(from, &operators, mode, options).await
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.0.dir.path().join("cards.csv.errors.csv")).unwrap_or_default()
    }

    async fn export(&self, account: Option<&str>) -> (String, ExportedCards) {
        let mut out = Vec::new();
        let written = self.0.admin.export_cards(account, &mut out).await.expect("export");
        (String::from_utf8(out).expect("text"), written)
    }

    async fn count(&self) -> usize {
        self.0.store.cards_after(None, "", 1_000_000).await.expect("cards").len()
    }
}

fn counts(summary: &CardImportSummary) -> (u64, u64, u64) {
    (summary.file.rows, summary.file.imported, summary.file.bad)
}

/// Numbered ICCIDs, in the order the store sorts them.
fn many(rows: usize) -> String {
    let mut text = HEADER.to_owned();
    for n in 0..rows {
        writeln!(text, "898600000001{n:07},,acme,main,,,").expect("written");
    }
    text
}

#[tokio::test]
async fn what_was_exported_is_imported_alike() {
    let test = Cards::new().await;
    let text = format!(
        "\u{feff}label,operator_account,account,iccid,eid,profile_iccid,status\r\n\
         \"a, \"\"b\"\" 卡\",main,acme,{ICCID},,,\r\n\
         '=1+1,main,acme,898600D6991330004146,,,RETIRED_NAME\r\n\
         '''=x,second,other,8986001234567890123,,,\r\n\
         ,main,-dash,8986001234567890124,,8986001234567890125,\r\n\
         ,second,-dash,8986001234567890124,,8986001234567890126,\r\n\
         cloud,main,acme,8986001234567890127,{EID},,\r\n\
         cloud,second,acme,8986001234567890128,{EID},,\r\n"
    );
    let summary = test.import(&text, Mode::Chunks).await;
    assert_eq!(counts(&summary), (7, 7, 0));
    assert_eq!((summary.file.errors_file, test.errors()), (None, String::new()));
    let card = |number: &str| {
        let number = number.to_owned();
        let store = test.0.store.clone();
        async move { store.card_of_any(&number).await.expect("read").expect("card") }
    };
    assert_eq!(card("898600D6991330004146").await.label, "=1+1");
    assert_eq!(card("8986001234567890123").await.label, "''=x");
    assert_eq!(card("8986001234567890124").await.profiles.len(), 2);
    let esim = card(EID).await;
    assert_eq!((esim.kind, esim.profiles.len()), (CardKind::CloudEsim, 2));

    let (exported, written) = test.export(None).await;
    assert_eq!(written, ExportedCards { cards: 5, rows: 7 });
    assert!(exported.contains(",'=1+1,") && exported.contains(",'-dash,"), "{exported}");
    let other = Cards::new().await;
    assert_eq!(counts(&other.import(&exported, Mode::AllOrNothing).await), (7, 7, 0));
    assert_eq!(other.export(None).await.0, exported);
    assert_eq!(counts(&test.import(&exported, Mode::Chunks).await), (7, 7, 0), "again is fine");
    assert_eq!(test.export(Some("other")).await.1, ExportedCards { cards: 1, rows: 1 });
}

#[tokio::test]
async fn bad_rows_go_into_a_file_that_can_be_mended() {
    let test = Cards::new().await;
    test.import(&format!("{HEADER}8986001234567890123,,other,main,,,\n"), Mode::Chunks).await;
    let text = format!(
        "{HEADER}{ICCID},,acme,main,,good,\n\
         {ICCID},,acme,main,,twice,\n\
         123,,acme,main,,=SUM(A1),\n\
         \n\
         8986001234567890124,,nobody,main,,,\n\
         8986001234567890123,,acme,main,,,\n\
         8986001234567890125,,acme,third,,,\n\
         ,,,,,,\n\
         8986001234567890126,,acme,\"main,,open\n\
         8986001234567890127,,acme,main,,\"good, too\",\n"
    );
    let summary = test.import(&text, Mode::Chunks).await;
    assert_eq!(counts(&summary), (8, 2, 6));
    let errors = test.errors();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines[0], format!("line,reason,{}", HEADER.trim_end()));
    assert_eq!(lines[1], format!("3,this card stands in the file already,{ICCID},,acme,main,,twice,"));
    assert_eq!(lines[2], "4,iccid must be 18 to 22 digits (or letters A to F),123,,acme,main,,'=SUM(A1),");
    assert_eq!(lines[3], "6,\"there is no account \"\"nobody\"\"\",8986001234567890124,,nobody,main,,,");
    assert!(lines[4].starts_with("7,\"the card belongs to account \"\"other\"\""), "{}", lines[4]);
    assert!(lines[5].starts_with("8,\"there is no operator account \"\"third\"\""), "{}", lines[5]);
    assert!(lines[6].starts_with("10,a quote is opened"), "{}", lines[6]);
    assert_eq!(test.count().await, 3);

    let mended = errors.replace("nobody", "acme").replace("third", "main");
    let summary = test.import(&mended, Mode::Chunks).await;
    // Mended: the unknown account and operator account; the repeated card is no repetition in this file.
    assert_eq!(counts(&summary), (6, 3, 3));
    assert_eq!(test.errors().lines().next(), Some(lines[0]), "line and reason stand there once");
}

#[tokio::test]
async fn all_or_nothing_is_that() {
    let test = Cards::new().await;
    let size = CHUNK_ROWS + 10;
    for (bad, lines) in [
        ("123,,acme,main,,,\n", 1),
        ("8986001234567890124,,nobody,main,,,\n", 1),
        ("8986001234567890124,,nobody,main,,,\n123,,acme,main,,,\n", 2),
    ] {
        let early = many(size).replacen(HEADER, &format!("{HEADER}{bad}"), 1);
        let late = many(size) + bad;
        for text in [early, late] {
            let summary = test.import(&text, Mode::AllOrNothing).await;
            assert_eq!(
                counts(&summary),
                (u64::try_from(size + lines).expect("small"), 0, u64::try_from(lines).expect("small"))
            );
            assert_eq!(test.count().await, 0);
            assert_eq!(test.errors().lines().count(), lines + 1);
        }
    }
    let summary = test.import(&many(size), Mode::AllOrNothing).await;
    assert_eq!((summary.file.imported, test.count().await), (u64::try_from(size).expect("small"), size));
}

#[tokio::test]
async fn a_dry_run_tells_and_keeps_nothing() {
    let test = Cards::new().await;
    let text = many(CHUNK_ROWS + 1) + "8986001234567890124,,nobody,main,,,\n";
    let summary = test.import(&text, Mode::DryRun).await;
    assert_eq!(counts(&summary), (5_002, 5_001, 1));
    assert_eq!(test.count().await, 0);
}

#[tokio::test]
async fn odd_numbers_are_counted_and_taken() {
    let test = Cards::new().await;
    let text = format!("{HEADER}898600D6991330004146,,acme,main,,,\n{ICCID},{EID},acme,main,,,\n");
    let summary = test.import(&text, Mode::Chunks).await;
    assert_eq!(summary.warnings, Warnings { iccid_check_digits: 1, eid_check_digits: 1 });
    assert_eq!(counts(&summary), (2, 2, 0));
}

#[tokio::test]
async fn what_is_no_card_file_is_refused_at_once() {
    let test = Cards::new().await;
    for (text, says) in [
        ("", "the file is empty"),
        ("\u{feff}\r\n", "the file is empty"),
        ("iccid;account\n", "separate columns by commas"),
        ("\niccid,account,operator_account,colour\n", "line 2"),
    ] {
        let error = test.try_import(text, Mode::Chunks).await.expect_err(text).with_causes();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(counts(&test.import(HEADER, Mode::Chunks).await), (0, 0, 0));
}
