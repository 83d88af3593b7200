//! The files of the tree, and which of their code is no test.

use std::fs;
use std::path::Path;

use crate::scan::{Token, tokens};

pub(crate) struct Source<'a> {
    /// From the root of the tree, with slashes.
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token<'a>>,
    /// Without items below `#[cfg(test)]`; empty for `tests.rs`, for files below a `tests` folder of a package, and
    /// for modules declared below `#[cfg(test)]`.
    pub(crate) product: Vec<Token<'a>>,
}

pub(crate) fn sources<'a>(files: &[(&'a str, &'a str)]) -> Vec<Source<'a>> {
    let mut test_modules = Vec::new();
    let mut found = Vec::new();
    for &(path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let tokens = tokens(text);
        let (product, declared) = without_tests(&tokens);
        test_modules.extend(declared.iter().map(|module| format!("{}/{module}", folder_of_children(path))));
        found.push(Source { path, text, tokens, product });
    }
    for source in &mut found {
        let declared = test_modules.iter().filter_map(|module| source.path.strip_prefix(module.as_str()));
        let declared = declared.filter(|rest| *rest == ".rs" || rest.starts_with('/')).count() > 0;
        if declared || source.path.contains("/tests/") || source.path.ends_with("/tests.rs") {
            source.product.clear();
        }
    }
    found
}

fn folder_of_children(path: &str) -> &str {
    let stem = path.trim_end_matches(".rs");
    ["/mod", "/lib", "/main"].into_iter().find_map(|name| stem.strip_suffix(name)).unwrap_or(stem)
}

/// The tokens outside `#[cfg(test)]`, and the names of the files declared as modules below it.
fn without_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<&'a str>) {
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        if !starts_with(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            kept.push(tokens[at]);
            at += 1;
            continue;
        }
        at += 7;
        while starts_with(&tokens[at..], &["#", "["]) {
            at += group(&tokens[at + 1..]) + 1;
        }
        let item = &tokens[at..at + item(&tokens[at..])];
        let module = item.iter().position(|token| token.is("mod"));
        if let (Some(module), true) = (module, item.last().is_some_and(|token| token.is(";"))) {
            modules.extend(item.get(module + 1).map(|name| name.text));
        }
        at += item.len();
    }
    (kept, modules)
}

pub(crate) fn starts_with(tokens: &[Token<'_>], code: &[&str]) -> bool {
    tokens.len() >= code.len() && tokens.iter().zip(code).all(|(token, code)| token.is(code))
}

/// How many tokens a pair of brackets holds, both included.
pub(crate) fn group(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += depth_step(token);
        depth == 0
    });
    end.map_or(tokens.len(), |end| end + 1)
}

fn depth_step(token: &Token<'_>) -> i32 {
    let is_one_of = |brackets: [&str; 3]| brackets.iter().any(|bracket| token.is(bracket));
    i32::from(is_one_of(["(", "[", "{"])) - i32::from(is_one_of([")", "]", "}"]))
}

/// How many tokens an item has up to its `;` or its closing brace; a field ends at its comma.
pub(crate) fn item(tokens: &[Token<'_>]) -> usize {
    let field = tokens.get(1).is_some_and(|token| token.is(":"));
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is("{") {
            return at + group(&tokens[at..]);
        } else if token.is(";") || (field && token.is(",")) {
            return at + 1;
        } else if depth_step(token) < 0 {
            return at;
        }
        at += if depth_step(token) > 0 { group(&tokens[at..]) } else { 1 };
    }
    at
}

/// Every source, manifest and README below the folders of the workspace.
pub(crate) fn read_tree() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates", "tools", "tests"] {
        if root.join(folder).is_dir() {
            read_folder(&root, folder, &mut files);
        }
    }
    files.sort();
    files
}

fn read_folder(root: &Path, folder: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of the tree can be listed") {
        let entry = entry.expect("a folder of the tree can be listed");
        let name = entry.file_name().into_string().expect("names in the tree are UTF-8");
        let path = format!("{folder}/{name}");
        if entry.file_type().expect("the kind of a file is known").is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                read_folder(root, &path, files);
            }
        } else if name.ends_with(".rs") || ["Cargo.toml", "README.md"].contains(&name.as_str()) {
            let text = fs::read_to_string(root.join(&path)).expect("files of the tree are UTF-8");
            files.push((path, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn code_below_cfg_test_is_no_product() {
        let lib = "fn a() {} #[cfg(test)] #[allow(x)] mod tests { fn b() {} } #[cfg(test)] mod story; struct C { \
                   #[cfg(test)] d: u8, e: u8 }";
        let found = sources(&[("crates/x/src/lib.rs", lib), ("crates/x/src/story.rs", "fn f() {}")]);
        let names = ["a", "b", "story", "d", "e"];
        let kept = names.map(|name| found[0].product.iter().any(|token| token.is(name)));
        assert_eq!(kept, [true, false, false, false, true]);
        assert!(found[1].product.is_empty() && !found[1].tokens.is_empty());
    }
}
