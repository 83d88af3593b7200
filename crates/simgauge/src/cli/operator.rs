//! `simgauge operator`.
