//! Which file of a crate a path leads to, through re-exports.

use std::collections::HashMap;

use crate::names::{Form, Name};

/// More re-exports than this in a row are a circle of them.
const HOPS: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Module(String),
    /// Something that the file with this index defines.
    Item(usize),
}

#[derive(Default)]
struct Module<'a> {
    file: usize,
    /// `None` for what is defined here, the path for what is imported.
    names: HashMap<&'a str, Option<&'a [&'a str]>>,
    globs: Vec<&'a [&'a str]>,
}

/// The modules of one crate by path, `a::b`; the root is the empty path.
#[derive(Default)]
pub(crate) struct Modules<'a> {
    by_path: HashMap<String, Module<'a>>,
}

impl<'a> Modules<'a> {
    pub(crate) fn add(&mut self, path: &str, file: usize, names: &'a [Name<'a>]) {
        self.by_path.entry(path.to_owned()).or_default().file = file;
        for name in names {
            let path = name.within.iter().fold(path.to_owned(), |path, inner| child(&path, inner));
            let module = self.by_path.entry(path).or_default();
            module.file = file;
            match name.form {
                Form::Defined => _ = module.names.insert(name.segments[0], None),
                Form::Imported("*") | Form::Exported("*") => module.globs.push(&name.segments),
                Form::Imported(as_name) | Form::Exported(as_name) => {
                    module.names.entry(as_name).or_insert(Some(&name.segments));
                }
                Form::Mentioned => {}
            }
        }
    }

    /// `None` for what is no part of the crate.
    pub(crate) fn resolve(&self, from: &str, segments: &[&str]) -> Option<Target> {
        self.follow(from, segments, 0)
    }

    fn follow(&self, from: &str, segments: &[&str], hops: usize) -> Option<Target> {
        let (first, rest) = segments.split_first().filter(|_| hops < HOPS)?;
        let mut target = match *first {
            "crate" => Target::Module(String::new()),
            "self" => Target::Module(from.to_owned()),
            "super" => Target::Module(parent(from)),
            name => self.member(from, name, !rest.is_empty(), hops)?,
        };
        for (index, name) in rest.iter().enumerate() {
            let Target::Module(module) = &target else { break };
            target = if *name == "super" {
                Target::Module(parent(module))
            } else {
                let leads_on = index + 1 < rest.len();
                // A name that a macro makes is not seen; its module is known.
                let file = self.by_path.get(module)?.file;
                self.member(module, name, leads_on, hops).unwrap_or(Target::Item(file))
            };
        }
        Some(target)
    }

    fn member(&self, module: &str, name: &str, leads_on: bool, hops: usize) -> Option<Target> {
        let here = self.by_path.get(module).filter(|_| hops < HOPS)?;
        let inner = child(module, name);
        let inner = self.by_path.contains_key(&inner).then_some(Target::Module(inner));
        if leads_on && inner.is_some() {
            return inner;
        }
        match here.names.get(name) {
            Some(None) => Some(Target::Item(here.file)),
            Some(Some(path)) => self.follow(module, path, hops + 1),
            None => inner.or_else(|| {
                here.globs.iter().find_map(|glob| match self.follow(module, glob, hops + 1)? {
                    Target::Module(other) => self.member(&other, name, leads_on, hops + 1),
                    Target::Item(_) => None,
                })
            }),
        }
    }
}

pub(crate) fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

fn parent(path: &str) -> String {
    path.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Modules, Target};
    use crate::names::names;
    use crate::scan::tokens;

    #[test]
    fn a_path_is_followed_to_the_file_that_defines_its_name() {
        let files = [
            ("", "mod a; pub use a::C; use std::fmt;"),
            ("a", "mod b; pub use b::*; pub(crate) use self::b::d as e;"),
            ("a::b", "pub struct C; pub fn d() {} mod inner { pub fn f() {} }"),
        ];
        let files = files.map(|(path, text)| (path, names(&tokens(text))));
        let mut modules = Modules::default();
        for (index, (path, names)) in files.iter().enumerate() {
            modules.add(path, index, names);
        }
        let resolve = |from: &str, path: &str| modules.resolve(from, &path.split("::").collect::<Vec<_>>());
        for path in ["crate::C", "crate::a::C::new", "crate::a::e", "super::super::a::b::inner::f"] {
            assert_eq!(resolve("a::b", path), Some(Target::Item(2)), "{path}");
        }
        assert_eq!(resolve("", "a::b"), Some(Target::Module("a::b".to_owned())));
        assert_eq!(resolve("", "fmt::Display"), None);
    }
}
