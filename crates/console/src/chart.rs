//! Bar charts as SVG, laid out here and drawn by the template `chart.html`.

use askama::Template;

/// The drawing's size, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// Space for the numbers on the left, for the words below, and above the highest bar.
const LEFT: f64 = 64.0;
const BELOW: f64 = 22.0;
const ABOVE: f64 = 8.0;

/// One bar of one or more parts, from below.
pub(super) struct Column {
    /// Under the bar, if there is space for it.
    pub(super) label: String,
    /// Shown when somebody points at it.
    pub(super) title: String,
    /// Amounts with their classes.
    pub(super) parts: Vec<(u64, &'static str)>,
}

struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    class: &'static str,
}

struct Slot {
    x: String,
    width: String,
    title: String,
    bars: Vec<Bar>,
}

struct Mark {
    at: String,
    text: String,
}

/// A chart, laid out.
#[derive(Template)]
#[template(path = "console/chart.html")]
pub(super) struct Chart {
    /// What it shows, in a sentence, for those who do not see it.
    about: String,
    slots: Vec<Slot>,
    /// Lines across, each with its amount.
    lines: Vec<Mark>,
    /// Under the bars.
    labels: Vec<Mark>,
    width: f64,
    height: f64,
    left: f64,
}

impl Chart {
    /// Lays a chart out; `amount` says how amounts are written at the lines.
    pub(super) fn new(about: String, columns: Vec<Column>, amount: impl Fn(u64) -> String) -> Self {
        let total =
            |column: &Column| column.parts.iter().fold(0_u64, |sum, (part, _)| sum.saturating_add(*part));
        let top = round_up(columns.iter().map(total).max().unwrap_or(0));
        // The drawing needs no more than 53 bits.
        #[allow(clippy::cast_precision_loss)]
        let part_of = |amount: u64| (HEIGHT - ABOVE - BELOW) * (amount as f64) / (top.max(1) as f64);
        #[allow(clippy::cast_precision_loss)]
        let step = (WIDTH - LEFT) / (columns.len().max(1) as f64);
        let every = columns.len().div_ceil(8).max(1);
        let base = HEIGHT - BELOW;
        let mut labels = Vec::new();
        let slots = columns
            .into_iter()
            .enumerate()
            .map(|(index, column)| {
                #[allow(clippy::cast_precision_loss)]
                let x = LEFT + step * index as f64;
                if index % every == 0 {
                    labels.push(Mark { at: units(x + step / 2.0), text: column.label });
                }
                let mut y = base;
                let bars = column
                    .parts
                    .iter()
                    .filter(|(amount, _)| *amount > 0)
                    .map(|(amount, class)| {
                        // Tall enough to be seen.
                        let height = part_of(*amount).max(1.5);
                        y -= height;
                        Bar {
                            x: units(x + step * 0.15),
                            y: units(y),
                            width: units(step * 0.7),
                            height: units(height),
                            class,
                        }
                    })
                    .collect();
                Slot { x: units(x), width: units(step), title: column.title, bars }
            })
            .collect();
        let lines = [0, top / 2, top]
            .into_iter()
            .map(|at| Mark { at: units(base - part_of(at)), text: amount(at) })
            .collect();
        Self { about, slots, lines, labels, width: WIDTH, height: HEIGHT, left: LEFT }
    }

    /// Whether there is nothing to see.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.bars.is_empty())
    }
}

fn units(at: f64) -> String {
    format!("{at:.1}")
}

/// The next of 2, 4, 10, 20, 40, 100, ...: half of it is a round number, too.
fn round_up(amount: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [2, 4, 10] {
            let round = unit.saturating_mul(step);
            if round >= amount {
                return round;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_the_line_and_keep_their_proportions() {
        let column = |parts: &[(u64, &'static str)]| Column {
            label: "l".into(),
            title: "t".into(),
            parts: parts.to_vec(),
        };
        let chart =
            Chart::new("about".into(), vec![column(&[(50, "a"), (25, "b")]), column(&[(100, "a")])], |n| {
                n.to_string()
            });
        let height =
            |slot: usize, bar: usize| chart.slots[slot].bars[bar].height.parse::<f64>().expect("number");
        assert!((height(0, 0) * 2.0 - height(1, 0)).abs() < 0.2);
        let bottom =
            |slot: usize| chart.slots[slot].bars[0].y.parse::<f64>().expect("number") + height(slot, 0);
        assert!((bottom(0) - (HEIGHT - BELOW)).abs() < 0.2 && (bottom(1) - (HEIGHT - BELOW)).abs() < 0.2);
        assert_eq!(chart.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["0", "50", "100"]);
        assert!(
            !chart.is_empty() && Chart::new(String::new(), vec![column(&[])], |n| n.to_string()).is_empty()
        );
    }

    #[test]
    fn round_numbers() {
        assert_eq!([0, 1, 3, 5, 99, 101, 1_234].map(round_up), [2, 2, 4, 10, 100, 200, 2_000]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }
}
