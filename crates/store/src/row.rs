//! Structs read from rows, column by column, from either database. The drivers' own derive would build both of them once more, for
//! the compiler's machine, which whoever builds this waits for.

/// A row as SQLite gives it where it is asked directly.
pub(crate) trait HotRow: Sized {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self>;
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

        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $name {
            fn from_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self { $($column: row.try_get(stringify!($column))?),+ })
            }
        }

        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self { $($column: row.try_get(stringify!($column))?),+ })
            }
        }

        impl $crate::row::HotRow for $name {
            fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($column: row.get(stringify!($column))?),+ })
            }
        }
    };
}
pub(crate) use row;
