//! What a new definition begins with.

/// The text of a definition that compiles, with comments on what to change, and of its fixtures. `name` is
/// one that a definition may have.
#[must_use]
pub fn skeleton(name: &str) -> (String, String) {
    let named = |text: &str| text.replace("NAME", name);
    (named(include_str!("../skeleton/definition.toml")), named(include_str!("../skeleton/fixture.toml")))
}
