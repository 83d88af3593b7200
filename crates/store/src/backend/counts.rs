//! How many rows each table has.

use super::sql::Sql;

macro_rules! counts {
    ($first:ident $(, $table:ident)+) => {
        Sql::both(concat!(
            "SELECT '", stringify!($first), "', count(*) FROM ", stringify!($first),
            $(" UNION ALL SELECT '", stringify!($table), "', count(*) FROM ", stringify!($table)),+
        ))
    };
}

/// The name and the number of rows of each table.
pub(crate) const COUNTS: Sql = counts!(
    account,
    app,
    card,
    profile,
    refresh,
    task,
    reading,
    suspect_reading,
    unit_change,
    package,
    booking,
    daily,
    fold_progress,
    notification,
    lease,
    lane_pause,
    lane_limit,
    admin,
    session,
    activity,
    audit,
    import_change,
    audit_head
);

#[cfg(test)]
mod tests {
    use super::COUNTS;

    #[test]
    fn every_table_is_counted() {
        let schema = include_str!("../../schema/sqlite.sql");
        let tables = schema.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split([' ', '(']).next());
        for table in tables {
            assert!(COUNTS.sqlite.contains(&format!("'{table}'")), "{table}");
        }
    }
}
