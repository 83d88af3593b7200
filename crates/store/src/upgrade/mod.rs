//! Stores of the first edition, which `migrate --from OLD --to NEW` brings over. What their tables looked
//! like is in `copy/tables.rs`; here is how they are recognised, and what is more than copying.

pub(crate) mod first_edition;
mod notified_state;
