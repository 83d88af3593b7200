use super::*;

const DAY: f64 = 86_400.0;

/// Random numbers with a fixed seed (SplitMix64), so that the rates below are the same on every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An exponentially distributed waiting time with this mean, as between independent events.
    fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// Which of these calls (in seconds) are flagged.
fn flagged(calls: &[f64]) -> Vec<f64> {
    let mut cadence: Option<CadenceDetector> = None;
    let mut flagged = Vec::new();
    for &call in calls {
        let at = UnixMs(1_700_000_000_000 + (call * 1000.0) as i64);
        let Some(cadence) = &mut cadence else {
            cadence = Some(CadenceDetector::new(at));
            continue;
        };
        if matches!(cadence.observe(at), Observation::Steady { .. }) {
            flagged.push(call);
        }
    }
    flagged
}

/// A program's calls over a week: by the clock, or sleeping from call to call.
fn program(random: &mut Random, span: f64, jitter: f64, sleeps: bool, missed: f64) -> Vec<f64> {
    let mut at = random.between(0.0, span);
    let mut calls = Vec::new();
    while at < 7.0 * DAY {
        if random.unit() >= missed {
            calls.push(if sleeps { at } else { at + random.between(0.0, jitter) });
        }
        at += if sleeps { span + random.between(0.0, jitter) } else { span };
    }
    calls
}

/// A person's calls over a month: a few visits on most days, some at night. On each visit one press or some.
/// Those in a hurry press whenever the cooldown is over, for up to an hour.
fn person(random: &mut Random) -> Vec<f64> {
    let hurried = random.unit() < 0.3;
    let reaction = random.between(1.0, 30.0);
    let visits_a_day = random.between(0.2, 6.0);
    let mut calls = Vec::new();
    let mut at = 0.0;
    loop {
        at += random.wait(DAY / visits_a_day);
        if at > 30.0 * DAY {
            return calls;
        }
        let hour = (at % DAY) / 3600.0;
        if hour < 7.0 && random.unit() < 0.8 {
            continue;
        }
        let waits = hurried && random.unit() < 0.5;
        let presses = 1 + (random.wait(if waits { 4.0 } else { 1.5 }) as u32).min(11);
        for _ in 0..presses {
            calls.push(at);
            at += if waits { 300.0 + random.wait(reaction) } else { random.wait(900.0) };
        }
    }
}

/// Somebody who looks every working hour, on the hour as well as people manage.
fn clerk(random: &mut Random) -> Vec<f64> {
    let mut calls = Vec::new();
    for day in 0..30 {
        for hour in 9..18 {
            calls.push(f64::from(day) * DAY + f64::from(hour) * 3600.0 + random.between(-480.0, 480.0));
        }
    }
    calls
}

/// The rates that the documentation states.
#[test]
fn people_and_programs_are_told_apart() {
    let mut random = Random(1);
    let mut late = Vec::new();
    let mut programs = 0;
    for minutes in [5.0, 6.0, 10.0, 15.0, 30.0, 60.0] {
        for jitter in [0.0, 1.0, 5.0, 12.0] {
            for sleeps in [false, true] {
                for missed in [0.0, 0.1] {
                    for _ in 0..20 {
                        programs += 1;
                        let calls = program(&mut random, minutes * 60.0, jitter, sleeps, missed);
                        let day = if minutes > 30.0 { DAY } else { DAY / 2.0 };
                        if flagged(&calls).first().is_none_or(|first| *first > day) {
                            late.push((minutes, jitter, sleeps, missed));
                        }
                    }
                }
            }
        }
    }
    assert!(
        late.len() * 100 <= programs,
        "more than 1 % of {programs} programs were not seen in time: {late:?}"
    );

    let people = 3000;
    let wronged = (0..people).filter(|_| !flagged(&person(&mut random)).is_empty()).count();
    assert!(wronged * 1000 <= people * 3, "{wronged} of {people} people were flagged in a month");
    let clerks = (0..people).filter(|_| !flagged(&clerk(&mut random)).is_empty()).count();
    assert!(clerks * 1000 <= people, "{clerks} of {people} people with a habit were flagged in a month");
}

#[test]
fn faster_than_the_cooldown() {
    let mut random = Random(2);
    for span in [7.0, 30.0, 60.0, 90.0] {
        let first = flagged(&program(&mut random, span, 1.0, false, 0.0)).first().copied();
        assert!(first.is_some_and(|first| first < 4.0 * 3600.0), "{span}: {first:?}");
    }
}

/// Of three nodes that answer at random, each sees a third of the calls.
#[test]
fn a_third_of_the_calls_is_enough() {
    let mut random = Random(3);
    for span in [300.0, 600.0, 3600.0] {
        let seen: Vec<f64> = program(&mut random, span, 3.0, false, 0.0)
            .into_iter()
            .filter(|_| random.unit() < 1.0 / 3.0)
            .collect();
        let first = flagged(&seen).first().copied();
        assert!(first.is_some_and(|first| first < 150.0 * span), "{span}: {first:?}");
    }
}

#[test]
fn an_ongoing_cadence_says_when_it_ends() {
    let at = |minutes: i64| UnixMs(1_700_000_000_000 + minutes * 60_000);
    let mut cadence = CadenceDetector::new(at(0));
    for call in 1..24 {
        assert_eq!(cadence.observe(at(call * 5)), Observation::Ordinary, "{call}");
        assert_eq!(cadence.ongoing(at(call * 5)), None);
    }
    let interval = Duration::from_secs(300);
    assert_eq!(cadence.observe(at(120)), Observation::Steady { interval, is_new: true });
    assert_eq!(cadence.observe(at(127)), Observation::Ordinary, "a person presses between");
    assert_eq!(
        cadence.observe(at(135)),
        Observation::Steady { interval, is_new: false },
        "which does not make it a person's"
    );
    let ends_at = UnixMs(at(135 + 60).0 + 15_001);
    assert_eq!(cadence.ongoing(at(136)), Some((interval, ends_at)));
    cadence.observe_refused(at(142));
    assert_eq!(cadence.ongoing(at(142)), Some((interval, ends_at)), "irregular: not the program");
    cadence.observe_refused(at(145));
    let ends_at = UnixMs(at(145 + 60).0 + 15_001);
    assert_eq!(cadence.ongoing(UnixMs(ends_at.0 - 1)), Some((interval, ends_at)));
    assert_eq!(cadence.ongoing(ends_at), None, "it has stopped");
    assert_eq!(cadence.observe(ends_at), Observation::Ordinary);
    assert_eq!(cadence, CadenceDetector::new(ends_at));
}

#[test]
fn a_clock_that_goes_back_is_not_a_cadence() {
    let mut cadence = CadenceDetector::new(UnixMs(i64::MAX));
    assert_eq!(cadence.observe(UnixMs(i64::MIN)), Observation::Ordinary);
    assert_eq!(cadence, CadenceDetector::new(UnixMs(i64::MIN)));
    assert_eq!(cadence.observe(UnixMs(i64::MAX)), Observation::Ordinary);
    assert_eq!(cadence.ongoing(UnixMs(0)), None);
}
