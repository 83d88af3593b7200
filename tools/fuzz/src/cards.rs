//! Any bytes as a card file.

use simgauge_admin::import::dry_run;

/// Reads the file as an import does.
///
/// # Panics
/// It returns more rows than the file has lines.
pub fn check(bytes: &[u8]) {
    let lanes = ["main".to_owned(), "other".to_owned()];
    if let Ok((good, refused)) = dry_run(bytes, &lanes) {
        let lines = bytes.split(|byte| *byte == b'\n').count();
        assert!(good + refused < lines, "{good} good rows and {refused} refused ones of {lines} lines");
    }
}
