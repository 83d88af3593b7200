//! Any text as an operator definition.

use simgauge_operators::Definition;

/// Reads it like a file of a definitions folder.
///
/// # Panics
/// It is refused without a reason.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Definition::parse("fuzz.toml", text) {
        assert!(!error.to_string().is_empty(), "no reason");
    }
}
