//! The documentation is run: its commands against the program and a demo, its configuration through the
//! loader, its answers against real ones, its links against the files there are.
//!
//! A block of `sh` is run as it stands, those of a page in one folder, unless `<!-- not run: REASON -->`
//! stands before it; a block of `text` right after one is what it prints. A block of `json` names the call
//! that answers so: `<!-- answer: card/getCardsInfo {"iccid": "..."} -->`. A block of `toml` is a
//! configuration, an operator definition, or an `auth` or fixtures of the definition before it. What is
//! changed before it runs is in [`shell`]: addresses, and where files go.

pub mod page;
mod shell;

use crate::support::call::Answer;
use crate::support::demo::Demo;
use crate::support::new_postgres_database;
use clap::CommandFactory as _;
use page::{Block, Page, pages};
use serde_json::{Value, json};
use shell::Shell;
use simgauge::cli::command::Cli;
use simgauge::config::Config;
use simgauge_operators::Definition;
use simgauge_operators::check::check_file;
use std::collections::BTreeSet;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn every_command_runs() {
    let demo = Demo::start(&["--time-travel"], &[]);
    let database = new_postgres_database().await;
    let mut ran = 0;
    for page in pages() {
        let blocks: Vec<&Block> = page.blocks.iter().filter(|block| block.is_run()).collect();
        if blocks.is_empty() {
            continue;
        }
        let shell = Shell::new(&demo.url, &database);
        let outputs = shell.run(&page, &blocks);
        for (block, output) in blocks.iter().zip(outputs) {
            if let Some(expected) = page.output_of(block) {
                assert_eq!(output.trim_end(), expected.trim_end(), "{}:{}", page.name, block.line);
            }
        }
        ran += blocks.len();
        // What one page refreshed, the next may again.
        demo.post("/demo/clock", &json!({"advanceSeconds": 300})).await.expect("200");
    }
    assert!(ran >= 10, "only {ran} blocks were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_looks_as_shown() {
    let demo = Demo::start(&["--time-travel"], &[]);
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "json") {
            let place = format!("{}:{}", page.name, block.line);
            let Some(call) = block.mark("answer") else { panic!("{place}: which call answers so?") };
            let (operation, fields) = call.split_once(' ').unwrap_or((call, "{}"));
            let shown: Value =
                serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{place}: {error}"));
            let answer: Answer = demo.call(operation, serde_json::from_str(fields).unwrap()).await;
            assert_eq!(shape(&shown), shape(&answer.body), "{place}: {}", answer.body);
            if let Some(id) = answer.data()["refreshId"].as_str() {
                demo.ended(id).await;
            }
            demo.post("/demo/clock", &json!({"advanceSeconds": 300})).await.expect("200");
        }
    }
}

/// The names in an answer; of a list, those of its first element.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.first().map_or(json!([]), |first| json!([shape(first)])),
        // Null stands for a value that is not there yet.
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_toml_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    for page in pages() {
        let mut definition = None;
        for block in page.blocks.iter().filter(|block| block.language == "toml") {
            let place = format!("{}:{}", page.name, block.line);
            let table: toml::Table = block.text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
            if let Some(name) = table.get("name").and_then(|name| name.as_str()) {
                let file = dir.path().join(format!("{name}.toml"));
                std::fs::write(&file, &block.text).unwrap();
                definition = Some(file);
            } else if table.contains_key("case") {
                let definition: &Path =
                    definition.as_deref().unwrap_or_else(|| panic!("{place}: fixtures of what?"));
                let fixtures = dir.path().join("fixtures").join(definition.file_stem().unwrap());
                std::fs::create_dir_all(&fixtures).unwrap();
                std::fs::write(fixtures.join("reading.toml"), &block.text).unwrap();
                let report = check_file(definition).await.unwrap();
                assert!(report.is_ok() && !report.cases.is_empty(), "{place}: {report:#?}");
            } else if table.contains_key("auth") {
                let example = std::fs::read_to_string(definition.as_ref().unwrap()).unwrap();
                let whole = with_other_auth(&example, &block.text);
                Definition::parse("auth.toml", &whole).unwrap_or_else(|error| panic!("{place}: {error}"));
            } else if table.contains_key("operator_id") {
                let example = std::fs::read_to_string(definition.as_ref().unwrap()).unwrap();
                let whole = format!("{example}\n{}", block.text);
                Definition::parse("id.toml", &whole).unwrap_or_else(|error| panic!("{place}: {error}"));
            } else {
                let file = dir.path().join("simgauge.toml");
                std::fs::write(&file, &block.text).unwrap();
                Config::load(Some(&file)).unwrap_or_else(|error| panic!("{place}: {error:#}"));
            }
        }
    }
}

