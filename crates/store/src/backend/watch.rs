//! Which statements a process uses, for tests that look at how the databases would run them.

use super::sql::Param;
use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Is given the dialect (`sqlite` or `postgres`), the text and, on PostgreSQL, the parameters' types of each
/// statement when it is used first.
type Watch = Box<dyn Fn(&'static str, &str, &[&'static str]) + Send + Sync>;

static WATCH: OnceLock<Watch> = OnceLock::new();
static SEEN: Mutex<Option<HashSet<(&'static str, String)>>> = Mutex::new(None);

/// Watches the statements of this process from now on. Only the first watch counts.
pub fn watch_statements(watch: impl Fn(&'static str, &str, &[&'static str]) + Send + Sync + 'static) {
    // Somebody else's watch does the same.
    let _ = WATCH.set(Box::new(watch));
}

/// Tells the watch of a statement.
pub(crate) fn used(dialect: &'static str, text: &str, params: &[Param<'_>]) {
    let Some(watch) = WATCH.get() else { return };
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = seen.get_or_insert_default().insert((dialect, text.to_owned()));
    drop(seen);
    if is_new {
        let types: Vec<&'static str> = params.iter().map(type_of).collect();
        watch(dialect, text, &types);
    }
}

const fn type_of(param: &Param<'_>) -> &'static str {
    match param {
        Param::Int(_) => "bigint",
        Param::Text(_) => "text",
        Param::Blob(_) => "bytea",
    }
}
