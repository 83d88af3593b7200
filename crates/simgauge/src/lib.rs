//! The refresh button of a SIM platform.
