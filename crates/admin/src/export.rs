//! The export of cards as a CSV file that an import takes.

use crate::administration::Administration;
use crate::error::AdminError;
use crate::import::{COLUMNS, guard_formula};
use simgauge_domain::card_kind::CardKind;
use simgauge_store::{CardView, ProfileView};
use std::io::{BufWriter, Write};

/// Cards read at a time.
const PAGE: i64 = 2_000;

/// What an export wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportedCards {
    pub cards: u64,
    /// One for each profile.
    pub rows: u64,
}

impl Administration {
    /// Writes every card as CSV, or every card of one account.
    ///
    /// # Errors
    /// The account does not exist, `to` takes nothing more, or the store failed.
    pub async fn export_cards(
        &self,
        account: Option<&str>,
        to: impl Write,
    ) -> Result<ExportedCards, AdminError> {
        self.require_account(account).await?;
        let mut writer = csv::Writer::from_writer(BufWriter::with_capacity(256 * 1024, to));
        writer.write_record(COLUMNS).map_err(AdminError::Output)?;
        let mut exported = ExportedCards::default();
        let mut after = String::new();
        loop {
            let page = self.store.cards_after(account, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.number);
            for card in &page {
                exported.cards += 1;
                for profile in &card.profiles {
                    exported.rows += 1;
                    let cells = record(card, profile).map(guard_formula);
                    writer.write_record(cells.iter().map(AsRef::as_ref)).map_err(AdminError::Output)?;
                }
            }
        }
        writer.flush().map_err(|error| AdminError::Output(error.into()))?;
        Ok(exported)
    }
}

/// A row; its cells are in the order of [`COLUMNS`].
fn record<'a>(card: &'a CardView, profile: &'a ProfileView) -> [&'a str; COLUMNS.len()] {
    let (iccid, eid, profile_iccid) = match card.kind {
        CardKind::CloudEsim => (profile.iccid.as_str(), card.number.as_str(), ""),
        CardKind::Sim if profile.iccid == card.number => (card.number.as_str(), "", ""),
        CardKind::Sim => (card.number.as_str(), "", profile.iccid.as_str()),
    };
    [iccid, eid, &card.account, &profile.operator_account, &card.status, &card.label, profile_iccid]
}
