//! The server as a whole: what it consists of, how it starts, and how it stops.

mod background;
mod listeners;
mod running;
mod services;
mod store;
mod workers;

pub use running::App;
pub use store::{check_key_file, connect_existing, open_existing_store, open_store};
