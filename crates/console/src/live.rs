//! Telling open pages that what they show has changed: server-sent events that carry no content. The page fetches itself then,
//! so that what it shows is made in one place.

use crate::page::{PageError, PageResult};
use crate::session::Visitor;
use crate::state::ConsoleState;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A page that is looked at for longer connects anew.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// How often it is made sure that somebody is still logged in.
const LOGGED_IN_EVERY: Duration = Duration::from_secs(20);

/// A number that changes with what is shown.
pub(super) fn digest(of: &impl Hash) -> String {
    // The keys of this hasher are always the same, so that pages of another node compare alike.
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Sends `change` whenever `look` answers something other than before (at first: than `seen`), and `end` when nobody is logged
/// in any more.
pub(super) fn changes<F>(
    state: &ConsoleState,
    visitor: &Arc<Visitor>,
    seen: &str,
    every: Duration,
    read: impl Fn() -> F + Send + Sync + 'static,
) -> PageResult
where
    F: Future<Output = PageResult<String>> + Send,
{
    let permit = Arc::clone(&state.live).try_acquire_owned().map_err(|_| PageError::Busy)?;
    let watch = Watch {
        state: state.clone(),
        session_key: visitor.session_key.clone(),
        seen: seen.to_owned(),
        ends_at: Instant::now() + LONGEST,
        checked_at: Instant::now(),
        _permit: permit,
    };
    let events = stream::unfold((watch, read), move |(mut watch, read)| async move {
        let event = watch.next(every, &read).await?;
        Some((Ok::<_, Infallible>(event), (watch, read)))
    });
    let response: Response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    Ok(response)
}

struct Watch {
    state: ConsoleState,
    session_key: String,
    seen: String,
    ends_at: Instant,
    checked_at: Instant,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Watch {
    async fn next<F>(&mut self, every: Duration, read: &impl Fn() -> F) -> Option<Event>
    where
        F: Future<Output = PageResult<String>>,
    {
        loop {
            if self.session_key.is_empty() || Instant::now() >= self.ends_at {
                return None;
            }
            if self.checked_at.elapsed() >= LOGGED_IN_EVERY {
                self.checked_at = Instant::now();
                if matches!(is_alive(&self.state, &self.session_key).await, Ok(false)) {
                    self.session_key.clear();
                    return Some(told("end"));
                }
            }
            // What cannot be looked at now is looked at later.
            if let Ok(digest) = read().await
                && digest != self.seen
            {
                self.seen = digest;
                return Some(told("change"));
            }
            let stopping = &self.state.stopping;
            stopping.run_until_cancelled(tokio::time::sleep(every)).await?;
        }
    }
}

/// An event; browsers pass over those without data.
fn told(what: &str) -> Event {
    Event::default().event(what).data("1")
}

/// Whether a session lives. Looking at an open page is no sign of life of a person.
async fn is_alive(state: &ConsoleState, key: &str) -> PageResult<bool> {
    Ok(state.services.store.session(key).await?.is_some_and(|session| {
        let now = state.services.clock.now();
        now.since(session.seen_at) < state.idle() && now.since(session.created_at) < state.longest()
    }))
}
