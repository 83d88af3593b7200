//! An embedded store: one SQLite file, one process that serves it.
//!
//! **Connections.** SQLite has one writer at a time, so one connection writes and others read beside it
//! (write-ahead log). A write holds the [`WriterGuard`](writer::WriterGuard). Callers wait in line for
//! it without blocking a thread, at most five seconds. Readers come from a small pool and cannot write. Every
//! connection keeps its prepared statements. A statement of a reader that takes longer than
//! [`READ_LIMIT`](crate::backend::limit::READ_LIMIT) is stopped.
//!
//! **Threads.** A statement runs on the thread that asks. A driver that hands statements and rows from thread
//! to thread costs several times as much as the work itself. On a multi-threaded runtime the thread's other
//! tasks are moved away first (`block_in_place`). The direct writer
//! ([`SqliteTx::connection`](writer::SqliteTx::connection)) does not even do that: accepting, importing
//! and writing results, which use it, have threads of their own.
//!
//! **Disk.** SQLite does not wait for the disk at a commit (`synchronous=NORMAL`). A commit lets the next
//! writer begin and then waits for [`Log::sync`](log::Log::sync), together with all other commits of that
//! time: one `fdatasync` for many. No caller is answered before that. What is synced is the file that SQLite
//! has open. If that is no longer the one at its path, or a sync fails, the store is not trusted any more
//! ([`health`]): nothing is begun or confirmed until [`recovery`] has opened the files again and checked
//! them.
//!
//! **Write-ahead log.** Commits do not write it back into the file, since every caller would wait for that.
//! A background service calls [`checkpoint`](database::SqliteDatabase::checkpoint) beside reads and writes.
//! A commit writes it back only after 262,144 pages without a checkpoint.
//!
//! **Deferred card updates.** Accepting changes the ends of `refresh` and `task` only, and remembers in
//! memory which refresh is a card's latest: see [`DeferredCardUpdates`](deferred::DeferredCardUpdates).

mod backup;
pub(crate) mod check;
pub(crate) mod checkpoint;
pub(crate) mod connection;
pub(crate) mod database;
pub(crate) mod deferred;
pub(crate) mod file;
mod health;
mod limit;
pub(crate) mod log;
pub(crate) mod readers;
mod recovery;
pub(crate) mod statement;
mod tx;
pub(crate) mod writer;
