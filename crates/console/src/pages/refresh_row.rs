//! A refresh as the pages show it.

use crate::view::{Badge, ViewContext, When};
use simgauge_store::RefreshView;
use std::time::Duration;

pub(super) struct RefreshRow {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) account: String,
    pub(super) by: String,
    pub(super) accepted: When,
    pub(super) state: Badge,
    pub(super) took: String,
    pub(super) change: String,
    pub(super) reason: Option<String>,
    pub(super) detail: String,
}

pub(super) fn refresh_row(refresh: &RefreshView, context: ViewContext<'_>) -> RefreshRow {
    let by = match refresh.appkey.strip_prefix("console:") {
        Some(admin) => context.t.fill("refreshes.by_console", &[admin]),
        None => refresh.appkey.clone(),
    };
    RefreshRow {
        id: refresh.id.to_string(),
        number: refresh.number.clone(),
        account: refresh.account.clone(),
        by,
        accepted: context.when(refresh.accepted_at),
        state: context.state(refresh.state),
        took: refresh.finished_at.map(|at| took(at.since(refresh.accepted_at), context)).unwrap_or_default(),
        change: context.change(refresh),
        reason: refresh.failure.as_ref().map(|failure| context.reason(failure)),
        detail: refresh.failure.as_ref().map(|failure| failure.detail.clone()).unwrap_or_default(),
    }
}

fn took(span: Duration, context: ViewContext<'_>) -> String {
    match span.as_millis() {
        0..1_000 => format!("{} ms", span.as_millis()),
        1_000..10_000 => format!("{:.1} s", span.as_secs_f64()),
        _ => context.span(span),
    }
}
