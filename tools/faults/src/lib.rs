//! Trials from outside: README.md.

pub mod audit;
pub mod clock;
pub mod disk;
pub mod hostile;
pub mod load;
pub mod points;
pub mod power;
pub mod record;
pub mod trial;
pub mod world;
