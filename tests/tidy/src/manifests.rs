//! What packages depend on, and their READMEs.

use crate::source::finding;

const README: usize = 30;

/// The packages of the workspace that each may use. `simgauge` itself may use all, tools all but `simgauge`.
const ARROWS: [(&str, &str); 10] = [
    ("domain", ""),
    ("protocol", "domain"),
    ("store", "domain"),
    ("operators", "domain"),
    ("simulator", "domain operators"),
    ("client", "domain protocol"),
    ("service", "domain protocol store operators"),
    ("admin", "domain protocol store operators service"),
    ("http", "domain protocol store operators service admin"),
    ("console", "domain protocol store operators service admin"),
];

struct Manifest<'a> {
    path: &'a str,
    package: &'a str,
    /// The line, the package, and whether only tests use it.
    dependencies: Vec<(usize, &'a str, bool)>,
}

fn manifests<'a>(files: &[(&'a str, &'a str)]) -> Vec<Manifest<'a>> {
    let found = files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    found.map(|(path, text)| parse(path, text)).filter(|manifest| !manifest.package.is_empty()).collect()
}

fn parse<'a>(path: &'a str, text: &'a str) -> Manifest<'a> {
    let mut manifest = Manifest { path, package: "", dependencies: Vec::new() };
    let mut section = "";
    for (line, number) in text.lines().zip(1..) {
        let quoted = |text: &'a str| text.split('"').nth(1).unwrap_or("");
        let mut dependency = None;
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            dependency = section.rsplit_once("dependencies.").map(|(_, name)| name);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with([' ', '#'])) {
            let renamed = value.split_once("package =").map(|(_, package)| quoted(package));
            if section == "package" && key.trim() == "name" {
                manifest.package = quoted(value);
            } else if section.ends_with("dependencies") {
                dependency = renamed.or(key.trim().split('.').next());
            }
        }
        let only_tests = section.contains("dev-dependencies");
        manifest.dependencies.extend(dependency.map(|name| (number, name, only_tests)));
    }
    manifest
}

/// Crates of a higher layer, and database drivers outside the store.
pub(crate) fn dependencies(files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    for Manifest { path, package, dependencies } in manifests(files) {
        let in_crates = path.starts_with("crates/");
        let layers = ARROWS.iter().find(|(layer, _)| package.strip_prefix("simgauge-") == Some(layer));
        let layers = layers.map(|(_, layers)| layers.split(' ').collect::<Vec<_>>());
        if layers.is_none() && in_crates && package != "simgauge" {
            let what =
                format!("`{package}` is in no layer; add it to ARROWS in tests/tidy, or move it to tools/");
            findings.push(finding(path, 1, &what));
        }
        for (line, name, only_tests) in dependencies {
            let may = match name.strip_prefix("simgauge-") {
                Some(layer) => only_tests || layers.as_ref().is_none_or(|layers| layers.contains(&layer)),
                None => name != "simgauge" || package == "simgauge",
            };
            let is_driver = ["rusqlite", "sqlx"].contains(&name) && !only_tests;
            let todo = match (may, is_driver && in_crates && package != "simgauge-store") {
                (false, _) => "move what it needs into a lower crate",
                (_, true) => "let the store do it",
                _ => continue,
            };
            findings.push(finding(path, line, &format!("`{package}` may not use `{name}`; {todo}")));
        }
    }
    findings
}

pub(crate) fn readmes(files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests(files) {
        let path = manifest.path.replace("Cargo.toml", "README.md");
        match files.iter().find(|(other, _)| *other == path).map_or(0, |(_, text)| text.lines().count()) {
            0 => findings.push(finding(&path, 1, "the README is missing; say what the package is for")),
            lines if lines > README => {
                let what = format!("the README has {lines} lines, {README} at most; move the rest to docs/");
                findings.push(finding(&path, README + 1, &what));
            }
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{dependencies, readmes};

    fn count(package: &str, rest: &str) -> usize {
        let (folder, name) = package.split_once('/').expect("a package is named with its folder");
        let manifest = format!("[package]\nname = \"{name}\"\n{rest}");
        dependencies(&[(&format!("{folder}/x/Cargo.toml"), &manifest)]).len()
    }

    #[test]
    fn arrows_point_down() {
        let store = |rest| count("crates/simgauge-store", rest);
        assert_eq!(
            store("[dependencies]\nsimgauge-domain.workspace = true\n[dev-dependencies]\nsimgauge-http = {}"),
            0
        );
        assert_eq!(
            store("[dependencies]\nsimgauge-http = { path = \"../http\" }\nx = { package = \"simgauge\" }"),
            2
        );
        assert_eq!(
            store("[build-dependencies.simgauge-http]\npath = \"x\"\n[dev-dependencies]\nsimgauge = {}"),
            2
        );
        assert_eq!(count("crates/simgauge-new", ""), 1);
        assert_eq!(count("tools/simgauge-bench", "[dependencies]\nsimgauge-http = {}"), 0);
        assert_eq!(count("tools/simgauge-bench", "[dependencies]\nsimgauge.workspace = true"), 1);
    }

    #[test]
    fn database_drivers_belong_to_the_store() {
        let product = "[dependencies]\nsqlx.workspace = true\nrusqlite = \"1\"";
        assert_eq!(
            ["store", "admin"].map(|layer| count(&format!("crates/simgauge-{layer}"), product)),
            [0, 2]
        );
        assert_eq!(count("crates/simgauge", product), 2);
        assert_eq!(count("crates/simgauge", "[dev-dependencies]\nsqlx.workspace = true"), 0);
    }

    #[test]
    fn a_package_has_a_short_readme() {
        let count = |readme: &str| {
            readmes(&[("crates/x/Cargo.toml", "[package]\nname = \"x\""), ("crates/x/README.md", readme)])
                .len()
        };
        assert_eq!([0, 1, 30, 31].map(|lines| count(&"\n".repeat(lines))), [1, 0, 0, 1]);
    }
}
