//! The console over real sockets: who gets in, who may act, and that nothing that people type runs anywhere.

mod acts;
pub mod browser;
mod doors;
mod lists;
mod proxies;
mod suspects;
