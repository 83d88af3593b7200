//! What the demo has beside the server: a simulated operator world, cards with a past, test cards, a page
//! about them, and where it was asked for a clock that can be moved. `serve` has none of it.

mod call;
mod cards;
mod furnish;
mod operators;
mod past;
mod routes;

pub use call::SignedCalls;
pub use cards::{EID, ICCID, MORE_CARDS, TEST_CARDS, TestCard};
pub use furnish::furnish;
pub use operators::{operator_accounts, simulated_account};
pub use past::{live_through, resume};
pub use routes::{DemoRoutes, routes};

/// The account and the appkey of the demo.
pub const DEMO: &str = "demo";
/// The secret of the demo's app.
pub const SECRET: &str = "demo-secret";
/// What the demo sets differently from the defaults.
pub const DEFAULTS: &str = include_str!("demo.default.toml");
