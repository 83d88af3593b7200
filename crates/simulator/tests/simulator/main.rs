//! The operator simulator over real sockets, asked in raw HTTP.
#![allow(clippy::unwrap_used)]

mod airalo;
mod china;
mod cisco;
mod control;
mod emnify;
mod esim_go;
mod faults;
mod huawei;
mod kore;
mod load;
mod many;
mod nce;
mod oapi;
mod soracom;
mod support;
mod telnyx;
