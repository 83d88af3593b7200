//! Tells open pages that what they show has changed: server-sent events without content. The page then
//! fetches itself, so what it shows is made in one place.

use crate::error::{PageError, PageResult};
use crate::session::is_alive;
use crate::state::ConsoleState;
use crate::visitor::Visitor;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A page that is open for longer connects anew.
const CONNECTION_MAX: Duration = Duration::from_secs(30 * 60);
/// How often the session is checked.
const CHECK_SESSION_EVERY: Duration = Duration::from_secs(20);

/// A number that changes with what is shown.
pub(super) fn digest(of: &impl Hash) -> String {
    // The keys of this hasher are always the same, so that pages of another node compare alike.
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Sends `change` whenever `read` gives another digest than before, at first than `seen`. Sends `end` when
/// the session has ended.
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
        ends_at: Instant::now() + CONNECTION_MAX,
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
            if self.checked_at.elapsed() >= CHECK_SESSION_EVERY {
                self.checked_at = Instant::now();
                if matches!(is_alive(&self.state, &self.session_key).await, Ok(false)) {
                    self.session_key.clear();
                    return Some(event("end"));
                }
            }
            // What cannot be read now is read later; the error was logged.
            if let Ok(digest) = read().await
                && digest != self.seen
            {
                self.seen = digest;
                return Some(event("change"));
            }
            let stopping = &self.state.stopping;
            stopping.run_until_cancelled(tokio::time::sleep(every)).await?;
        }
    }
}

/// An event. Browsers ignore events without data.
fn event(name: &str) -> Event {
    Event::default().event(name).data("1")
}
