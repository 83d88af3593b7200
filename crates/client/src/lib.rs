//! Typed async client of the open API.
