//! No two modules of a crate import each other, directly or in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::modules::{Modules, Target, child};
use crate::names::{Form, Name, names};
use crate::source::Source;

/// What one file takes from another: the first line, and the names.
type Edges<'a> = BTreeMap<(usize, usize), (usize, BTreeSet<&'a str>)>;

pub(crate) fn cycles(sources: &[Source<'_>]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        if let Some((package, file)) = source.path.split_once("/src/") {
            crates.entry(package).or_default().push((index, file));
        }
    }
    let mut findings = Vec::new();
    for files in crates.values() {
        let has_lib = files.iter().any(|(_, file)| *file == "lib.rs");
        let parsed: Vec<(String, usize, Vec<Name<'_>>)> = files
            .iter()
            .map(|(index, file)| (module_path(file, has_lib), *index, names(&sources[*index].product)))
            .collect();
        let edges = edges(&parsed);
        findings.extend(circles(&edges).iter().map(|circle| describe(circle, &edges, sources)));
    }
    findings
}

fn module_path(file: &str, has_lib: bool) -> String {
    let stem = file.trim_end_matches(".rs");
    match stem {
        "lib" => String::new(),
        "main" if !has_lib => String::new(),
        _ => stem.strip_suffix("/mod").unwrap_or(stem).replace('/', "::"),
    }
}

fn edges<'a>(files: &'a [(String, usize, Vec<Name<'a>>)]) -> Edges<'a> {
    let mut modules = Modules::default();
    for (path, index, names) in files {
        modules.add(path, *index, names);
    }
    let mut edges = Edges::new();
    for (path, file, names) in files {
        for name in names.iter().filter(|name| matches!(name.form, Form::Imported(_) | Form::Mentioned)) {
            let from = name.within.iter().fold(path.clone(), |path, inner| child(&path, inner));
            // A module by itself is no edge: what is taken from it is named where it is used.
            if let Some(Target::Item(target)) = modules.resolve(&from, &name.segments)
                && target != *file
            {
                let edge = edges.entry((*file, target)).or_insert((name.line, BTreeSet::new()));
                edge.1.extend(name.segments.last());
            }
        }
    }
    edges
}

/// Groups of files in which each leads to each.
fn circles(edges: &Edges<'_>) -> Vec<BTreeSet<usize>> {
    let files: BTreeSet<usize> = edges.keys().map(|(from, _)| *from).collect();
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        files.iter().map(|file| (*file, reachable(*file, edges))).collect();
    let leads = |from: usize, to: usize| reached.get(&from).is_some_and(|reached| reached.contains(&to));
    let mut circles: Vec<BTreeSet<usize>> = Vec::new();
    for &file in files.iter().filter(|file| leads(**file, **file)) {
        if !circles.iter().any(|circle| circle.contains(&file)) {
            circles.push(
                files.iter().copied().filter(|other| leads(file, *other) && leads(*other, file)).collect(),
            );
        }
    }
    circles
}

fn reachable(from: usize, edges: &Edges<'_>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        let next = edges.range((file, 0)..=(file, usize::MAX)).map(|((_, to), _)| *to);
        open.extend(next.filter(|to| reached.insert(*to)));
    }
    reached
}

fn describe(circle: &BTreeSet<usize>, edges: &Edges<'_>, sources: &[Source<'_>]) -> Finding {
    let mut lines = Vec::new();
    let inner = edges.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
    for ((from, to), (line, names)) in inner {
        let names: Vec<&str> = names.iter().copied().collect();
        let (from, to) = (sources[*from].path, sources[*to].path);
        lines.push(format!("  {from}:{line}: takes {} from {to}", names.join(", ")));
    }
    let what =
        "files import each other in a circle; move what several of them need into a file below them all";
    let first = circle.first().map_or("", |file| sources[*file].path);
    Finding::new(first, 1, format!("{} {what}\n{}", circle.len(), lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::cycles;
    use crate::source::sources;

    fn found(a: &str, b: &str, b_mod: &str) -> Vec<String> {
        let lib = "mod a; mod b; pub use a::A; pub use b::B;";
        let files = [("lib.rs", lib), ("a.rs", a), ("b/inner.rs", b), ("b/mod.rs", b_mod)];
        let files = files.map(|(file, text)| (format!("crates/x/src/{file}"), text));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        cycles(&sources(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn files_that_import_each_other_are_a_circle() {
        let exports = "mod inner; pub use inner::B;";
        let a = "use crate::B;\npub struct A(B);";
        let circle = found(a, "pub struct B;\nfn f(_: crate::A) {}", exports);
        assert_eq!(circle.len(), 1);
        assert!(
            circle[0].contains("\n  crates/x/src/a.rs:1: takes B from crates/x/src/b/inner.rs\n"),
            "{circle:?}"
        );
        assert!(
            circle[0].ends_with("\n  crates/x/src/b/inner.rs:2: takes A from crates/x/src/a.rs"),
            "{circle:?}"
        );

        let below_test = "pub struct B;\n#[cfg(test)] mod tests { use crate::A; }";
        assert_eq!(found(a, below_test, exports), Vec::<String>::new());
    }

    #[test]
    fn code_beside_the_exports_of_a_folder_closes_a_circle_with_its_children() {
        let inner = "use super::C; pub struct B(C);";
        assert_eq!(found("pub struct A;", inner, "mod inner; pub use inner::B; pub struct C;").len(), 0);
        assert_eq!(
            found("pub struct A;", inner, "mod inner; pub use inner::B; pub struct C; fn f(b: B) {}").len(),
            1
        );
    }
}
