//! The chain that an audit's entries form: each carries the hash of itself and of the hash before it, so that whoever changes, removes
//! or inserts one has to make every later hash anew. Who can write to the database can do that, too; a hash that was kept
//! elsewhere (an [`Anchor`]) shows it.

use crate::time::UnixMs;
use sha2::{Digest as _, Sha256};

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// From 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: UnixMs,
    /// Who: `cli:USER` or `console:NAME`.
    pub actor: &'a str,
    /// What, such as `app.rotate`.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// What else there is to say; never a secret.
    pub detail: &'a str,
}

impl Entry<'_> {
    /// The entry's hash, as 64 hex digits: SHA-256 over the hash before it and every field, each with its length before it, so that
    /// no two entries are written alike.
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

/// Where the chain stood once, noted elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The entry.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// An entry is missing.
    Missing(i64),
    /// An entry, or one before it, is not what was written.
    Changed(i64),
    /// An entry is there that was never written.
    Inserted(i64),
    /// Up to this entry the chain was made anew: it does not lead to the anchor.
    Rewritten(i64),
}

/// Follows a chain from its beginning.
#[derive(Clone, Debug)]
pub struct Walk {
    at: Anchor,
    anchor: Option<Anchor>,
}

impl Walk {
    /// Begins before the first entry.
    #[must_use]
    pub fn begin(anchor: Option<Anchor>) -> Self {
        Self { at: Anchor { seq: 0, hash: String::new() }, anchor }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`Broken`]: the chain ends here.
    pub fn follow(&mut self, entry: &Entry<'_>, hash: &str) -> Result<(), Broken> {
        let expected = self.at.seq + 1;
        if entry.seq < expected {
            return Err(Broken::Inserted(entry.seq));
        }
        if entry.seq > expected {
            return Err(Broken::Missing(expected));
        }
        if entry.hash(&self.at.hash) != hash {
            return Err(Broken::Changed(entry.seq));
        }
        self.at = Anchor { seq: entry.seq, hash: hash.to_owned() };
        match &self.anchor {
            Some(anchor) if anchor.seq == entry.seq && anchor.hash != hash => {
                Err(Broken::Rewritten(entry.seq))
            }
            _ => Ok(()),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> &Anchor {
        &self.at
    }

    /// Ends at the head that was noted with the last entry.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn end(self, head: &Anchor) -> Result<Anchor, Broken> {
        let last = self.anchor.as_ref().map_or(head.seq, |anchor| anchor.seq.max(head.seq));
        if self.at.seq < last {
            return Err(Broken::Missing(self.at.seq + 1));
        }
        if self.at.seq > head.seq {
            return Err(Broken::Inserted(head.seq + 1));
        }
        if self.at.hash != head.hash {
            return Err(Broken::Changed(head.seq));
        }
        Ok(self.at)
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

    fn walk(
        chain: &[(Entry<'static>, String)],
        head: &Anchor,
        anchor: Option<Anchor>,
    ) -> Result<Anchor, Broken> {
        let mut walk = Walk::begin(anchor);
        for (entry, hash) in chain {
            walk.follow(entry, hash)?;
        }
        walk.end(head)
    }

    /// Checked with Python's hashlib.
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
        let anchor = |at: usize| Anchor { seq: good[at].0.seq, hash: good[at].1.clone() };
        let head = anchor(2);
        assert_eq!(walk(&good, &head, None), Ok(head.clone()));
        assert_eq!(walk(&good, &head, Some(anchor(1))), Ok(head.clone()));
        assert_eq!(walk(&[], &Anchor { seq: 0, hash: String::new() }, None).map(|at| at.seq), Ok(0));

        let mut changed = good.clone();
        changed[1].0.detail = "x";
        assert_eq!(walk(&changed, &head, None), Err(Broken::Changed(2)));
        let without = |at: usize| [&good[..at], &good[at + 1..]].concat();
        assert_eq!(walk(&without(0), &head, None), Err(Broken::Missing(1)));
        assert_eq!(walk(&without(1), &head, None), Err(Broken::Missing(2)));
        assert_eq!(walk(&without(2), &head, None), Err(Broken::Missing(3)));
        let longer = chain(&["a", "b", "c", "d"]);
        assert_eq!(walk(&longer, &head, None), Err(Broken::Inserted(4)));
        let twice = [&good[..2], &good[1..]].concat();
        assert_eq!(walk(&twice, &head, None), Err(Broken::Inserted(2)));

        // Made anew as a whole, it holds in itself; only the anchor tells.
        let anew = chain(&["a", "x", "c"]);
        let head = Anchor { seq: 3, hash: anew[2].1.clone() };
        assert!(walk(&anew, &head, None).is_ok());
        assert_eq!(walk(&anew, &head, Some(anchor(1))), Err(Broken::Rewritten(2)));
        let cut = Anchor { seq: 1, hash: anew[0].1.clone() };
        assert_eq!(walk(&anew[..1], &cut, Some(anchor(1))), Err(Broken::Missing(2)));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let one = Entry { actor: "ab", action: "c", ..entry(1, "") };
        let other = Entry { actor: "a", action: "bc", ..entry(1, "") };
        assert_ne!(one.hash(""), other.hash(""));
    }
}
