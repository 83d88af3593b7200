//! The log-ins of one operator. Their tokens expire.

use crate::sims::hash;
use crate::sync::lock;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Only a client that logs in without end asks for more tokens at once.
const MAX_TOKENS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: AtomicU64,
    valid: Mutex<HashMap<String, UnixMs>>,
    lockout: Mutex<Lockout>,
}

#[derive(Debug, Default)]
struct Lockout {
    bad_logins: u32,
    locked_until: Option<UnixMs>,
}

impl Tokens {
    /// A number that no other token of this operator has had.
    pub(crate) fn next_serial(&self, now: UnixMs) -> u64 {
        let serial = self.issued.fetch_add(1, Ordering::Relaxed);
        hash(&format!("{}/{serial}", now.0))
    }

    /// Makes `token` good for `life`.
    pub(crate) fn accept(&self, token: &str, now: UnixMs, life: Duration) {
        let mut valid = lock(&self.valid);
        if valid.len() >= MAX_TOKENS {
            valid.retain(|_, end| *end > now);
            if valid.len() >= MAX_TOKENS {
                valid.clear();
            }
        }
        valid.insert(token.to_owned(), now.after(life));
    }

    pub(crate) fn is_good(&self, token: &str, now: UnixMs) -> bool {
        lock(&self.valid).get(token).is_some_and(|end| now < *end)
    }

    pub(crate) fn forget(&self, token: &str) {
        lock(&self.valid).remove(token);
    }

    /// Counts a wrong password, for operators that lock a user out after `most` of them in a row.
    pub(crate) fn bad_login(&self, now: UnixMs, most: u32, locked_for: Duration) {
        let mut lockout = lock(&self.lockout);
        lockout.bad_logins += 1;
        if lockout.bad_logins >= most {
            *lockout = Lockout { bad_logins: 0, locked_until: Some(now.after(locked_for)) };
        }
    }

    pub(crate) fn good_login(&self) {
        *lock(&self.lockout) = Lockout::default();
    }

    pub(crate) fn is_locked(&self, now: UnixMs) -> bool {
        lock(&self.lockout).locked_until.is_some_and(|end| now < end)
    }
}
