//! Taking back a new period that was only assumed.

use super::decide::locked_card;
use crate::backend::{Sql, Tx as _, to_json};
use crate::error::StoreError;
use crate::refreshes::tasks::TaskKey;
use crate::results::book::Booked;
use crate::results::card::Cards;
use crate::results::model::Finished;
use crate::results::write::write_booked;
use crate::store::Store;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::ProfileId;
use simgauge_domain::metering::rejoin::rejoin_by_last;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;

/// Readings of the period that were folded into days cannot be told apart any more.
const FOLDED: Sql =
    Sql::both("SELECT cycle FROM daily WHERE card = $1 AND profile = $2 AND cycle = $3 LIMIT 1");

impl Store {
    /// Takes back a new period that was assumed since the usage fell: the operator's count went on, and what
    /// it shows less is a correction. Answers the difference that was booked; nothing where no period is
    /// assumed, or where its readings were folded into days.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn reverse_assumed_period(
        &self,
        profile: ProfileId,
        now: UnixMs,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.db.write().await?;
        let Some((card, mut state)) = locked_card(&mut tx, profile).await? else { return Ok(None) };
        let last = state.profiles.get(&profile).and_then(Option::as_ref);
        let Some(rejoined) = last.and_then(rejoin_by_last) else { return Ok(None) };
        let folded = [card.into(), profile.into(), i64::from(rejoined.from_cycle).into()];
        if tx.one::<i64>(FOLDED, &folded).await?.is_some() {
            return Ok(None);
        }
        let step = rejoined.step.clone();
        let (delta, last) = (step.delta, step.last.clone());
        let reading = Reading {
            period: last.period.clone(),
            used: last.used,
            total: state.totals.get(&profile).copied().flatten(),
            as_of: last.as_of,
            status: None,
            raw_status: None,
            bundles: Vec::new(),
        };
        let one = Finished {
            task: TaskKey { account: String::new(), refresh: RefreshId::new(now, 0), profile },
            card,
            began_at: now,
            ended_at: now,
            outcome: Ok(reading.clone()),
            operator_id: None,
        };
        let mut booked = Booked::default();
        booked.count(&one, &reading, step, &mut state)?;
        // Nothing was read: the profile keeps when it was.
        booked.moved.clear();
        booked.suspects.rejoin(card, profile, &rejoined);
        let number = state.number.clone();
        write_booked(&mut tx, &booked, &Cards::from([(card, state)])).await?;
        let keep = Sql::both("UPDATE profile SET meter = $2 WHERE id = $1");
        tx.run(keep, &[profile.into(), (&to_json(&last)?).into()]).await?;
        let detail = format!("profile={profile} bytes={delta}");
        self.commit_audited(tx, "period.reverse", &number, &detail).await?;
        Ok(Some(delta))
    }
}
