//! Coined words that have given way to the trade's.

use std::collections::BTreeMap;

use crate::source::{Source, finding};

/// Identifiers, each as a whole, and what to use instead. Words in comments and strings are free.
const COINED: [(&str, &str); 20] = [
    ("Breath breath", "OverloadDelay, overload_delay"),
    ("Room Place learn", "InflightLimit, InflightPermit, adjust"),
    ("Newest Noted", "DeferredCardUpdates"),
    ("Hot write_here begin_here", "the SQLite backend's direct writer"),
    ("Turn", "PeriodTransition, RoundRobin or WriterGuard"),
    ("Scribe scribe", "ResultWriter, result_writer"),
    ("Teller teller", "OutcomeReporter, outcome_reporter"),
    ("Note", "ReadingResult"),
    ("Shift", "LeaseSession"),
    ("Over", "ExitReason"),
    ("wind_up LastWords last_words", "shutdown, LeaseHandover, lease_handover"),
    ("Board told take_news bell", "LaneRegistry, mark_pending, take_pending, wait_for_work"),
    ("Crowd crowd Manner", "DeliveryScheduler, delivery_scheduler, ReceiverHealth"),
    ("hungry patience", "has_pending, RetrySchedule"),
    ("Beat Heard", "CadenceDetector, Observation"),
    ("Eyes eyes Look", "ViewContext, view_context, ReadSession"),
    ("Wishes wishes Wish wish", "NotificationPrefs, notification_prefs"),
    ("Said said", "notified_state; output, response or error of a program"),
    ("Figure Figures figure figures", "usage"),
    ("What Pulse pulse", "ReadingKind, Activity, activity"),
];

/// Honest names elsewhere (a place in a definition): coined only in these crates.
const COINED_IN_PART: [&str; 2] = ["Place", "Over"];
const PART: [&str; 2] = ["crates/service/", "crates/store/"];

/// One finding for each file and word, at the first place.
pub(crate) fn coined(sources: &[Source<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        let in_part = PART.iter().any(|part| source.path.starts_with(part));
        let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let in_path = source.path.trim_end_matches(".rs").split('/').map(|name| (name, 1));
        let in_code =
            source.tokens.iter().filter(|token| token.is(token.text)).map(|token| (token.text, token.line));
        for (word, line) in in_path.chain(in_code) {
            seen.entry(word).or_insert((line, 0)).1 += 1;
        }
        for (words, instead) in COINED {
            for word in words.split(' ').filter(|word| in_part || !COINED_IN_PART.contains(word)) {
                if let Some((line, times)) = seen.get(word) {
                    let what =
                        format!("`{word}` ({times} times in this file) is a coined word; use {instead}");
                    findings.push(finding(source.path, *line, &what));
                }
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
            count("crates/x/src/a.rs", "// Look, a crowd\nfn board() { \"Eyes\"; Scribes; Place; }"),
            0
        );
        assert_eq!(count("crates/service/src/a.rs", "struct Place;"), 1);
    }
}
