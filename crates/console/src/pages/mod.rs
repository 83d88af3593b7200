//! The pages, one file each.

pub(super) mod apps;
pub(super) mod card;
mod card_rows;
pub(super) mod cards;
pub(super) mod import;
mod lane_row;
pub(super) mod login;
pub(super) mod notifications;
pub(super) mod operators;
pub(super) mod overview;
mod refresh_row;
pub(super) mod refreshes;
mod suspect_row;
pub(super) mod suspects;
mod why;
