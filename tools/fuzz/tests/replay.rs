//! What fuzzing has found and gone through is gone through again.

use simgauge_fuzz::TARGETS;
use std::path::Path;

/// A corpus is there to be replayed in a moment, not to be complete.
const MOST_FILES: usize = 400;
const MOST_BYTES: u64 = 32 * 1024;

#[test]
fn the_corpora_are_replayed() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/corpus");
    for target in TARGETS {
        let mut files = 0;
        for entry in std::fs::read_dir(corpora.join(target.name)).expect("a corpus") {
            let path = entry.expect("file").path();
            let bytes = std::fs::read(&path).expect("file");
            assert!(bytes.len() as u64 <= MOST_BYTES, "{} is too large for a corpus", path.display());
            // Named before it is tried, for the one that ends the process.
            eprintln!("{}", path.display());
            (target.check)(&bytes);
            files += 1;
        }
        assert!((1..=MOST_FILES).contains(&files), "{}: {files} files", target.name);
    }
}
