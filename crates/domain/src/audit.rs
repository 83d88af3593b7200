//! The hash chain of the audit log.
//!
//! Each entry carries the hash of its own fields and of the hash before it. To change, remove or insert an
//! entry, every later hash has to be computed anew. A person who can write to the database can do that. A
//! position that was noted elsewhere (an anchor) shows it.

use crate::time::UnixMs;
use sha2::{Digest as _, Sha256};

/// One action, as the audit log records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The number of the entry: from 1, without gaps.
    pub seq: i64,
    /// When it was done.
    pub at: UnixMs,
    /// Who did it: `cli:USER` or `console:NAME`.
    pub actor: &'a str,
    /// What was done, such as `app.rotate`.
    pub action: &'a str,
    /// The name of the thing it was done to.
    pub subject: &'a str,
    /// Further details; never a secret.
    pub detail: &'a str,
}

impl Entry<'_> {
    /// The entry's hash, as 64 hex digits in lower case: SHA-256 over the hash before it and every field.
    /// Each is preceded by its length in bytes and a colon, so that no two entries give the same bytes.
    #[must_use]
    pub fn hash(&self, previous: &str) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.0.to_string());
        let mut hasher = Sha256::new();
        for field in [previous, &seq, &at, self.actor, self.action, self.subject, self.detail] {
            hasher.update(field.len().to_string());
            hasher.update(b":");
            hasher.update(field);
        }
        hex::encode(hasher.finalize())
    }
}

/// A position in the chain: an entry and its hash. Before the first entry it is 0 and empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainPosition {
    /// The number of the entry.
    pub seq: i64,
    /// Its hash, as 64 hex digits in lower case.
    pub hash: String,
}

/// What is wrong with a chain. Each names the first entry that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainError {
    /// An entry is missing.
    Missing(i64),
    /// The entry, or one before it, was changed.
    Changed(i64),
    /// The entry was never written by this program.
    Inserted(i64),
    /// The chain up to this entry was computed anew: it does not lead to the anchor.
    Rewritten(i64),
}

/// Checks a chain entry by entry, from its beginning.
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    position: ChainPosition,
    anchor: Option<ChainPosition>,
}

impl ChainVerifier {
    /// Begins before the first entry. The chain has to pass through `anchor`, where one was noted.
    #[must_use]
    pub fn new(anchor: Option<ChainPosition>) -> Self {
        Self { position: ChainPosition { seq: 0, hash: String::new() }, anchor }
    }

    /// Begins after an entry whose hash is believed.
    #[must_use]
    pub fn after(position: ChainPosition) -> Self {
        Self { position, anchor: None }
    }

    /// Checks the next entry and the hash that is stored with it.
    ///
    /// # Errors
    /// [`ChainError`]; there is nothing to check beyond it.
    pub fn check_next(&mut self, entry: &Entry<'_>, hash: &str) -> Result<(), ChainError> {
        let expected = self.position.seq + 1;
        if entry.seq < expected {
            return Err(ChainError::Inserted(entry.seq));
        }
        if entry.seq > expected {
            return Err(ChainError::Missing(expected));
        }
        if entry.hash(&self.position.hash) != hash {
            return Err(ChainError::Changed(entry.seq));
        }
        self.position = ChainPosition { seq: entry.seq, hash: hash.to_owned() };
        match &self.anchor {
            Some(anchor) if anchor.seq == entry.seq && anchor.hash != hash => {
                Err(ChainError::Rewritten(entry.seq))
            }
            _ => Ok(()),
        }
    }

    /// The last entry that was checked.
    #[must_use]
    pub fn position(&self) -> &ChainPosition {
        &self.position
    }

    /// Checks that the chain ends at `head`, the position that was stored with the last entry.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn finish(self, head: &ChainPosition) -> Result<ChainPosition, ChainError> {
        let last = self.anchor.as_ref().map_or(head.seq, |anchor| anchor.seq.max(head.seq));
        if self.position.seq < last {
            return Err(ChainError::Missing(self.position.seq + 1));
        }
        if self.position.seq > head.seq {
            return Err(ChainError::Inserted(head.seq + 1));
        }
        if self.position.hash != head.hash {
            return Err(ChainError::Changed(head.seq));
        }
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, detail: &str) -> Entry<'_> {
        Entry {
            seq,
            at: UnixMs(1_800_000_000_000),
            actor: "cli:root",
            action: "app.create",
            subject: "k",
            detail,
        }
    }

    fn chain(details: &[&'static str]) -> Vec<(Entry<'static>, String)> {
        let mut previous = String::new();
        (1..)
            .zip(details)
            .map(|(seq, detail)| {
                let entry = entry(seq, detail);
                previous = entry.hash(&previous);
                (entry, previous.clone())
            })
            .collect()
    }

    fn verify(
        chain: &[(Entry<'static>, String)],
        head: &ChainPosition,
        anchor: Option<ChainPosition>,
    ) -> Result<ChainPosition, ChainError> {
        let mut verifier = ChainVerifier::new(anchor);
        for (entry, hash) in chain {
            verifier.check_next(entry, hash)?;
        }
        verifier.finish(head)
    }

    /// The expected hash was computed with Python's hashlib.
    #[test]
    fn vector() {
        assert_eq!(
            entry(1, "账户 acme").hash(""),
            "188eb81185ca02dbc310a17cac1513734c5e01b10e72b49a7e85981b4d31e8b7"
        );
    }

    #[test]
    fn every_kind_of_tampering_is_seen() {
        let good = chain(&["a", "b", "c"]);
        let anchor = |at: usize| ChainPosition { seq: good[at].0.seq, hash: good[at].1.clone() };
        let head = anchor(2);
        assert_eq!(verify(&good, &head, None), Ok(head.clone()));
        assert_eq!(verify(&good, &head, Some(anchor(1))), Ok(head.clone()));
        assert_eq!(verify(&[], &ChainPosition { seq: 0, hash: String::new() }, None).map(|at| at.seq), Ok(0));

        let mut changed = good.clone();
        changed[1].0.detail = "x";
        assert_eq!(verify(&changed, &head, None), Err(ChainError::Changed(2)));
        let without = |at: usize| [&good[..at], &good[at + 1..]].concat();
        assert_eq!(verify(&without(0), &head, None), Err(ChainError::Missing(1)));
        assert_eq!(verify(&without(1), &head, None), Err(ChainError::Missing(2)));
        assert_eq!(verify(&without(2), &head, None), Err(ChainError::Missing(3)));
        let longer = chain(&["a", "b", "c", "d"]);
        assert_eq!(verify(&longer, &head, None), Err(ChainError::Inserted(4)));
        let twice = [&good[..2], &good[1..]].concat();
        assert_eq!(verify(&twice, &head, None), Err(ChainError::Inserted(2)));

        // A chain that was computed anew as a whole is sound in itself. Only the anchor shows it.
        let anew = chain(&["a", "x", "c"]);
        let head = ChainPosition { seq: 3, hash: anew[2].1.clone() };
        assert!(verify(&anew, &head, None).is_ok());
        assert_eq!(verify(&anew, &head, Some(anchor(1))), Err(ChainError::Rewritten(2)));
        let cut = ChainPosition { seq: 1, hash: anew[0].1.clone() };
        assert_eq!(verify(&anew[..1], &cut, Some(anchor(1))), Err(ChainError::Missing(2)));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let one = Entry { actor: "ab", action: "c", ..entry(1, "") };
        let other = Entry { actor: "a", action: "bc", ..entry(1, "") };
        assert_ne!(one.hash(""), other.hash(""));
    }
}
