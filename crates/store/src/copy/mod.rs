//! Copying a whole store into another one, and backing SQLite up while it is used.
//!
//! The tables and columns are described as data in [`tables`], with the way in which the first edition held
//! them. [`statements`] derives the statements for both editions and both databases, and `run` executes them
//! page by page.

mod backup;
mod check;
mod run;
mod statements;
mod table;
mod tables;

pub use run::CopiedTable;
