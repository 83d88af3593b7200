//! Reading rows of either database. The drivers' own derives would build every struct twice more, and be
//! waited for in every build.

use crate::error::StoreError;
use rusqlite::types::FromSql;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};

/// One row as a driver gives it.
pub(crate) enum Columns<'r, 's> {
    Sqlite(&'r rusqlite::Row<'s>),
    Postgres(&'r PgRow),
}

/// What a column can be read as.
pub(crate) trait Column: FromSql + Type<Postgres> + for<'r> Decode<'r, Postgres> {}

impl<T: FromSql + Type<Postgres> + for<'r> Decode<'r, Postgres>> Column for T {}

impl Columns<'_, '_> {
    pub(crate) fn named<T: Column>(&self, name: &str) -> Result<T, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(name)?,
            Self::Postgres(row) => row.try_get(name)?,
        })
    }

    pub(crate) fn at<T: Column>(&self, index: usize) -> Result<T, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(index)?,
            Self::Postgres(row) => row.try_get(index)?,
        })
    }
}

/// What a row can be read as: a [`row!`] struct, a tuple in the columns' order, or the value of its only
/// column.
pub(crate) trait Row: Sized + Send + Unpin {
    fn read(columns: &Columns<'_, '_>) -> Result<Self, StoreError>;
}

/// Defines a struct whose fields are the columns of the same names.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$about:meta])* $seen:vis $column:ident: $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$about])* $seen $column: $type),+
        }

        impl $crate::backend::Row for $name {
            fn read(columns: &$crate::backend::Columns<'_, '_>) -> Result<Self, $crate::error::StoreError> {
                Ok(Self { $($column: columns.named(stringify!($column))?),+ })
            }
        }
    };
}
pub(crate) use row;

macro_rules! values {
    ($($type:ty),+) => {
        $(impl Row for $type {
            fn read(columns: &Columns<'_, '_>) -> Result<Self, StoreError> {
                columns.at(0)
            }
        })+
    };
}

values!(i64, Option<i64>, String, Option<String>);

macro_rules! tuples {
    ($(($($type:ident $index:literal),+))+) => {
        $(impl<$($type: Column + Send + Unpin),+> Row for ($($type,)+) {
            fn read(columns: &Columns<'_, '_>) -> Result<Self, StoreError> {
                Ok(($(columns.at::<$type>($index)?,)+))
            }
        })+
    };
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}
