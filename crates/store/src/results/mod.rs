//! Results of lanes: readings that are under way, postponed, or ended.

pub(crate) mod book;
pub(crate) mod card;
pub(crate) mod guards;
pub(crate) mod memories;
pub(crate) mod model;
pub(crate) mod notify;
pub(crate) mod rows;
pub(crate) mod set_aside;
pub(crate) mod sql;
pub(crate) mod suspects;
pub(crate) mod warn;
pub(crate) mod write;

pub use model::{Ended, Finished, LaneResults};
