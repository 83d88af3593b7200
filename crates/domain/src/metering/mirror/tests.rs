use super::*;

fn bundle(code: &str, used: u64, span: Option<(i64, i64)>) -> Bundle {
    let (start, end) = span.map(|(start, end)| (UnixMs(start), UnixMs(end))).unzip();
    Bundle { code: code.into(), name: code.into(), used, total: Some(1000), start, end }
}

/// Code, run, used and whether it ended, after answers at 1, 2, ...
fn after(answers: &[&[Bundle]]) -> Vec<(String, u32, u64, bool)> {
    let states =
        (1..).zip(answers).fold(Vec::new(), |states, (at, listed)| mirror(&states, listed, UnixMs(at)));
    states
        .into_iter()
        .map(|state| (state.bundle.code, state.run, state.bundle.used, state.ended_at.is_some()))
        .collect()
}

fn row(code: &str, run: u32, used: u64, ended: bool) -> (String, u32, u64, bool) {
    (code.into(), run, used, ended)
}

#[test]
fn what_vanishes_is_history_and_can_come_back() {
    let (a, b) = (bundle("a", 1000, None), bundle("b", 5, None));
    let gone: [&[Bundle]; 2] = [std::slice::from_ref(&a), std::slice::from_ref(&b)];
    assert_eq!(after(&gone), [row("a", 0, 1000, true), row("b", 0, 5, false)]);
    let back: [&[Bundle]; 3] = [gone[0], gone[1], &[a.clone(), b.clone()]];
    assert_eq!(after(&back), [row("a", 0, 1000, false), row("b", 0, 5, false)]);
    let states = [gone[0], gone[1], gone[1]]
        .iter()
        .zip(1..)
        .fold(Vec::new(), |states, (listed, at)| mirror(&states, listed, UnixMs(at)));
    assert_eq!(states[0].ended_at, Some(UnixMs(2)), "when it was first missed");
    assert_eq!(states[1].remaining(), Some(995));
}

#[test]
fn a_code_used_again_is_another_run() {
    let runs: [&[Bundle]; 2] = [&[bundle("m", 900, Some((0, 30)))], &[bundle("m", 950, Some((30, 60)))]];
    assert_eq!(after(&runs), [row("m", 0, 900, true), row("m", 1, 950, false)], "by dates, however high");
    let undated: [&[Bundle]; 2] = [&[bundle("m", 900, None)], &[bundle("m", 10, None)]];
    assert_eq!(after(&undated), [row("m", 0, 900, true), row("m", 1, 10, false)], "by the drop");
    let old_answer: [&[Bundle]; 3] = [runs[0], runs[1], runs[0]];
    assert_eq!(after(&old_answer), [row("m", 0, 900, true), row("m", 1, 950, false)]);
}

#[test]
fn corrections_top_ups_prolonging_and_activation_keep_the_run() {
    let corrected: [&[Bundle]; 2] = [&[bundle("a", 900, Some((0, 30)))], &[bundle("a", 1, Some((0, 30)))]];
    assert_eq!(after(&corrected), [row("a", 0, 1, false)]);
    let mut topped_up = bundle("a", 950, Some((0, 60)));
    topped_up.total = Some(2000);
    assert_eq!(after(&[&[bundle("a", 900, Some((0, 30)))], &[topped_up]]), [row("a", 0, 950, false)]);
    let mut prolonged = bundle("a", 910, None);
    prolonged.end = Some(UnixMs(60));
    let mut before = bundle("a", 900, None);
    before.end = Some(UnixMs(30));
    assert_eq!(after(&[&[before], &[prolonged]]), [row("a", 0, 910, false)]);
    let moved: [&[Bundle]; 2] = [&[bundle("a", 900, Some((0, 30)))], &[bundle("a", 905, Some((29, 60)))]];
    assert_eq!(after(&moved), [row("a", 0, 905, false)], "dates that overlap");
    let activated: [&[Bundle]; 2] = [&[bundle("q", 0, None)], &[bundle("q", 5, Some((7, 37)))]];
    assert_eq!(after(&activated), [row("q", 0, 5, false)]);
}

#[test]
fn parts_of_one_bundle_are_one() {
    let mut unlimited = bundle("a", 2, Some((5, 20)));
    unlimited.total = None;
    let states = mirror(&[], &[bundle("a", 1, Some((0, 10))), unlimited], UnixMs(0));
    let expected = Bundle { total: None, ..bundle("a", 3, Some((0, 20))) };
    assert_eq!(states, [Mirrored { bundle: expected, run: 0, ended_at: None }]);
    assert_eq!((states[0].remaining(), used(&states)), (None, 3));
}