/// A definition with another `auth`, which is all that `part` has, and with the secrets which that names.
fn with_other_auth(definition: &str, part: &str) -> String {
    let mut whole: toml::Table = definition.parse().unwrap();
    whole.extend(part.parse::<toml::Table>().unwrap());
    let names = part.split("secret.").skip(1).filter_map(|rest| rest.split([' ', '}']).next());
    let about: toml::Value = toml::Table::from_iter([("about".to_owned(), "one".into())]).into();
    let secrets: toml::Table = names.map(|name| (name.to_owned(), about.clone())).collect();
    whole.insert("secrets".to_owned(), secrets.into());
    whole.to_string()
}

#[test]
fn the_python_that_is_shown_is_the_one_that_is_tested() {
    let tested = include_str!("verify_notification.py");
    let shown: Vec<Block> =
        pages().into_iter().flat_map(|page| page.blocks).filter(|block| block.language == "python").collect();
    assert!(!shown.is_empty());
    for block in shown {
        let (_, function) = block.text.split_once("\n\n").unwrap();
        assert!(tested.contains(function.trim()), "{}", block.text);
    }
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        for link in page.links() {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", page.name);
            let anchored = anchor.is_empty() || Page::read(&target).anchors().contains(&anchor.to_owned());
            assert!(anchored, "{}: {link}", page.name);
        }
    }
}

#[test]
fn every_setting_and_command_that_is_named_exists() {
    let defaults: toml::Table = simgauge::config::DEFAULTS.parse().unwrap();
    let cli = Cli::command();
    let (mut settings, mut commands) = (0, 0);
    for page in pages() {
        for (line, code) in page.inline_code() {
            let place = format!("{}:{line}: {code}", page.name);
            // Fields and events of the API begin so, too.
            if let Some((section, name)) =
                code.split_once('.').filter(|(section, _)| !["usage", "refresh"].contains(section))
                && let Some(section) = defaults.get(section).and_then(|section| section.as_table())
            {
                let name = name.split([' ', '=', '.']).next().unwrap();
                assert!(section.contains_key(name) || name == "toml", "{place}: there is no such setting");
                settings += 1;
            }
            if let Some(words) = code.strip_prefix("simgauge ") {
                let mut command = &cli;
                for word in words.split_whitespace() {
                    match command.find_subcommand(word) {
                        Some(found) => command = found,
                        // What follows are arguments.
                        None if !command.has_subcommands()
                            || command.is_args_conflicts_with_subcommands_set() =>
                        {
                            break;
                        }
                        None => panic!("{place}: there is no command {word:?}"),
                    }
                }
                commands += 1;
            }
        }
    }
    assert!(settings > 10 && commands > 10, "{settings} settings, {commands} commands");
}

#[test]
fn the_table_of_operators_is_that_of_the_definitions() {
    let page = Page::read(&page::root().join("docs/en/operators.md"));
    let catalog = simgauge_operators::Catalog::load(None).unwrap();
    assert_eq!(page.table_below("## The built-in definitions").len(), catalog.iter().count());
    for definition in catalog.iter() {
        let row =
            page.row_of(definition.name()).unwrap_or_else(|| panic!("{} is missing", definition.name()));
        let quoted = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let secrets = definition.secret_names().map(str::to_owned).collect();
        assert_eq!(quoted(row[6]), secrets, "{}", definition.name());
        let questions = definition.open_questions(|_| false).into_iter().map(|question| question.name);
        assert_eq!(quoted(row[7]), questions.collect(), "{}", definition.name());
        assert_eq!(row[2], definition.evidence().as_str(), "{}", definition.name());
    }
}
