//! Which file of a crate a path leads to, through re-exports. Inline modules count as their file.

use std::collections::HashMap;

use crate::names::{Form, Name};

/// More imports than this one after the other are a circle of them.
const HOPS: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Module(String),
    /// The file with this index defines this name.
    Item(usize, &'a str),
}

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
    pub(crate) fn add(&mut self, path: &str, file: usize, found: &'a [Name<'a>]) {
        let (mut names, mut globs) = (HashMap::new(), Vec::new());
        for name in found {
            match name.form {
                Form::Defined => _ = names.insert(name.segments[0], None),
                Form::Imported("*") | Form::Exported("*") => globs.push(&*name.segments),
                Form::Imported(own) | Form::Exported(own) => {
                    _ = names.entry(own).or_insert(Some(&*name.segments))
                }
                Form::Mentioned => {}
            }
        }
        self.by_path.insert(path.to_owned(), Module { file, names, globs });
    }

    /// `None` for what is no part of the crate.
    pub(crate) fn resolve(&self, from: &str, segments: &[&'a str]) -> Option<Target<'a>> {
        self.follow(from, segments, 0)
    }

    fn follow(&self, from: &str, segments: &[&'a str], hops: usize) -> Option<Target<'a>> {
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
                // What a macro defines is not seen: it belongs to the module that the path names.
                let file = self.by_path.get(module)?.file;
                let leads_on = index + 1 < rest.len();
                self.member(module, name, leads_on, hops).unwrap_or(Target::Item(file, name))
            };
        }
        Some(target)
    }

    fn member(&self, module: &str, name: &'a str, leads_on: bool, hops: usize) -> Option<Target<'a>> {
        let here = self.by_path.get(module).filter(|_| hops < HOPS)?;
        let child = if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        let child = self.by_path.contains_key(&child).then_some(Target::Module(child));
        if leads_on && child.is_some() {
            return child;
        }
        match here.names.get(name) {
            Some(None) => Some(Target::Item(here.file, name)),
            Some(Some(path)) => self.follow(module, path, hops + 1),
            None => child.or_else(|| {
                here.globs.iter().find_map(|glob| match self.follow(module, glob, hops + 1)? {
                    Target::Module(other) => self.member(&other, name, leads_on, hops + 1),
                    Target::Item(..) => None,
                })
            }),
        }
    }
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
            ("a::b", "pub struct C; pub fn d() {}"),
        ];
        let files = files.map(|(path, text)| (path, names(&tokens(text))));
        let mut modules = Modules::default();
        for (index, (path, names)) in files.iter().enumerate() {
            modules.add(path, index, names);
        }
        let resolve =
            |from: &str, path: &'static str| modules.resolve(from, &path.split("::").collect::<Vec<_>>());
        for (path, name) in
            [("crate::C", "C"), ("crate::a::C::new", "C"), ("super::e", "d"), ("self::f", "f")]
        {
            assert_eq!(resolve("a::b", path), Some(Target::Item(2, name)), "{path}");
        }
        assert_eq!(resolve("", "a::b"), Some(Target::Module("a::b".to_owned())));
        assert_eq!(resolve("", "fmt::Display"), None);
    }
}
