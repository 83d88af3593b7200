//! Checks of the tree that a compiler does not make, as README.md lists them.

// All of it is tests: other builds of the workspace compile nothing here.
#![cfg(test)]

mod cycles;
mod manifests;
mod modules;
mod names;
mod places;
mod scan;
mod size;
mod source;
mod words;

use std::sync::LazyLock;

use source::{Source, read_tree, sources};

static TEXTS: LazyLock<Vec<(String, String)>> = LazyLock::new(read_tree);
static FILES: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| TEXTS.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect());
static SOURCES: LazyLock<Vec<Source<'_>>> = LazyLock::new(|| sources(&FILES));

macro_rules! rules {
    ($($name:ident: $findings:expr;)*) => {
        $(#[test]
        fn $name() {
            let findings = $findings;
            assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
        })*
    };
}

rules! {
    files_are_read_right: source::misread(&SOURCES);
    functions_are_short: size::long_functions(&SOURCES);
    files_are_short: size::long_files(&SOURCES);
    lines_are_short: size::long_lines(&SOURCES);
    files_import_each_other_in_no_circle: cycles::cycles(&SOURCES);
    crates_use_what_their_layer_may: manifests::dependencies(&FILES);
    words_are_the_trades: words::coined(&SOURCES);
    sql_stands_in_the_store: places::sql(&SOURCES);
    domain_and_protocol_have_no_clock_and_no_io: places::impure(&SOURCES);
    packages_have_a_short_readme: manifests::readmes(&FILES);
}
