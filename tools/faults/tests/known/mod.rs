//! What was found, reported and is not mended yet.

/// Nothing else was found, and all of it was. Whoever mends one deletes its line.
pub fn is_only_known(found: &[String], known: &[&str]) {
    let new: Vec<&String> =
        found.iter().filter(|one| !known.iter().any(|known| one.contains(known))).collect();
    assert!(new.is_empty(), "{new:#?}");
    let mended: Vec<&&str> =
        known.iter().filter(|known| !found.iter().any(|one| one.contains(**known))).collect();
    assert!(mended.is_empty(), "not found any more; delete it here: {mended:#?}");
}
