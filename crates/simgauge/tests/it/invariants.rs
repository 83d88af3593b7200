//! The architecture page names tests that hold its invariants, and crates. All of them exist.

use crate::documentation::page::{Page, root};
use std::collections::BTreeSet;
use std::path::Path;

fn architecture() -> Page {
    Page::read(&root().join("docs/en/architecture.md"))
}

/// The names of all functions that are tests in the files below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                tests_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(tests_in(&std::fs::read_to_string(path).unwrap()));
        }
    }
}

/// The functions below `#[test]`, `#[tokio::test...]` or `#[rstest]`.
fn tests_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") || line.starts_with("#[rstest]") {
            is_test = true;
        }
        let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
        if let Some(name) = name {
            if is_test {
                let end = name.find(['(', '<']).unwrap();
                found.insert(name[..end].to_owned());
            }
            is_test = false;
        }
    }
    found
}

#[test]
fn a_test_is_a_function_below_its_attribute() {
    let text = "fn helper() {}\n#[rstest]\n#[case::a(1)]\n#[tokio::test]\nasync fn one(\n#[case] n: u8) {}\n\
                fn helper_too() {}\nmod tests {\n    #[test]\n    fn two() {}\n}\n";
    assert_eq!(tests_in(text), BTreeSet::from(["one", "two"].map(str::to_owned)));
}

#[test]
fn every_test_that_holds_an_invariant_exists() {
    let mut tests = BTreeSet::new();
    for folder in ["crates", "tests", "tools"] {
        tests_below(&root().join(folder), &mut tests);
    }
    let page = architecture();
    let rows = page.table_below("## Invariants");
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let [invariant, names] = row.as_slice() else { panic!("{row:?}") };
        let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{invariant}: no test is named");
        for name in names {
            let exists = if name.contains('/') { root().join(name).is_dir() } else { tests.contains(name) };
            assert!(exists, "{invariant}: there is no test {name}");
        }
    }
}

#[test]
fn every_crate_has_a_link_to_its_readme() {
    let links: BTreeSet<String> = architecture().links().into_iter().collect();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let link = format!("../../crates/{name}/README.md");
        assert!(links.contains(&link), "the page does not name the crate {name}");
    }
}
