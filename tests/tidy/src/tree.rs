//! The rules over the tree as it is.

use std::sync::LazyLock;

use crate::finding::expect_none;
use crate::source::{Source, read_tree, sources};
use crate::{cycles, manifests, places, size, words};

static TEXTS: LazyLock<Vec<(String, String)>> = LazyLock::new(read_tree);
static FILES: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| TEXTS.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect());
static SOURCES: LazyLock<Vec<Source<'_>>> = LazyLock::new(|| sources(&FILES));

#[test]
fn functions_are_short() {
    expect_none(&size::long_functions(&SOURCES));
}

#[test]
fn files_are_short() {
    expect_none(&size::long_files(&SOURCES));
}

#[test]
fn lines_are_short() {
    expect_none(&size::long_lines(&SOURCES));
}

#[test]
fn modules_import_each_other_in_no_circle() {
    expect_none(&cycles::cycles(&SOURCES));
}

#[test]
fn crates_use_only_lower_ones() {
    expect_none(&manifests::arrows(&FILES));
}

#[test]
fn words_are_the_trades() {
    expect_none(&words::coined(&SOURCES));
}

#[test]
fn sql_stands_in_the_store() {
    expect_none(&places::sql(&SOURCES));
}

#[test]
fn database_drivers_belong_to_the_store() {
    expect_none(&manifests::drivers(&FILES));
}

#[test]
fn domain_and_protocol_have_no_clock_and_no_io() {
    expect_none(&places::impure(&SOURCES));
}

#[test]
fn packages_have_a_short_readme() {
    expect_none(&manifests::readmes(&FILES));
}
