//! The only place with SQL: one Store over SQLite or PostgreSQL.
