//! Packages in a real store.

use super::{PackageCommand, ShownIn, listed, run};
use crate::cli::output::Output;
use crate::cli::test_store::TestStore;
use clap::Parser;
use serde_json::json;
use simgauge_admin::import::{ErrorsTarget, ImportOptions, ImportSummary};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_store::ImportRow;
use std::io::Cursor;

const ICCID: &str = "898600D6991330004146";
const EID: &str = "11111111111111111111111111";

#[derive(Debug, Parser)]
struct Program {
    #[command(subcommand)]
    command: PackageCommand,
}

struct Packages {
    on: TestStore,
    zone: TimeZone,
}

impl Packages {
    async fn new() -> Self {
        let on = TestStore::with_accounts(&["acme"]).await;
        let row = |number: &str, kind, iccid: &str| ImportRow {
            number: number.into(),
            kind,
            account: "acme".into(),
            status: "ACTIVATED_NAME".into(),
            label: String::new(),
            iccid: iccid.into(),
            operator_account: "main".into(),
        };
        let rows = [row(ICCID, CardKind::Sim, ICCID), row(EID, CardKind::CloudEsim, "8986001234567890123")];
        let mut cards = on.store.import().await.expect("import");
        assert!(cards.add(&rows).await.expect("rows").iter().all(Result::is_ok));
        cards.commit().await.expect("commit");
        Self { on, zone: TimeZone::get("Asia/Shanghai").expect("zone") }
    }

    async fn run(&self, line: &str) -> Result<(), String> {
        let words = line.split_whitespace().map(|word| word.replace('_', " "));
        let program = Program::try_parse_from(std::iter::once("package".to_owned()).chain(words))
            .map_err(|error| error.to_string())?;
        let done = run(program.command, &self.on.admin, &self.zone, &Output { json: true }).await;
        done.map(|_| ()).map_err(|error| format!("{error:#}"))
    }

    async fn import(&self, text: &str) -> ImportSummary {
        let from = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let errors = ErrorsTarget::Path(self.on.dir.path().join("errors.csv"));
        let options = ImportOptions { errors, shown_rows: 5, progress: &|_| {} };
        self.on.admin.import_packages(from, &self.zone, options).await.expect("import")
    }

    /// In the middle of May.
    fn shown_in(&self) -> ShownIn<'_> {
        ShownIn { zone: &self.zone, now: UnixMs(1_778_800_000_000) }
    }

    async fn listed(&self, number: &str) -> serde_json::Value {
        let card = self.on.store.card_of_any(number).await.expect("read").expect("card");
        listed(&card, &self.shown_in())
    }
}

#[tokio::test]
async fn a_package_from_its_first_day_to_its_last() {
    let test = Packages::new().await;
    let add = format!(
        "add --iccid {} --code p1 --name May_10_GB --total 10GB --valid-from 2026-05-01 \
         --valid-to 2026-05-31",
        ICCID.to_ascii_lowercase()
    );
    test.run(&add).await.expect("added");
    test.run(&format!("add --eid {EID} --code p1 --name x --total unlimited")).await.expect("added");
    test.run(&format!("list --iccid {ICCID}")).await.expect("listed");
    let first = json!({
        "code": "p1", "name": "May 10 GB", "state": "active", "usedBytes": 0,
        "totalBytes": 10_000_000_000_u64, "remainingBytes": 10_000_000_000_u64,
        "validFrom": 1_777_564_800, "validTo": 1_780_243_200,
        "firstDay": "2026-05-01", "lastDay": "2026-05-31",
    });
    let all = json!({ "card": ICCID, "account": "acme", "packages": [first], "overageBytes": 0 });
    assert_eq!(test.listed(ICCID).await, all);
    let card = test.on.store.card_of_any(ICCID).await.expect("read").expect("card");
    let text = super::in_words(&card, &test.shown_in());
    assert!(
        text.contains("p1    May 10 GB  active  0 B   10.0 GB")
            && text.contains("2026-05-01  2026-05-31")
            && text.ends_with("overage: 0 bytes\n"),
        "{text}"
    );

    test.run(&format!("set-total --iccid {ICCID} --code p1 --total 20GiB")).await.expect("topped up");
    assert_eq!(test.listed(ICCID).await["packages"][0]["totalBytes"], 21_474_836_480_u64);
    test.run(&format!("cover-overage --iccid {ICCID} --code p1")).await.expect("nothing to cover");
    test.run(&format!("remove --iccid {ICCID} --code p1")).await.expect("removed");
    assert_eq!(test.listed(ICCID).await["packages"], json!([]));
}

