//! What the fuzz targets do with their bytes, as ordinary functions. The targets in `targets/` call them, and
//! the tests here replay the targets' corpora with them, on every toolchain.

pub mod answers;
pub mod canonical;
pub mod cards;
pub mod definitions;
pub mod naive;

#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its file in `targets/fuzz_targets` and of its folder in `targets/corpus`.
    pub name: &'static str,
    /// Panics where something is wrong.
    pub check: fn(&[u8]),
}

pub const TARGETS: [Target; 4] = [
    Target { name: "canonical", check: canonical::check },
    Target { name: "answers", check: answers::check },
    Target { name: "cards", check: cards::check },
    Target { name: "definitions", check: definitions::check },
];
