//! Kinds of card as rows hold them.

use crate::error::StoreError;
use simgauge_domain::card_kind::CardKind;

pub(crate) fn kind_of(name: &str) -> Result<CardKind, StoreError> {
    CardKind::parse(name).ok_or_else(|| StoreError::Corrupt(format!("card kind {name:?}")))
}
