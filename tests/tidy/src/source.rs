//! The files of the tree, and which of their code is no test.

use std::fs;
use std::path::Path;

use crate::scan::{Token, tokens};

pub(crate) struct Source<'a> {
    /// From the root of the tree, with slashes.
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token<'a>>,
    /// Without items below `#[cfg(test)]`. Empty for `tests.rs`, for files below a package's `tests` folder,
    /// and for files declared as modules below `#[cfg(test)]`.
    pub(crate) product: Vec<Token<'a>>,
}

pub(crate) fn sources<'a>(files: &[(&'a str, &'a str)]) -> Vec<Source<'a>> {
    let (mut found, mut test_modules) = (Vec::new(), Vec::new());
    for &(path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let tokens = tokens(text);
        let (product, declared) = without_tests(&tokens);
        let stem = path.trim_end_matches(".rs");
        let folder =
            ["/mod", "/lib", "/main"].iter().find_map(|name| stem.strip_suffix(name)).unwrap_or(stem);
        test_modules.extend(declared.iter().map(|module| format!("{folder}/{module}")));
        found.push(Source { path, text, tokens, product });
    }
    for source in &mut found {
        let mut below = test_modules.iter().filter_map(|module| source.path.strip_prefix(module.as_str()));
        let declared = below.any(|rest| rest == ".rs" || rest.starts_with('/'));
        if declared || source.path.contains("/tests/") || source.path.ends_with("/tests.rs") {
            source.product.clear();
        }
    }
    found
}

/// The tokens outside `#[cfg(test)]`, and the names of the files declared as modules below it.
fn without_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<&'a str>) {
    let (mut kept, mut modules, mut rest) = (Vec::new(), Vec::new(), tokens);
    while let Some(first) = rest.first() {
        if !starts_with(rest, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            kept.push(*first);
            rest = &rest[1..];
            continue;
        }
        while starts_with(rest, &["#", "["]) {
            rest = &rest[1 + group(&rest[1..])..];
        }
        let (item, after) = rest.split_at(item(rest));
        if let [.., keyword, name, end] = item
            && keyword.is("mod")
            && end.is(";")
        {
            modules.push(name.text);
        }
        rest = after;
    }
    (kept, modules)
}

fn starts_with(tokens: &[Token<'_>], code: &[&str]) -> bool {
    tokens.len() >= code.len() && tokens.iter().zip(code).all(|(token, code)| token.is(code))
}

/// Files in which some bracket has no partner: Rust has no such file, so `scan` has misread it.
pub(crate) fn misread(sources: &[Source<'_>]) -> Vec<String> {
    let odd = sources.iter().filter(|source| source.tokens.iter().map(Token::opens).sum::<i32>() != 0);
    odd.map(|source| finding(source.path, 1, "the brackets do not match; correct scan.rs of tests/tidy"))
        .collect()
}

/// `path:line: what is wrong; what to do`.
pub(crate) fn finding(path: &str, line: usize, message: &str) -> String {
    format!("{path}:{line}: {message}")
}

/// How many tokens a bracket and all up to its partner are.
fn group(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += token.opens();
        depth == 0
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// How many tokens an item has up to its `;` or its closing brace, or a field up to its comma.
pub(crate) fn item(tokens: &[Token<'_>]) -> usize {
    let field = tokens.get(1).is_some_and(|token| token.is(":"));
    let mut at = 0;
    while let Some(token) = tokens.get(at).filter(|token| token.opens() >= 0) {
        at += if token.opens() > 0 { group(&tokens[at..]) } else { 1 };
        if token.is("{") || token.is(";") || (field && token.is(",")) {
            break;
        }
    }
    at
}

/// Every source, manifest and README below the folders of the workspace.
pub(crate) fn read_tree() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates", "tools", "tests"].iter().filter(|folder| root.join(folder).is_dir()) {
        read_folder(&root, folder, &mut files);
    }
    files
}

fn read_folder(root: &Path, folder: &str, files: &mut Vec<(String, String)>) {
    let list = fs::read_dir(root.join(folder)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut list = list.expect("a folder of the tree can be listed");
    list.sort_by_key(fs::DirEntry::file_name);
    for entry in list {
        let name = entry.file_name().into_string().expect("names in the tree are UTF-8");
        let path = format!("{folder}/{name}");
        if entry.file_type().expect("the kind of a file is known").is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                read_folder(root, &path, files);
            }
        } else if name.ends_with(".rs") || ["Cargo.toml", "README.md"].contains(&name.as_str()) {
            files.push((path, fs::read_to_string(entry.path()).expect("files of the tree are UTF-8")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn code_below_cfg_test_is_no_product() {
        let lib = "fn a() {} #[cfg(test)] #[allow(x)] mod tests { fn b() {} } #[cfg(test)] mod story; \
                   struct C { #[cfg(test)] d: u8, e: u8 }";
        let found = sources(&[("crates/x/src/lib.rs", lib), ("crates/x/src/story.rs", "fn f() {}")]);
        let is_kept = |name: &&str| found[0].product.iter().any(|token| token.is(name));
        let kept: Vec<&str> = ["a", "b", "story", "d", "e"].into_iter().filter(is_kept).collect();
        assert_eq!(kept, ["a", "e"]);
        assert!(found[1].product.is_empty() && !found[1].tokens.is_empty());
    }
}
