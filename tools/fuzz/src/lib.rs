//! What the fuzz targets do with their bytes, as ordinary functions: the targets in `fuzz/` call them, and the tests here replay the
//! targets' corpora with them, on every toolchain.

pub mod answers;
pub mod canonical;
pub mod cards;
pub mod definitions;
pub mod naive;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// What it does with its bytes; panics where something is wrong.
    pub check: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 4] = [
    Target { name: "canonical", check: canonical::check },
    Target { name: "answers", check: answers::check },
    Target { name: "cards", check: cards::check },
    Target { name: "definitions", check: definitions::check },
];
