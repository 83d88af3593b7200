//! Metering as a table of examples: what happens to a card, and what must follow from each line. Dates and
//! numbers are worked out by hand in the comments. Amounts are megabytes. Thresholds are at 80 and 100 per
//! cent of each package.
//!
//! A line is a local time, an action and its outcome. Actions are `profile period usage` (a refresh with the
//! operator's answer; `month` is derived from the calendar, `cycle15` from a billing day, `cycle` has an
//! unknown start, then there are `lifetime` and `bundles`), and `add`, `total` and `cover` of a package. An
//! outcome is the kind of the reading, the difference, where it was booked, and the thresholds notified. The
//! ending is the bookings, the card's usage of the current period, and the days.

#[path = "metering_stories/card.rs"]
mod card;

use card::Card;

struct Story {
    title: &'static str,
    zone: &'static str,
    packages: &'static [&'static str],
    lines: &'static [(&'static str, &'static str, &'static str)],
    ending: &'static str,
}

const UTC: &str = "UTC0";
const SHANGHAI: &str = "CST-8";
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

#[test]
fn every_story_comes_out_as_worked_out_by_hand() {
    for story in STORIES {
        let mut card = Card::new(story.zone, story.packages);
        for (when, action, outcome) in story.lines {
            assert_eq!(card.live(when, action), *outcome, "{}: {when} {action}", story.title);
        }
        assert_eq!(card.ending(), story.ending, "the ending of {}", story.title);
    }
}

