//! What is in the tree may be: its licences and sources are those that `deny.toml` allows, and no crate of
//! ours has unsafe code. `scripts/supply-chain` looks closer, with cargo-deny; this is what can be said
//! without it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_toml(path: &Path) -> toml::Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn packages() -> Vec<Value> {
    // Only what is built here is sure to have been fetched; cargo-deny looks at every platform.
    let about = Command::new("rustc").arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc tells its host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
}

/// Whether one may choose so that only allowed licences are left: `OR` binds weaker than `AND`; `/` is how
/// `OR` was written once.
fn may_be(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let may = either(&mut words, allowed);
    assert_eq!(words.next(), None, "{expression}");
    may
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut may = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        may |= both(words, allowed);
    }
    may
}

fn both(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut may = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        may &= one(words, allowed);
    }
    may
}

fn one(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let first = words.next().expect("a licence");
    if first == "(" {
        let may = either(words, allowed);
        assert_eq!(words.next(), Some(")"));
        return may;
    }
    let mut name = first.to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().expect("an exception"));
    }
    allowed.contains(&name.as_str())
}

#[test]
fn licence_expressions() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
    for (expression, may) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("Apache-2.0/MIT", true),
        ("GPL-2.0-only OR MIT", true),
        ("MIT AND GPL-2.0-only", false),
        ("(MIT OR GPL-2.0-only) AND Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0 WITH Other-exception", false),
        ("GPL-2.0-only OR MIT AND GPL-3.0-only", false),
    ] {
        assert_eq!(may_be(expression, &allowed), may, "{expression}");
    }
}

#[test]
fn licences_and_sources_are_allowed_ones() {
    let rules = read_toml(&root().join("deny.toml"));
    let allowed: Vec<&str> =
        rules["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let packages = packages();
    assert!(packages.len() > 100);
    for package in packages {
        let name = format!("{} {}", package["name"], package["version"]);
        match package["source"].as_str() {
            None => assert_eq!(
                package["publish"],
                serde_json::json!([]),
                "{name} is ours, and not to be published"
            ),
            Some(source) => assert_eq!(source, CRATES_IO, "{name}"),
        }
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} has no licence"));
        assert!(may_be(licence, &allowed), "{name}: {licence}");
    }
}

/// Takes the place of C functions in tests, which is unsafe by nature. Only the trials may use it.
const SHIM: &str = "simgauge-shim";

fn manifest_has(manifest: &toml::Table, dependency: &str) -> bool {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables.iter().filter_map(|table| manifest.get(*table)).any(|table| table.get(dependency).is_some())
}

#[test]
fn no_crate_of_ours_may_have_unsafe_code_or_asks_for_another_toolchain() {
    let workspace = read_toml(&root().join("Cargo.toml"));
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    let stated = workspace["workspace"]["package"]["rust-version"].as_str().unwrap().to_owned();
    let (mut ours, mut needed) = (0, (0, 0));
    for package in packages() {
        if package["source"].is_null() {
            let manifest = read_toml(Path::new(package["manifest_path"].as_str().unwrap()));
            let inherits = manifest["lints"].get("workspace").is_some_and(|of| of.as_bool() == Some(true));
            assert!(inherits || package["name"] == SHIM, "{}", package["name"]);
            assert!(!manifest_has(&manifest, SHIM) || package["name"] == "simgauge-faults");
            assert_eq!(package["rust_version"].as_str(), Some(stated.as_str()), "{}", package["name"]);
            ours += 1;
        } else if let Some(version) = package["rust_version"].as_str() {
            needed = needed.max(parts(version));
        }
    }
    assert!(ours >= 8);
    assert_eq!(parts(&stated), needed, "the toolchain that is stated is what the dependencies ask for");
    for page in ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        assert!(text.contains(&stated), "{page} says another toolchain than {stated}");
    }
}

fn parts(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}
