//! The operators, one file each: their calls, their answers, their errors.

mod airalo;
mod cisco;
mod emnify;
mod esim_go;
mod huawei;
mod kore;
mod nce;
mod oapi;
mod onelink;
mod simboss;
mod soracom;
mod telnyx;

use crate::operator::Operator;

/// Every operator, in the order in which they are shown.
static OPERATORS: &[&dyn Operator] = &[
    &cisco::Cisco,
    &nce::Nce,
    &telnyx::Telnyx,
    &soracom::Soracom,
    &esim_go::EsimGo,
    &airalo::Airalo,
    &simboss::Simboss,
    &onelink::OneLink,
    &emnify::Emnify,
    &kore::Kore,
    &huawei::Huawei,
    &oapi::Oapi,
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|operator| operator.facts().name)
}

pub(crate) fn find(name: &str) -> Option<&'static dyn Operator> {
    OPERATORS.iter().copied().find(|operator| operator.facts().name == name)
}