const STORIES: &[Story] = &[
    Story {
        title: "a month ends between two refreshes",
        zone: SHANGHAI,
        packages: &["may 5000 2026-05-01..2026-06-01", "june 5000 2026-06-01..2026-07-01"],
        // 20 May: 3000. The operator starts June at zero, so on 2 June its 200 are all new: 3000 + 200. What
        // was used from 20 to 31 May nobody ever saw.
        lines: &[
            ("2026-05-20 10:00", "p month 3000", "first +3000: may +3000"),
            ("2026-06-02 10:00", "p month 200", "new_period +200: june +200"),
        ],
        ending: "may 3000, june 200, over 0 | card 200 | 05-20 3000, 06-02 200",
    },
    Story {
        title: "a month ends at midnight in Shanghai, eight hours before UTC",
        zone: SHANGHAI,
        packages: &["all -"],
        // 15:59Z is 23:59 on 30 April; 16:01Z is 00:01 on 1 May. In UTC both would be April and 5 a
        // correction of -895.
        lines: &[
            ("2026-04-30T15:59:00Z", "p month 900", "first +900: all +900"),
            ("2026-04-30T16:01:00Z", "p month 5", "new_period +5: all +5"),
        ],
        ending: "all 905, over 0 | card 5 | 04-30 900, 05-01 5",
    },
    Story {
        title: "refreshed five times on one day",
        zone: UTC,
        packages: &["all 1000"],
        // 100, 150, 150, 400, 450: the day is 450, as with one refresh in the evening.
        lines: &[
            ("2026-05-05 08:00", "p month 100", "first +100: all +100"),
            ("2026-05-05 09:00", "p month 150", "same_period +50: all +50"),
            ("2026-05-05 09:05", "p month 150", "same_period +0"),
            ("2026-05-05 12:00", "p month 400", "same_period +250: all +250"),
            ("2026-05-05 22:00", "p month 450", "same_period +50: all +50"),
        ],
        ending: "all 450, over 0 | card 450 | 05-05 450",
    },
    Story {
        title: "a top-up in mid-cycle",
        zone: UTC,
        packages: &["plan 1000 2026-05-01..2026-06-01"],
        // 850 of 1000 is 85 %: 80 said. Topped up to 2000: 42.5 %, armed again. 1600 of 2000 is 80 %: said
        // again. 2100: 2000 fit (100 %), 100 over.
        lines: &[
            ("2026-05-10 12:00", "p month 850", "first +850: plan +850; plan 80%"),
            ("2026-05-11 12:00", "total plan 2000", ""),
            ("2026-05-20 12:00", "p month 1600", "same_period +750: plan +750; plan 80%"),
            ("2026-05-25 12:00", "p month 2100", "same_period +500: plan +400, over +100; plan 100%"),
        ],
        ending: "plan 2000, over 100 | card 2100 | 05-10 850, 05-20 750, 05-25 500",
    },
    Story {
        title: "the operator corrects down",
        zone: UTC,
        packages: &["plan 1000"],
        // 900 (80 % said), then 700: -200, below 80 %. 950: +250, said again. 900 + (-200) + 250 = 950.
        lines: &[
            ("2026-05-10 12:00", "p month 900", "first +900: plan +900; plan 80%"),
            ("2026-05-11 12:00", "p month 700", "correction -200: plan -200"),
            ("2026-05-12 12:00", "p month 950", "same_period +250: plan +250; plan 80%"),
        ],
        ending: "plan 950, over 0 | card 950 | 05-10 900, 05-11 -200, 05-12 250",
    },
    Story {
        title: "a cloud eSIM switches its profile",
        zone: UTC,
        packages: &["plan 1000"],
        // Profile a has used 400 in May when the device switches to b: 400 + 150 = 550 in May, both count. On
        // 3 June only b is read: the card's June is 30, a's May is past, and the package still holds all of
        // it: 400 + 150 + 30.
        lines: &[
            ("2026-05-10 12:00", "a month 400", "first +400: plan +400"),
            ("2026-05-20 12:00", "b month 150", "first +150: plan +150"),
            ("2026-06-03 12:00", "b month 30", "new_period +30: plan +30"),
        ],
        ending: "plan 580, over 0 | card 30 | 05-10 400, 05-20 150, 06-03 30",
    },
    Story {
        title: "two packages overlap",
        zone: UTC,
        packages: &["big 1000 2026-05-01..2026-07-01", "week 300 2026-05-10..2026-05-17"],
        // 5 May: only big is valid: 100. 12 May: +250 on week, which expires first (83 %: 80 said). 14 May:
        // +200: 50 fill week (100 said), 150 on big. 20 May: week is over: +100 on big. big: 100 + 150 + 100
        // = 350.
        lines: &[
            ("2026-05-05 12:00", "p month 100", "first +100: big +100"),
            ("2026-05-12 12:00", "p month 350", "same_period +250: week +250; week 80%"),
            ("2026-05-14 12:00", "p month 550", "same_period +200: week +50, big +150; week 100%"),
            ("2026-05-20 12:00", "p month 650", "same_period +100: big +100"),
        ],
        ending: "big 350, week 300, over 0 | card 650 | 05-05 100, 05-12 250, 05-14 200, 05-20 100",
    },
    Story {
        title: "a package expires between two refreshes",
        zone: UTC,
        packages: &["week 1000 2026-05-01..2026-05-08"],
        // 300 by 6 May. Another 200 by 9 May: when they were used is not known, the figure is of 9 May, and
        // then nothing is valid: 200 over, although week had room. A correction on 10 May takes the overage
        // first, then reaches week: -250 = -200 - 50.
        lines: &[
            ("2026-05-06 12:00", "p month 300", "first +300: week +300"),
            ("2026-05-09 12:00", "p month 500", "same_period +200: over +200"),
            ("2026-05-10 12:00", "p month 250", "correction -250: over -200, week -50"),
        ],
        ending: "week 250, over 0 | card 250 | 05-06 300, 05-09 200, 05-10 -250",
    },
    Story {
        title: "the operator's time tells that a package was still valid",
        zone: UTC,
        packages: &["week 1000 2026-05-01..2026-05-08"],
        // Asked on 9 May, but the figure is of 7 May, 23:00: on week, and on that day.
        lines: &[
            ("2026-05-06 12:00", "p month 300 as of 2026-05-06 09:00", "first +300: week +300"),
            ("2026-05-09 12:00", "p month 500 as of 2026-05-07 23:00", "same_period +200: week +200"),
        ],
        ending: "week 500, over 0 | card 500 | 05-06 300, 05-07 200",
    },
    Story {
        title: "a leap day",
        zone: SHANGHAI,
        packages: &["day 500 2028-02-29..2028-03-01", "rest -"],
        // Cycles begin on the 29th: in February 2028 there is one, so its cycle is 29 February to 29 March
        // and 28 February still belongs to that of 29 January. The day pass is valid on the 29th only: 120 on
        // it, then +80 on the rest.
        lines: &[
            ("2028-02-28 23:59", "p cycle29 700", "first +700: rest +700"),
            ("2028-02-29 23:59", "p cycle29 120", "new_period +120: day +120"),
            ("2028-03-01 00:00", "p cycle29 200", "same_period +80: rest +80"),
        ],
        ending: "day 120, rest 780, over 0 | card 200 | 02-28 700, 02-29 120, 03-01 80",
    },
    Story {
        title: "the night clocks go forward, on the day a cycle begins",
        zone: BERLIN,
        packages: &["all -"],
        // Sunday 29 March 2026 begins at 23:00Z (winter time), 02:00 becomes 03:00, and ends at 22:00Z, 23
        // hours later. 22:59Z is 23:59 on the 28th, the old cycle. 23:01Z is 00:01 on the 29th, the new one.
        // 21:59Z is 23:59 on the 29th, 22:01Z is 00:01 on the 30th.
        lines: &[
            ("2026-03-28T22:59:00Z", "p cycle29 500", "first +500: all +500"),
            ("2026-03-28T23:01:00Z", "p cycle29 1", "new_period +1: all +1"),
            ("2026-03-29T21:59:00Z", "p cycle29 21", "same_period +20: all +20"),
            ("2026-03-29T22:01:00Z", "p cycle29 25", "same_period +4: all +4"),
        ],
        ending: "all 525, over 0 | card 25 | 03-28 500, 03-29 21, 03-30 4",
    },
    Story {
        title: "the hour that comes twice",
        zone: NEW_YORK,
        packages: &["all -"],
        // 1 November 2026 begins at 04:00Z; at 06:00Z clocks go from 02:00 back to 01:00. 05:30Z and 06:30Z
        // are both 01:30, an hour apart: the second is newer. The month began at 04:00Z, and the day ends at
        // 05:00Z of the 2nd, 25 hours on.
        lines: &[
            ("2026-11-01T03:59:00Z", "p month 800", "first +800: all +800"),
            ("2026-11-01T05:30:00Z", "p month 10", "new_period +10: all +10"),
            ("2026-11-01T06:30:00Z", "p month 30", "same_period +20: all +20"),
            ("2026-11-02T04:59:00Z", "p month 31", "same_period +1: all +1"),
        ],
        ending: "all 831, over 0 | card 31 | 10-31 800, 11-01 31",
    },
    Story {
        title: "billing day 31 in February",
        zone: UTC,
        packages: &["all -"],
        // 2026: cycles begin on 31 January, 28 February (its last day) and 31 March. So 27 February goes on
        // with January's (+50), 28 February is new (10), and 30 March still belongs to February's (+90).
        lines: &[
            ("2026-02-10 12:00", "p cycle31 100", "first +100: all +100"),
            ("2026-02-27 23:59", "p cycle31 150", "same_period +50: all +50"),
            ("2026-02-28 00:00", "p cycle31 10", "new_period +10: all +10"),
            ("2026-03-30 23:59", "p cycle31 100", "same_period +90: all +90"),
            ("2026-03-31 00:00", "p cycle31 5", "new_period +5: all +5"),
        ],
        ending: "all 255, over 0 | card 5 | 02-10 100, 02-27 50, 02-28 10, 03-30 90, 03-31 5",
    },
    Story {
        title: "overage, then a correction, then more",
        zone: UTC,
        packages: &["plan 1000"],
        // 1300: 1000 fit, 300 over. 900: -400, of which 300 from the overage and 100 from plan, now 900 (100
        // armed again, 80 still said). 1150: +250: 100 fill plan (100 said), 150 over.
        lines: &[
            ("2026-05-10 12:00", "p month 1300", "first +1300: plan +1000, over +300; plan 80%; plan 100%"),
            ("2026-05-11 12:00", "p month 900", "correction -400: over -300, plan -100"),
            ("2026-05-12 12:00", "p month 1150", "same_period +250: plan +100, over +150; plan 100%"),
        ],
        ending: "plan 1000, over 150 | card 1150 | 05-10 1300, 05-11 -400, 05-12 250",
    },
    Story {
        title: "a package bought after the overage came about",
        zone: UTC,
        packages: &["small 100"],
        // 250: 100 fit, 150 over. big is bought: the 150 stay over. +50 goes on big. When somebody asks, big
        // covers the 150: 50 + 150 = 200 of 240 is 83 %.
        lines: &[
            ("2026-05-10 12:00", "p month 250", "first +250: small +100, over +150; small 80%; small 100%"),
            ("2026-05-11 12:00", "add big 240 2026-05-11..", ""),
            ("2026-05-12 12:00", "p month 300", "same_period +50: big +50"),
            ("2026-05-13 12:00", "cover big", "big +150, over -150; big 80%"),
        ],
        ending: "small 100, big 200, over 0 | card 300 | 05-10 250, 05-12 50",
    },
    Story {
        title: "an unlimited package",
        zone: UTC,
        packages: &["flat - 2026-05-01..2026-06-01", "spare 500"],
        // All of May goes on flat, which is never full and never says anything. 1 June: flat is over, 450 of
        // 500 on spare.
        lines: &[
            ("2026-05-02 12:00", "p month 900000", "first +900000: flat +900000"),
            ("2026-05-31 23:59", "p month 990000", "same_period +90000: flat +90000"),
            ("2026-06-01 00:00", "p month 450", "new_period +450: spare +450; spare 80%"),
        ],
        ending: "flat 990000, spare 450, over 0 | card 450 | 05-02 900000, 05-31 90000, 06-01 450",
    },
    Story {
        title: "late answers after a newer one",
        zone: UTC,
        packages: &["all -"],
        // 5 of June is known as of 1 June 02:00. Two answers that hung come in later: one of May, one of June
        // as of 01:00. Neither changes anything; 8 as of 03:00 is 3 more.
        lines: &[
            ("2026-05-31 12:00", "p month 700 as of 2026-05-31 11:00", "first +700: all +700"),
            ("2026-06-01 02:10", "p month 5 as of 2026-06-01 02:00", "new_period +5: all +5"),
            ("2026-06-01 02:20", "p month 720 as of 2026-05-31 23:00", "late +0"),
            ("2026-06-01 02:30", "p month 2 as of 2026-06-01 01:00", "late +0"),
            ("2026-06-01 03:10", "p month 8 as of 2026-06-01 03:00", "same_period +3: all +3"),
        ],
        ending: "all 708, over 0 | card 8 | 05-31 700, 06-01 8",
    },
    Story {
        title: "a cycle begins anew and nobody says when",
        zone: UTC,
        packages: &["all -"],
        // 2000, then 1900: less, but more than half: -100. Then 40: less than half of 1900: a new cycle, +40.
        // 1900 + 40.
        lines: &[
            ("2026-05-10 12:00", "p cycle 2000", "first +2000: all +2000"),
            ("2026-05-12 12:00", "p cycle 1900", "correction -100: all -100"),
            ("2026-05-19 12:00", "p cycle 40", "assumed_period +40: all +40"),
        ],
        ending: "all 1940, over 0 | card 40 | 05-10 2000, 05-12 -100, 05-19 40",
    },
    Story {
        title: "the billing day is configured in mid-cycle",
        zone: UTC,
        packages: &["all -"],
        // The count goes on: 5100 is 100 more although the cycle (15 April to 15 May) has a name now. On 20
        // June it is another one, and its 6000 are all new although the figure never fell. 5000 + 100 + 6000
        // = 11100.
        lines: &[
            ("2026-05-10 12:00", "p cycle 5000", "first +5000: all +5000"),
            ("2026-05-11 12:00", "p cycle15 5100", "same_period +100: all +100"),
            ("2026-06-20 12:00", "p cycle15 6000", "new_period +6000: all +6000"),
        ],
        ending: "all 11100, over 0 | card 6000 | 05-10 5000, 05-11 100, 06-20 6000",
    },
    Story {
        title: "a lifetime SIM never begins anew",
        zone: UTC,
        packages: &["lifetime 500"],
        // 480 in March, still 480 in April, then the operator takes 400 back: a correction to 80, not a new
        // period.
        lines: &[
            ("2026-03-10 12:00", "p lifetime 480", "first +480: lifetime +480; lifetime 80%"),
            ("2026-04-10 12:00", "p lifetime 480", "same_period +0"),
            ("2026-05-10 12:00", "p lifetime 80", "correction -400: lifetime -400"),
        ],
        ending: "lifetime 80, over 0 | card 80 | 03-10 480, 04-10 0, 05-10 -400",
    },
    Story {
        title: "a mirrored bundle is depleted and replaced",
        zone: UTC,
        packages: &[],
        // a: 900 (90 %). Then it is full and b has begun: 100 + 20 = 120. Then a is no longer listed: it
        // keeps its 1000 as history, and b's +30 count. 900 + 120 + 30 = 1050 = 1000 + 50. The operator's
        // present sum is 50.
        lines: &[
            ("2026-05-10 12:00", "p bundles a=900/1000", "first +900: a +900; a 80%"),
            ("2026-05-12 12:00", "p bundles a=1000/1000,b=20/1000", "new_period +120: a +100, b +20; a 100%"),
            ("2026-05-14 12:00", "p bundles b=50/1000", "same_period +30: b +30"),
        ],
        ending: "a 1000 ended, b 50, over 0 | card 50 | 05-10 900, 05-12 120, 05-14 30",
    },
    Story {
        title: "a mirrored bundle is topped up, then bought again under its old code",
        zone: UTC,
        packages: &[],
        // 850 of 1000 is 85 %. Topped up at the operator: 900 of 2000 is 45 %, +50. 1700 of 2000 is 85 %:
        // said again. Then the code stands at 30 of 1000: a new purchase, 30 more; the first keeps its 1700.
        // 850 + 50 + 800 + 30 = 1730.
        lines: &[
            ("2026-05-10 12:00", "p bundles esim=850/1000", "first +850: esim +850; esim 80%"),
            ("2026-05-12 12:00", "p bundles esim=900/2000", "same_period +50: esim +50"),
            ("2026-05-14 12:00", "p bundles esim=1700/2000", "same_period +800: esim +800; esim 80%"),
            ("2026-06-20 12:00", "p bundles esim=30/1000", "assumed_period +30: esim#1 +30"),
        ],
        ending: "esim 1700 ended, esim#1 30, over 0 | card 30 | 05-10 850, 05-12 50, 05-14 800, 06-20 30",
    },
];
