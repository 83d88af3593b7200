//! The server put together: started with a configuration and a listener, stopped gracefully.

mod background;
mod server;
mod store;

pub use server::App;
pub use store::{open_existing_store, open_store};
