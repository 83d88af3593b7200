//! The operators, one file each: their calls, their answers, their errors.

mod acceleronix;
mod aeris;
mod airalo;
mod alibaba;
mod bics;
mod china_telecom;
mod china_telecom_m2m;
mod cisco;
mod emnify;
mod esim_access;
mod esim_go;
mod hologram;
mod huawei;
mod kore;
mod monogoto;
mod nce;
mod oapi;
mod one_ot;
mod onelink;
mod onomondo;
mod simbase;
mod simboss;
mod soracom;
mod telecom_ticket;
mod telnyx;
mod things_mobile;
mod tuge;
mod unicom;
mod verizon;

use crate::operator::Operator;

/// Every operator, in the order in which they are shown.
static OPERATORS: &[&Operator] = &[
    &cisco::CISCO,
    &nce::NCE,
    &telnyx::TELNYX,
    &soracom::SORACOM,
    &esim_go::ESIM_GO,
    &airalo::AIRALO,
    &simboss::SIMBOSS,
    &onelink::ONE_LINK,
    &emnify::EMNIFY,
    &kore::KORE,
    &huawei::HUAWEI,
    &oapi::OAPI,
    &esim_access::ESIM_ACCESS,
    &hologram::HOLOGRAM,
    &onomondo::ONOMONDO,
    &simbase::SIMBASE,
    &acceleronix::ACCELERONIX,
    &alibaba::ALIBABA,
    &aeris::AERIS,
    &monogoto::MONOGOTO,
    &verizon::VERIZON,
    &unicom::UNICOM,
    &things_mobile::THINGS_MOBILE,
    &china_telecom::CHINA_TELECOM,
    &china_telecom_m2m::CHINA_TELECOM_M2M,
    &one_ot::ONE_OT,
    &bics::BICS,
    &tuge::TUGE,
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|operator| operator.name)
}

pub(crate) fn find(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().copied().find(|operator| operator.name == name)
}
