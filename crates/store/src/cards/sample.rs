//! How old the usage of an operator account's profiles is, estimated from a sample.

use crate::backend::{Sql, Tx};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

/// Up to so many profiles all are looked at.
const WHOLE: i64 = 500;
/// Profiles looked at from each point on.
const EACH: i64 = 10;

const ENDS: Sql = Sql::both(
    // Each is one step into the index; asked for both at once, SQLite walks it.
    "SELECT COALESCE((SELECT min(card) FROM profile WHERE operator_account = $1), 0), \
     COALESCE((SELECT max(card) FROM profile WHERE operator_account = $1), 0)",
);
const FROM: Sql = Sql::both(
    "SELECT COALESCE(as_of, synced_at) FROM profile WHERE operator_account = $1 AND card >= $2 \
     ORDER BY card LIMIT $3",
);

impl Store {
    /// When the usage of an operator account's profiles was true, as far as is known (nothing where one was
    /// never read): of all of them where they are few, else of a sample. `points` are numbers between 0 and 1
    /// that say where to look.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn sample_usage_times(
        &self,
        operator: &str,
        points: &[f64],
    ) -> Result<Vec<Option<UnixMs>>, StoreError> {
        let mut session = self.db.read().await?;
        let from = |card: i64, most: i64| [operator.into(), card.into(), most.into()];
        let mut found: Vec<Option<i64>> = session.all(FROM, &from(0, WHOLE + 1)).await?;
        if i64::try_from(found.len()).is_ok_and(|count| count > WHOLE) {
            let ends: Option<(i64, i64)> = session.one(ENDS, &[operator.into()]).await?;
            let (first, last) = ends.unwrap_or((0, 0));
            found.clear();
            for point in points {
                found.extend(
                    session.all::<Option<i64>>(FROM, &from(between(first, last, *point), EACH)).await?,
                );
            }
        }
        Ok(found.into_iter().map(|at| at.map(UnixMs)).collect())
    }
}

/// An id about as far between two as `point` says.
fn between(first: i64, last: i64, point: f64) -> i64 {
    // In parts of a million, since ids are not exact as floats.
    let parts = (point.clamp(0.0, 1.0) * 1e6).round() as i128;
    let at = i128::from(first) + (i128::from(last) - i128::from(first)) * parts / 1_000_000;
    i64::try_from(at).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn points_between_two_ids() {
        assert_eq!(between(10, 20, 0.0), 10);
        assert_eq!(between(10, 20, 0.5), 15);
        assert_eq!(between(10, 20, 1.0), 20);
        assert_eq!(between(10, 20, 7.0), 20);
        assert_eq!(between(1, i64::MAX, 1.0), i64::MAX);
        assert_eq!(between(7, 7, 0.3), 7);
    }
}
