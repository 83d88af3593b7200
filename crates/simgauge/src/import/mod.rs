//! Cards from a CSV file: what the command line and the console share.

pub(crate) mod cells;
pub(crate) mod check;
pub(crate) mod errors;
pub(crate) mod lines;
pub(crate) mod rows;
pub(crate) mod run;
