//! Every route of the console.

use crate::assets::asset;
use crate::error::PageError;
use crate::list;
use crate::pages::apps::{self, AppList};
use crate::pages::cards::{self, CardList};
use crate::pages::notifications::{self, NotificationList};
use crate::pages::operators::{self, LaneList};
use crate::pages::refreshes::{self, RefreshList};
use crate::pages::suspects::{self, SuspectList};
use crate::pages::{card, import, login, overview};
use crate::state::ConsoleState;
use crate::surround::surround;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};

/// Largest form, in bytes; files have a limit of their own.
const FORM_MAX: usize = 64 * 1024;

/// The console.
pub fn router(state: ConsoleState) -> Router {
    Router::new()
        .route("/console", get(overview::page))
        .route("/console/events", get(overview::events))
        .route("/console/login", get(login::page).post(login::log_in))
        .route("/console/logout", post(login::log_out))
        .route("/console/preferences", post(login::set_preferences))
        .route("/console/cards", get(cards::page))
        .route("/console/cards.csv", get(list::export::<CardList>))
        .route("/console/cards/{number}", get(card::page))
        .route("/console/cards/{number}/events", get(card::events))
        .route("/console/cards/{number}/refresh", post(card::refresh))
        .route("/console/cards/{number}/suspects/{decision}", post(card::decide_suspect))
        .route("/console/cards/{number}/reverse-period", post(card::reverse_period))
        .route("/console/cards/{number}/readings.csv", get(card::export_readings))
        .route("/console/refreshes", get(refreshes::page))
        .route("/console/refreshes/events", get(list::events::<RefreshList>))
        .route("/console/refreshes.csv", get(list::export::<RefreshList>))
        .route("/console/suspects", get(suspects::page))
        .route("/console/suspects.csv", get(list::export::<SuspectList>))
        .route("/console/suspects/{decision}", post(suspects::decide))
        .route("/console/suspects/{decision}/lane", post(suspects::decide_lane))
        .route("/console/operators", get(operators::page))
        .route("/console/operators/events", get(list::events::<LaneList>))
        .route("/console/operators.csv", get(list::export::<LaneList>))
        .route("/console/operators/{lane}/pause", post(operators::pause))
        .route("/console/operators/{lane}/resume", post(operators::resume))
        .route("/console/operators/{lane}/retry", post(operators::retry))
        .route("/console/apps", get(apps::page).post(apps::create))
        .route("/console/apps.csv", get(list::export::<AppList>))
        .route("/console/apps/{appkey}/rotate", post(apps::rotate))
        .route("/console/apps/{appkey}/disable", post(apps::disable))
        .route("/console/apps/{appkey}/enable", post(apps::enable))
        .route("/console/notifications", get(notifications::page))
        .route("/console/notifications.csv", get(list::export::<NotificationList>))
        .route("/console/notifications/{id}/replay", post(notifications::replay))
        .route("/console/notifications/replay-dead", post(notifications::replay_dead))
        .route("/console/import/{id}", get(import::job).post(import::start))
        .route("/console/import/{id}/events", get(import::events))
        .route("/console/import/{id}/errors.csv", get(import::errors))
        .route("/console/{*rest}", get(async || PageError::NotFound))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        // Its body is a file, whose size the handler counts.
        .route("/console/import", get(import::page).post(import::upload).layer(DefaultBodyLimit::disable()))
        .layer(from_fn_with_state(state.clone(), surround))
        .route("/console/", get(async || Redirect::permanent("/console")))
        .route("/console/assets/{version}/{name}", get(asset))
        .with_state(state)
}
