//! The platform's own packages on cards, and the books.

mod change;
pub(crate) mod rows;

pub use change::{NewPackage, PackageError};
pub use rows::PackageView;
