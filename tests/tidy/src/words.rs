//! Coined words that have given way to the trade's.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::source::Source;

/// An identifier as a whole, and what to use instead. Words in comments and strings are free.
const COINED: [(&str, &str); 41] = [
    ("Breath", "OverloadDelay"),
    ("breath", "overload_delay"),
    ("Room", "InflightLimit"),
    ("Place", "InflightPermit"),
    ("Newest", "DeferredCardUpdates"),
    ("Noted", "DeferredCardUpdates"),
    ("Hot", "the SQLite backend's direct writer"),
    ("write_here", "the SQLite backend's direct writer"),
    ("begin_here", "the SQLite backend's direct writer"),
    ("Turn", "PeriodTransition, RoundRobin or WriterGuard"),
    ("Scribe", "ResultWriter"),
    ("scribe", "result_writer"),
    ("Teller", "OutcomeReporter"),
    ("teller", "outcome_reporter"),
    ("Note", "ReadingResult"),
    ("Shift", "LeaseSession"),
    ("Over", "ExitReason"),
    ("wind_up", "shutdown"),
    ("LastWords", "LeaseHandover"),
    ("last_words", "lease_handover"),
    ("Board", "LaneRegistry"),
    ("told", "mark_pending"),
    ("take_news", "take_pending"),
    ("bell", "wait_for_work"),
    ("Crowd", "DeliveryScheduler"),
    ("crowd", "delivery_scheduler"),
    ("Manner", "ReceiverHealth"),
    ("hungry", "has_pending"),
    ("patience", "retry_schedule"),
    ("Beat", "CadenceDetector"),
    ("Heard", "Observation"),
    ("Eyes", "ViewContext"),
    ("eyes", "view_context"),
    ("Look", "ReadSession"),
    ("Wishes", "NotificationPrefs"),
    ("wishes", "notification_prefs"),
    ("Wish", "NotificationPrefs"),
    ("wish", "notification_prefs"),
    ("What", "ReadingKind"),
    ("Pulse", "Activity"),
    ("pulse", "activity"),
];

/// Honest names elsewhere (a place in a definition, usage over a limit): coined only where the services run.
const COINED_IN_SERVICE: [&str; 2] = ["Place", "Over"];

/// One finding per file and word, at the first place.
pub(crate) fn coined(sources: &[Source<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let in_path = source.path.trim_end_matches(".rs").split('/').map(|name| (name, 1));
        let in_code =
            source.tokens.iter().filter(|token| token.is(token.text)).map(|token| (token.text, token.line));
        for (word, line) in in_path.chain(in_code) {
            seen.entry(word).or_insert((line, 0)).1 += 1;
        }
        let everywhere =
            |word: &str| !COINED_IN_SERVICE.contains(&word) || source.path.starts_with("crates/service/");
        for (word, instead) in COINED.into_iter().filter(|(word, _)| everywhere(word)) {
            if let Some((line, times)) = seen.get(word) {
                let what = format!("`{word}` ({times} times in this file) is a coined word; say {instead}");
                findings.push(Finding::new(source.path, *line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::coined;
    use crate::source::sources;

    #[test]
    fn a_coined_word_is_an_identifier_or_a_file_name() {
        let count = |path, text| coined(&sources(&[(path, text)])).len();
        assert_eq!(count("crates/x/src/a.rs", "struct Scribe; fn hungry() -> Scribe {}"), 2);
        assert_eq!(count("crates/x/src/crowd.rs", ""), 1);
        assert_eq!(
            count("crates/x/src/a.rs", "// Look, a crowd\nfn board() { \"told\"; Scribes; 'W'; Place; }"),
            0
        );
        assert_eq!(count("crates/service/src/a.rs", "struct Place;"), 1);
    }
}
