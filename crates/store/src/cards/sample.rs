//! How old the figures of an operator account are, told from a sample.

use crate::Store;
use crate::db::{Sql, reading};
use crate::error::StoreError;
use simgauge_domain::time::UnixMs;

/// Up to so many profiles all are looked at.
const WHOLE: i64 = 500;
/// Profiles looked at from each point on.
const EACH: i64 = 10;

impl Store {
    /// When figures of an operator account's profiles were true, as far as is known (nothing where one was never read):
    /// of all of them where they are few, else of a sample. `points` are numbers between 0 and 1 that say where to look.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn sample_figures(
        &self,
        operator: &str,
        points: &[f64],
    ) -> Result<Vec<Option<UnixMs>>, StoreError> {
        let ends = Sql {
            sqlite: "SELECT (SELECT card FROM profile WHERE operator_account = $1 ORDER BY card LIMIT 1), \
                     (SELECT card FROM profile WHERE operator_account = $1 ORDER BY card DESC LIMIT 1)",
            postgres: "SELECT (SELECT card FROM profile WHERE operator_account = $1 ORDER BY card COLLATE \"C\" LIMIT 1), \
                       (SELECT card FROM profile WHERE operator_account = $1 ORDER BY card COLLATE \"C\" DESC LIMIT 1)",
        };
        let from = Sql {
            sqlite: "SELECT COALESCE(as_of, synced_at) FROM profile WHERE operator_account = $1 AND card >= $2 \
                     ORDER BY card LIMIT $3",
            postgres: "SELECT COALESCE(as_of, synced_at) FROM profile WHERE operator_account = $1 \
                       AND card COLLATE \"C\" >= $2 ORDER BY card COLLATE \"C\" LIMIT $3",
        };
        reading!(self, |pool, sql| {
            let whole: Vec<Option<i64>> =
                sqlx::query_scalar(sql(from)).bind(operator).bind("").bind(WHOLE + 1).fetch_all(pool).await?;
            if i64::try_from(whole.len()).is_ok_and(|count| count <= WHOLE) {
                return Ok(whole.into_iter().map(|at| at.map(UnixMs)).collect());
            }
            let (first, last): (Option<String>, Option<String>) =
                sqlx::query_as(sql(ends)).bind(operator).fetch_one(pool).await?;
            let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
            let mut sample = Vec::new();
            for point in points {
                let at = between(&first, &last, *point);
                let some: Vec<Option<i64>> =
                    sqlx::query_scalar(sql(from)).bind(operator).bind(at).bind(EACH).fetch_all(pool).await?;
                sample.extend(some.into_iter().map(|at| at.map(UnixMs)));
            }
            Ok(sample)
        })
    }
}

/// A text of digits about as far between two as `point` says.
fn between(first: &str, last: &str, point: f64) -> String {
    let shared: String =
        first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    // Nine digits behind what they share tell enough places apart.
    let number = |text: &str| -> f64 {
        let digits: String = text.chars().skip(shared.len()).chain(std::iter::repeat('0')).take(9).collect();
        digits.parse().unwrap_or(0.0)
    };
    let at = number(first) + (number(last) - number(first)) * point.clamp(0.0, 1.0);
    format!("{shared}{at:09.0}")
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn points_between_two_numbers() {
        let (first, last) = ("8986000000000000000", "8986000000000000500");
        assert_eq!(between(first, last, 0.0), "8986000000000000000000000");
        let middle = between(first, last, 0.5);
        assert!(first < middle.as_str() && middle.as_str() < last, "{middle}");
        assert!(between(first, last, 1.0).starts_with("8986000000000000500"));
        assert_eq!(between("", "", 0.5), "000000000");
    }
}