#[tokio::test]
async fn mistakes_are_named() {
    let test = Packages::new().await;
    test.run(&format!("add --iccid {ICCID} --code p1 --name x --total 1")).await.expect("added");
    for (line, says) in [
        ("add --iccid 8988 --code p --name x --total 1".to_owned(), "there is no physical card 8988"),
        (format!("add --eid {ICCID} --code p --name x --total 1"), "is not the number of a cloud eSIM"),
        (format!("add --iccid {ICCID} --code p1 --name x --total 1"), "has a package \"p1\" already"),
        (format!("add --iccid {ICCID} --code p --name x --total much"), "must be bytes, an amount"),
        (format!("add --iccid {ICCID} --code p --name x --total 0"), "must not be 0"),
        (format!("add --iccid {ICCID} --code p --name x"), "--total"),
        (format!("add --iccid {ICCID} --code p_q --name x --total 1"), "without white space"),
        (format!("add --iccid {ICCID} --code p --name x --total 1 --valid-from May"), "--valid-from must be"),
        (
            format!(
                "add --iccid {ICCID} --code p --name x --total 1 --valid-from 2026-05-02 \
                 --valid-to 2026-05-01"
            ),
            "\"p\" would end before it begins",
        ),
        (format!("set-total --iccid {ICCID} --code q --total 1"), "no package \"q\""),
        (format!("cover-overage --iccid {ICCID} --code q"), "no package \"q\""),
        (format!("remove --iccid {ICCID} --code q"), "no package \"q\""),
        ("list".to_owned(), "--iccid"),
    ] {
        let error = test.run(&line).await.expect_err(&line);
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[tokio::test]
async fn a_file_of_packages() {
    let test = Packages::new().await;
    let text = format!(
        "\u{feff}card,code,name,total_bytes,valid_from,valid_to\r\n\
         {ICCID},p1,\"May, all of it\",10GB,2026-05-01,2026-06-01\r\n\
         {EID},p1,无限,unlimited,,\r\n\
         {ICCID},p1,again,1,,\r\n\
         8988,p1,=cmd(),1,,\r\n\
         ,p1,x,1,,\r\n\
         {ICCID},p2,x,,,\r\n\
         {ICCID},p2,x,1,1.5.2026,\r\n\
         {ICCID},p2,x,1,2026-05-02,2026-05-01\r\n\
         {ICCID},p2,x\r\n\
         {ICCID},p 2,x,1,,\r\n\
         {ICCID},p2,,1,,\r\n\
         ,,,,,\r\n\
         {ICCID},p3,last,1073741824,2026-05-01T00:00:00Z,"
    );
    let summary = test.import(&text).await;
    assert_eq!((summary.rows, summary.imported, summary.bad), (12, 3, 9));
    let errors = std::fs::read_to_string(test.on.dir.path().join("errors.csv")).expect("errors");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines[0], "line,reason,card,code,name,total_bytes,valid_from,valid_to");
    for (at, says) in [
        (1, "4,\"the card has a package \"\"p1\"\" already\","),
        (2, "5,there is no card 8988,8988,p1,'=cmd(),1,,"),
        (3, "6,card is empty,"),
        (4, "7,\"total_bytes must be bytes, an amount such as 10GB"),
        (5, "8,\"valid_from must be a time such as 2026-05-01"),
        (6, "9,\"the package \"\"p2\"\" would end before it begins\","),
        (7, "10,\"3 cells, but the first line names 6 columns\","),
        (8, "11,code must be 1 to 64 characters without white space,"),
        (9, "12,name must not be empty,"),
    ] {
        assert!(lines[at].starts_with(says), "{}", lines[at]);
    }
    let codes = |listed: serde_json::Value| -> Vec<String> {
        let packages = listed["packages"].as_array().expect("packages").clone();
        packages.iter().map(|one| one["code"].as_str().expect("code").to_owned()).collect()
    };
    assert_eq!(codes(test.listed(ICCID).await), ["p1", "p3"]);
    assert_eq!(test.listed(EID).await["packages"][0]["totalBytes"], json!(null));

    // The errors file can be mended and imported; what is there already stays as it is.
    let mended = errors.replace("2026-05-02,2026-05-01", "2026-05-02,2026-05-03");
    let summary = test.import(&mended).await;
    assert_eq!((summary.imported, summary.bad), (1, 8));
    assert_eq!(codes(test.listed(ICCID).await), ["p1", "p3", "p2"], "p2 was for the beginning of May");
}

/// What a person wrote is what is shown: the last day of a month belongs to it, in whatever form it comes.
#[tokio::test]
async fn a_file_of_packages_has_whole_days() {
    let test = Packages::new().await;
    let text = format!(
        "card,code,name,total_bytes,valid_from,valid_to\n\
         {ICCID},may,May,10GB,2026-05-01,2026-05-31\n\
         {ICCID},june,June,10GB,2026-06-01 00:00:00,2026-06-30 00:00:00\n\
         {EID},may,May,10GB,2026-05-01,2026-06-01\n\
         {EID},june,June,10GB,2026-06-01,2026-06-30T12:00:00+08:00\n\
         {ICCID},x,x,1.000 MB,,\n\
         {ICCID},x,x,1Gb,,\n"
    );
    let summary = test.import(&text).await;
    assert_eq!((summary.rows, summary.imported, summary.bad, summary.doubtful), (6, 4, 2, 1));
    let (line, reason) = &summary.first_doubtful[0];
    assert_eq!(*line, 5);
    assert!(reason.contains("may and june") && reason.contains("overlap on 2026-06-01"), "{reason}");
    for (bad, says) in [(0, "1.000 may have thousands apart"), (1, "Gb may be bits")] {
        assert!(summary.first_bad[bad].1.contains(says), "{:?}", summary.first_bad[bad]);
    }
    let days = async |number: &str| {
        let listed = test.listed(number).await;
        let packages = listed["packages"].as_array().expect("packages").clone();
        packages.iter().map(|one| (one["firstDay"].clone(), one["lastDay"].clone())).collect::<Vec<_>>()
    };
    let both = |from: &str, to: &str| (json!(from), json!(to));
    assert_eq!(days(ICCID).await, [both("2026-05-01", "2026-05-31"), both("2026-06-01", "2026-06-30")]);
    assert_eq!(days(EID).await[1], (json!("2026-06-01"), json!(null)), "a time is no day");
    assert_eq!(test.listed(ICCID).await["packages"][0]["validTo"], 1_780_243_200, "the end of the 31st");
}
