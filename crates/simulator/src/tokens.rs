//! Log-ins of one operator: tokens that really expire.

use super::sims::{hash, lock};
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// More tokens than this at once are only asked for by something that logs in without end.
const MOST: usize = 10_000;
const BAD_LOGINS_ALLOWED: u32 = 3;
const LOCKED_FOR: Duration = Duration::from_secs(300);

/// The tokens given out and the state of the log-in.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: AtomicU64,
    valid: Mutex<HashMap<String, UnixMs>>,
    door: Mutex<Door>,
}

#[derive(Debug, Default)]
struct Door {
    bad: u32,
    locked_until: Option<UnixMs>,
}

impl Tokens {
    /// A number no other token of this operator has had.
    pub(super) fn next_serial(&self, now: UnixMs) -> u64 {
        let serial = self.issued.fetch_add(1, Ordering::Relaxed);
        hash(&format!("{}/{serial}", now.0))
    }

    /// Makes `token` good for a while.
    pub(super) fn accept(&self, token: &str, now: UnixMs, life: Duration) {
        let mut valid = lock(&self.valid);
        if valid.len() >= MOST {
            valid.retain(|_, end| *end > now);
            if valid.len() >= MOST {
                valid.clear();
            }
        }
        valid.insert(token.to_owned(), now.after(life));
    }

    pub(super) fn is_good(&self, token: &str, now: UnixMs) -> bool {
        lock(&self.valid).get(token).is_some_and(|end| now < *end)
    }

    pub(super) fn forget(&self, token: &str) {
        lock(&self.valid).remove(token);
    }

    /// Notes a wrong password, for operators that lock an account after three.
    pub(super) fn bad_login(&self, now: UnixMs) {
        let mut door = lock(&self.door);
        door.bad += 1;
        if door.bad >= BAD_LOGINS_ALLOWED {
            *door = Door { bad: 0, locked_until: Some(now.after(LOCKED_FOR)) };
        }
    }

    pub(super) fn good_login(&self) {
        *lock(&self.door) = Door::default();
    }

    pub(super) fn is_locked(&self, now: UnixMs) -> bool {
        lock(&self.door).locked_until.is_some_and(|end| now < end)
    }
}
