//! A definition from its first text to a reading.

use super::assumed::Assumed;
use super::{new, trial};
use crate::cli::Output;
use crate::config::Config;
use clap::Parser as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// A command's arguments, read as the program reads them.
#[derive(Debug, clap::Parser)]
struct Args<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

fn parsed<A: clap::Args>(arguments: &[&str]) -> A {
    let all = ["test"].iter().chain(arguments).copied();
    Args::<A>::try_parse_from(all).expect("arguments").args
}

fn config() -> Config {
    Config::load(None).expect("the defaults")
}

fn write_new(dir: &Path, name: &str) -> anyhow::Result<ExitCode> {
    let dir = dir.display().to_string();
    new::run(&parsed(&[name, "--dir", &dir]), &config(), &Output::default())
}

async fn try_out(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    trial::run(&parsed(arguments), &config(), &Output::default()).await
}

#[tokio::test]
async fn a_new_definition_can_be_tried_at_once() {
    let dir = tempfile::tempdir().expect("folder");
    write_new(dir.path(), "mine").expect("written");
    let definition = dir.path().join("mine.toml").display().to_string();
    let report = simgauge_operators::check::check_file(Path::new(&definition)).await.expect("read");
    assert!(report.is_ok() && report.cases.len() == 2, "{report:?}");

    let answer = dir.path().join("answer.json").display().to_string();
    fs::write(&answer, r#"{"iccid":"8988308650100524999","used":"12.5"}"#).expect("written");
    let iccid = "8988308650100524999";
    let arguments = [&*definition, "--answer", &answer, "--iccid", iccid];
    assert_eq!(try_out(&arguments).await.expect("tried"), ExitCode::SUCCESS);
    let other = [&*definition, "--answer", &answer, "--iccid", "8988308650100524998"];
    assert_eq!(try_out(&other).await.expect("tried"), ExitCode::FAILURE);
    let refused = [&arguments[..], &["--status", "404"]].concat();
    assert_eq!(try_out(&refused).await.expect("tried"), ExitCode::FAILURE);

    let twice = [&arguments[..], &["--answer", &answer]].concat();
    let error = try_out(&twice).await.expect_err("one step").to_string();
    assert!(error.contains("1 step(s) (usage)"), "{error}");
    let many = [&arguments[..], &["--iccid", "8988308650100524998"]].concat();
    assert!(try_out(&many).await.expect_err("no many").to_string().contains("has no [many]"));
    let nowhere = ["nowhere", "--answer", &answer, "--iccid", iccid];
    assert!(try_out(&nowhere).await.expect_err("no such").to_string().contains("nowhere"));
}

#[tokio::test]
async fn a_saved_answer_about_many_is_tried() {
    let dir = tempfile::tempdir().expect("folder");
    let answer = dir.path().join("answer.json").display().to_string();
    let elements = [("8988308650100524999", "1"), ("8988308650100525009", "2")].map(|(iccid, amount)| {
        let used = format!(r#"{{"amount":"{amount}","unit":"MB"}}"#);
        format!(r#"{{"iccid":"{iccid}","current_billing_period_consumed_data":{used}}}"#)
    });
    fs::write(&answer, format!(r#"{{"data":[{}]}}"#, elements.join(","))).expect("written");
    let arguments =
        ["telnyx", "--answer", &answer, "--iccid", "8988308650100524999", "--iccid", "8988308650100525009"];
    assert_eq!(try_out(&arguments).await.expect("tried"), ExitCode::SUCCESS);
}

#[tokio::test]
async fn what_is_assumed_is_named_and_a_setting_answers_it() {
    let catalog = simgauge_operators::Catalog::builtin().expect("built in");
    let telnyx = catalog.get("telnyx").expect("built in");
    let none = std::collections::BTreeMap::new();
    let assumed = Assumed::of(telnyx, &none);
    let text = "used 1\nassumed kilobyte = 1000; `--setting kilobyte=1024` shows the other\n";
    assert_eq!(assumed.after("used 1".to_owned()), text);
    assert_eq!(assumed.beside(serde_json::json!({}))["assumed"]["kilobyte"], "1000");
    let given = [("kilobyte".to_owned(), "1024".to_owned())].into();
    assert_eq!(Assumed::of(telnyx, &given).after("used 1".to_owned()), "used 1");

    let dir = tempfile::tempdir().expect("folder");
    let answer = dir.path().join("answer.json").display().to_string();
    let iccid = "8988308650100524999";
    let used = r#"{"amount":"2","unit":"MB"}"#;
    let body = format!(r#"{{"data":{{"iccid":"{iccid}","current_billing_period_consumed_data":{used}}}}}"#);
    fs::write(&answer, body).expect("written");
    let tried = |setting: &'static str| {
        let answer = answer.clone();
        async move { try_out(&["telnyx", "--answer", &answer, "--iccid", iccid, "--setting", setting]).await }
    };
    tried("kilobyte=1024").await.expect("one of the values");
    assert!(tried("kilobyte=7").await.expect_err("no value").to_string().contains("one of"));
    assert!(tried("kilobit=1").await.expect_err("no setting").to_string().contains("kilobit"));
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("mine.toml");
    fs::write(&file, "precious").expect("written");
    let error = write_new(dir.path(), "mine").expect_err("is there").to_string();
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(fs::read_to_string(&file).expect("read"), "precious");
    assert!(!dir.path().join("fixtures").exists());
    // Nor are its fixtures.
    fs::create_dir_all(dir.path().join("fixtures/other")).expect("folder");
    fs::write(dir.path().join("fixtures/other/reading.toml"), "precious").expect("written");
    write_new(dir.path(), "other").expect_err("is there");
    assert!(!dir.path().join("other.toml").exists());
    for name in ["telnyx", "Mine", "", "../mine", "a.b"] {
        write_new(dir.path(), name).expect_err(name);
    }
}
