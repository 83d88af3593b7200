#![doc = include_str!("../README.md")]

pub mod human;
pub mod import;
pub mod password;
