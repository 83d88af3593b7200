//! What the demo adds to the server: simulated operators, cards with a history, test cards, a page about
//! them, and (where it was asked for) a clock that can be moved. `serve` has none of it.

mod controls;
mod history;
mod names;
mod operators;
mod page;
mod routes;
mod seed;
mod signed_calls;
mod state;
mod test_cards;

pub use history::{make_history, restore_usage};
pub use names::{DEMO, EID, ICCID, MORE_CARDS, SECRET};
pub use operators::{operator_accounts, simulated_account};
pub use routes::routes;
pub use seed::seed;
pub use signed_calls::SignedCalls;
pub use state::DemoState;
pub use test_cards::{TEST_CARDS, TestCard};

/// The settings in which the demo differs from the defaults.
pub const DEFAULTS: &str = include_str!("demo.default.toml");
