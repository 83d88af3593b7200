//! `simgauge card`.
