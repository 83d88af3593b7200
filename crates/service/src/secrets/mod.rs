//! Secrets of apps, sealed at rest.

mod key_file;
mod random;
pub mod rotation;
mod sealer;

pub use random::{new_appkey, new_secret};
pub use sealer::{KEY_VARIABLE, Sealer};
