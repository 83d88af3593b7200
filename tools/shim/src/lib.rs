//! A layer between a process and its system, for `LD_PRELOAD`: README.md.

mod calls;
mod files;
mod record;
mod settings;
