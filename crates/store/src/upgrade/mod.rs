//! Stores of the first edition, which `migrate --from OLD --to NEW` brings over. What their tables looked
//! like is in `copy/tables.rs`. Here is how they are recognised, and the steps beside copying.

pub(crate) mod first_edition;
mod notified_state;
