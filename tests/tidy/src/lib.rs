//! Checks of the tree that a compiler does not make. README.md lists the rules; `tree` runs them.

// All of it is tests: other builds of the workspace compile nothing here.
#![cfg(test)]

mod cycles;
mod finding;
mod manifests;
mod modules;
mod names;
mod places;
mod scan;
mod size;
mod source;
mod tree;
mod words;
