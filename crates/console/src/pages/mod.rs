//! The pages, one file each.

pub(super) mod apps;
pub(super) mod card;
pub(super) mod cards;
pub(super) mod import;
pub(super) mod login;
pub(super) mod notifications;
pub(super) mod operators;
pub(super) mod overview;
pub(super) mod refreshes;
mod why;

/// Rows of a page of a list.
const PAGE: i64 = 50;
/// Rows that are read at once for an export.
const EXPORT_PAGE: i64 = 500;
/// Rows that are looked at for one page where a filter lets few through; the page then offers to look on.
const SCAN_LIMIT: i64 = 5_000;

/// A page of a list that is in memory whole: what comes after the key `after`, and the key to go on from.
fn page_after<T>(
    list: Vec<T>,
    after: &str,
    size: usize,
    key: impl Fn(&T) -> &str,
) -> (Vec<T>, Option<String>) {
    let mut rest: Vec<T> = list.into_iter().filter(|one| key(one) > after).collect();
    let more = rest.len() > size;
    rest.truncate(size);
    let next = rest.last().filter(|_| more).map(|last| key(last).to_owned());
    (rest, next)
}

#[cfg(test)]
mod tests {
    use super::page_after;

    #[test]
    fn pages_by_key() {
        let list = || vec!["a", "b", "c"];
        assert_eq!(page_after(list(), "", 2, |one| one), (vec!["a", "b"], Some("b".to_owned())));
        assert_eq!(page_after(list(), "b", 2, |one| one), (vec!["c"], None));
    }
}
