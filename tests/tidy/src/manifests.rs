//! What packages depend on, and their READMEs.

use crate::finding::Finding;

const README: usize = 30;

/// The packages of the workspace that each may use. The program itself may use all.
const ARROWS: [(&str, &[&str]); 10] = [
    ("simgauge-domain", &[]),
    ("simgauge-protocol", &["domain"]),
    ("simgauge-store", &["domain"]),
    ("simgauge-operators", &["domain"]),
    ("simgauge-simulator", &["domain", "operators"]),
    ("simgauge-client", &["domain", "protocol"]),
    ("simgauge-service", &["domain", "protocol", "store", "operators"]),
    ("simgauge-admin", &["domain", "protocol", "store", "operators", "service"]),
    ("simgauge-http", &["domain", "protocol", "store", "operators", "service", "admin"]),
    ("simgauge-console", &["domain", "protocol", "store", "operators", "service", "admin"]),
];

/// Dependencies that only these packages have, or that these have not.
const DATABASE_DRIVERS: [&str; 2] = ["rusqlite", "sqlx"];

struct Dependency<'a> {
    name: &'a str,
    line: usize,
    only_tests: bool,
}

struct Manifest<'a> {
    path: &'a str,
    package: &'a str,
    dependencies: Vec<Dependency<'a>>,
}

fn manifests<'a>(files: &[(&'a str, &'a str)]) -> Vec<Manifest<'a>> {
    let found = files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    found.map(|(path, text)| parse(path, text)).filter(|manifest| !manifest.package.is_empty()).collect()
}

fn parse<'a>(path: &'a str, text: &'a str) -> Manifest<'a> {
    let mut manifest = Manifest { path, package: "", dependencies: Vec::new() };
    let mut section = "";
    for (index, line) in text.lines().enumerate() {
        let (key, value) = line.split_once('=').map_or((line, ""), |(key, value)| (key.trim(), value));
        let quoted = |text: &'a str| text.split('"').nth(1).unwrap_or("");
        let mut name = None;
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            name = section.rsplit_once("dependencies.").map(|(_, name)| name);
        } else if section == "package" && key == "name" {
            manifest.package = quoted(value);
        } else if section.ends_with("dependencies") && !value.is_empty() && !line.starts_with([' ', '#']) {
            name =
                value.split_once("package =").map(|(_, package)| quoted(package)).or(key.split('.').next());
        }
        let only_tests = section.contains("dev-dependencies");
        manifest.dependencies.extend(name.map(|name| Dependency { name, line: index + 1, only_tests }));
    }
    manifest
}

pub(crate) fn arrows(files: &[(&str, &str)]) -> Vec<Finding> {
    let manifests = manifests(files);
    let mut findings = Vec::new();
    for manifest in manifests.iter().filter(|manifest| manifest.package != "simgauge") {
        let arrow = ARROWS.iter().find(|(package, _)| *package == manifest.package);
        if arrow.is_none() && manifest.path.starts_with("crates/") {
            let what =
                format!("`{}` is in no layer; add it to ARROWS, or move it to tools/", manifest.package);
            findings.push(Finding::new(manifest.path, 1, what));
        }
        for Dependency { name, line, only_tests } in &manifest.dependencies {
            let allowed = match (name.strip_prefix("simgauge-"), arrow) {
                (None, _) => *name != "simgauge",
                (Some(layer), Some((_, layers))) => *only_tests || layers.contains(&layer),
                (Some(_), None) => true,
            };
            if !allowed {
                let what = format!(
                    "`{}` may not use `{name}`; move what it needs into a lower crate",
                    manifest.package
                );
                findings.push(Finding::new(manifest.path, *line, what));
            }
        }
    }
    findings
}

/// Database drivers outside the store.
pub(crate) fn drivers(files: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in
        manifests(files).iter().filter(|m| m.path.starts_with("crates/") && m.package != "simgauge-store")
    {
        let product = manifest.dependencies.iter().filter(|dependency| !dependency.only_tests);
        for Dependency { name, line, .. } in
            product.filter(|dependency| DATABASE_DRIVERS.contains(&dependency.name))
        {
            let what = format!("`{name}` outside crates/store; let the store do it");
            findings.push(Finding::new(manifest.path, *line, what));
        }
    }
    findings
}

pub(crate) fn readmes(files: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(files) {
        let path = manifest.path.replace("Cargo.toml", "README.md");
        match files.iter().find(|(other, _)| *other == path).map(|(_, text)| text.lines().count()) {
            None => {
                findings.push(Finding::new(&path, 1, "the README is missing; say what the package is for"))
            }
            Some(lines) if lines > README => {
                let what = format!("the README has {lines} lines, {README} at most; move the rest to docs/");
                findings.push(Finding::new(&path, README + 1, what));
            }
            Some(_) => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{arrows, drivers, readmes};

    fn manifest(package: &str, rest: &str) -> String {
        format!("[package]\nname = \"{package}\"\n{rest}")
    }

    #[test]
    fn arrows_point_down() {
        let count = |path, package, rest| arrows(&[(path, &manifest(package, rest))]).len();
        let store = |rest| count("crates/store/Cargo.toml", "simgauge-store", rest);
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
        assert_eq!(count("crates/new/Cargo.toml", "simgauge-new", ""), 1);
        let tool = "[dependencies]\nsimgauge-http = {}\n";
        assert_eq!(count("tools/bench/Cargo.toml", "simgauge-bench", tool), 0);
        assert_eq!(
            count("tools/bench/Cargo.toml", "simgauge-bench", &format!("{tool}simgauge.workspace = true")),
            1
        );
    }

    #[test]
    fn database_drivers_belong_to_the_store() {
        let count = |package, rest| drivers(&[("crates/x/Cargo.toml", &manifest(package, rest))]).len();
        assert_eq!(count("simgauge-admin", "[dependencies]\nsqlx.workspace = true\nrusqlite = \"1\""), 2);
        assert_eq!(count("simgauge-admin", "[dev-dependencies]\nsqlx.workspace = true"), 0);
        assert_eq!(count("simgauge-store", "[dependencies]\nsqlx.workspace = true"), 0);
    }

    #[test]
    fn a_package_has_a_short_readme() {
        let manifest = ("crates/x/Cargo.toml", &*manifest("x", ""));
        let count = |readme: &str| readmes(&[manifest, ("crates/x/README.md", readme)]).len();
        assert_eq!((count(&"\n".repeat(30)), count(&"\n".repeat(31)), readmes(&[manifest]).len()), (0, 1, 1));
    }
}
