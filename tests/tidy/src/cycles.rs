//! No files of a crate import each other, directly or in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{Modules, Target};
use crate::names::{Form, Name, names};
use crate::source::{Source, finding};

/// What one file takes from another: the first line, and the names.
type Edges<'a> = BTreeMap<(usize, usize), (usize, BTreeSet<&'a str>)>;

pub(crate) fn cycles(sources: &[Source<'_>]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        if let Some((package, file)) = source.path.split_once("/src/") {
            crates.entry(package).or_default().push((index, file.trim_end_matches(".rs")));
        }
    }
    let mut findings = Vec::new();
    for files in crates.values() {
        let root = if files.iter().any(|(_, file)| *file == "lib") { "lib" } else { "main" };
        let module_path = |file: &str| match file.strip_suffix("/mod").unwrap_or(file) {
            file if file == root => String::new(),
            file => file.replace('/', "::"),
        };
        let parse =
            |&(index, file): &(usize, &str)| (module_path(file), index, names(&sources[index].product));
        let parsed: Vec<_> = files.iter().map(parse).collect();
        let edges = edges(&parsed);
        findings.extend(circles(&edges).iter().map(|circle| describe(circle, &edges, sources)));
    }
    findings
}

fn edges<'a>(files: &'a [(String, usize, Vec<Name<'a>>)]) -> Edges<'a> {
    let mut modules = Modules::default();
    for (path, index, names) in files {
        modules.add(path, *index, names);
    }
    let mut edges = Edges::new();
    for (path, file, names) in files {
        for name in names.iter().filter(|name| matches!(name.form, Form::Imported(_) | Form::Mentioned)) {
            // A module by itself is no edge: what is taken from it is named where it is used.
            if let Some(Target::Item(target, item)) = modules.resolve(path, &name.segments)
                && target != *file
            {
                edges.entry((*file, target)).or_insert((name.line, BTreeSet::new())).1.insert(item);
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
    let circle = |file: &usize| -> BTreeSet<usize> {
        reached[file]
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(file)))
            .collect()
    };
    let circles: BTreeSet<_> = files.iter().map(circle).filter(|circle| !circle.is_empty()).collect();
    circles.into_iter().collect()
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

fn describe(circle: &BTreeSet<usize>, edges: &Edges<'_>, sources: &[Source<'_>]) -> String {
    let path = |file: &usize| sources[*file].path;
    let files: Vec<&str> = circle.iter().map(path).collect();
    let what =
        "files import each other in a circle; move what several of them need into a file below them all";
    let mut text = finding(files[0], 1, &format!("{} {what}", files.len()));
    for ((from, to), (line, names)) in
        edges.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to))
    {
        let names: Vec<&str> = names.iter().copied().collect();
        text += &format!("\n  {}:{line}: takes {} from {}", path(from), names.join(", "), path(to));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::cycles;
    use crate::source::sources;

    fn found(a: &str, b: &str, b_mod: &str) -> Vec<String> {
        let lib = "mod a; mod b; pub use a::A; pub use b::B;";
        let path = "crates/x/src/b/inner.rs";
        let files = [
            ("crates/x/src/lib.rs", lib),
            ("crates/x/src/a.rs", a),
            (path, b),
            ("crates/x/src/b/mod.rs", b_mod),
        ];
        cycles(&sources(&files))
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
        assert!(found(a, "pub struct B;\n#[cfg(test)] mod tests { use crate::A; }", exports).is_empty());
    }

    #[test]
    fn code_beside_the_exports_of_a_folder_closes_a_circle_with_its_children() {
        let count = |b_mod| found("pub struct A;", "use super::C; pub struct B(C);", b_mod).len();
        assert_eq!(count("mod inner; pub use inner::B; pub struct C;"), 0);
        assert_eq!(count("mod inner; pub use inner::B; pub struct C; fn f(b: B) {}"), 1);
    }
}
