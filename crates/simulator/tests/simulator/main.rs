//! The operator simulator over real sockets, asked in raw HTTP.
#![allow(clippy::unwrap_used)]

mod acceleronix;
mod aeris;
mod airalo;
mod alibaba;
mod bics;
mod china;
mod china_telecom;
mod cisco;
mod control;
mod emnify;
mod esim_access;
mod esim_go;
mod faults;
mod hologram;
mod huawei;
mod kore;
mod load;
mod many;
mod monogoto;
mod nce;
mod oapi;
mod one_ot;
mod onomondo;
mod simbase;
mod soracom;
mod support;
mod telnyx;
mod things_mobile;
mod tuge;
mod unicom;
mod verizon;
