//! Readings that are not believed, and new periods that were only assumed: what a person decides.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::ids::ProfileId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Decision, SuspectFilter, SuspectPlace, SuspectView};

/// Suspect readings decided at once.
const PAGE: i64 = 500;

/// A period that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReversedPeriod {
    /// The profile's ICCID.
    pub iccid: String,
    /// What was booked to put it right; negative where bytes were taken back.
    pub bytes: i64,
}

impl Administration {
    /// At most `limit` suspect readings that wait, by operator account and time, after one of them.
    ///
    /// # Errors
    /// The store failed.
    pub async fn waiting_suspects(
        &self,
        filter: &SuspectFilter,
        after: Option<&SuspectPlace>,
        limit: i64,
    ) -> Result<Vec<SuspectView>, AdminError> {
        Ok(self.store.waiting_suspects(filter, after, limit).await?)
    }

    /// Has suspect readings booked (`accept`) or dropped; answers how many. With those of a whole operator
    /// account, a change of its unit is accepted or rejected, too: its other cards are read as before.
    ///
    /// # Errors
    /// The store failed; what was done until then stays done.
    pub async fn decide_suspects(&self, filter: &SuspectFilter, accept: bool) -> Result<u64, AdminError> {
        let mut lanes = Vec::from_iter(filter.lane.clone());
        let mut decided = 0;
        let mut last: Option<SuspectPlace> = None;
        loop {
            let page = self.store.waiting_suspects(filter, last.as_ref(), PAGE).await?;
            let Some(end) = page.last().map(SuspectView::place) else { break };
            for one in page {
                decided += u64::from(self.decide_suspect(one.profile, one.began_at, accept).await?);
                if !lanes.contains(&one.operator_account) {
                    lanes.push(one.operator_account);
                }
            }
            last = Some(end);
        }
        if filter.card.is_none() {
            for lane in lanes {
                self.store.decide_unit_change(&lane, accept, &self.actor.to_string(), self.now()).await?;
            }
        }
        Ok(decided)
    }

    /// Has the suspect reading of a profile that began then booked or dropped; `false` where it no longer
    /// waits.
    ///
    /// # Errors
    /// The store failed.
    pub async fn decide_suspect(
        &self,
        profile: ProfileId,
        began_at: UnixMs,
        accept: bool,
    ) -> Result<bool, AdminError> {
        let decision = if accept { Decision::Accept } else { Decision::Reject };
        let by = self.actor.to_string();
        Ok(self.store.decide_suspect(profile, began_at, decision, Some(&by), self.now()).await?)
    }

    /// Takes back the new periods that were assumed on a card's profiles.
    ///
    /// # Errors
    /// The card does not exist.
    pub async fn reverse_assumed_periods(&self, card: &str) -> Result<Vec<ReversedPeriod>, AdminError> {
        let mut reversed = Vec::new();
        for profile in self.card(card).await?.profiles {
            if let Some(bytes) = self.store.reverse_assumed_period(profile.id, self.now()).await? {
                reversed.push(ReversedPeriod { iccid: profile.iccid, bytes });
            }
        }
        Ok(reversed)
    }
}
