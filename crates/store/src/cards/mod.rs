//! Cards and their profiles: looking at them, walking through them, importing them.

pub(crate) mod browse;
pub(crate) mod complete;
pub(crate) mod import;
pub(crate) mod kind;
pub(crate) mod lists;
pub(crate) mod lookup;
pub(crate) mod rows;
pub(crate) mod sample;
pub(crate) mod view;

pub use browse::{CardCursor, CardWalk};
pub use import::{CardChange, ImportRow, Importer, RowError};
pub use lists::CardFilter;
pub use view::{CardView, ProfileView};
