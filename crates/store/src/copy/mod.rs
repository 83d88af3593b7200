//! Copying a whole store into another one, and backing SQLite up while it is used.
//!
//! What is copied is data: [`tables`] says which tables there are with which columns, and how the first
//! edition held them. [`statements`] makes of it the statements for both editions and both databases, and
//! `run` executes them page by page.

mod backup;
mod check;
mod run;
mod statements;
mod table;
mod tables;

pub use run::CopiedTable;
