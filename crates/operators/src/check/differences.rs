//! How a reading differs from what a fixture says, in the fixture's own words.

use simgauge_domain::reading::{Bundle, Reading};
use simgauge_domain::time::UnixMs;

/// A field's name in a fixture, and its value there. `None` where the fixture leaves it out.
type Field = (String, Option<String>);

/// A line for each field that differs.
pub(super) fn of(read: &Reading, wanted: &Reading) -> Vec<String> {
    let mut lines = compared(fields(read), fields(wanted));
    for (index, (read, wanted)) in read.bundles.iter().zip(&wanted.bundles).enumerate() {
        lines.extend(compared(bundle(index, read), bundle(index, wanted)));
    }
    let (read, wanted) = (read.bundles.len(), wanted.bundles.len());
    if read != wanted {
        lines.push(format!("there are {read} `bundles`, the fixture says {wanted}"));
    }
    lines
}

/// A reading in one line.
pub(super) fn in_words(reading: &Reading) -> String {
    let given = fields(reading).into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| format!("`{name}` {value}")).collect::<Vec<_>>().join(", ")
}

fn compared(read: Vec<Field>, wanted: Vec<Field>) -> Vec<String> {
    let differing = read.into_iter().zip(wanted).filter(|(read, wanted)| read != wanted);
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
    differing
        .map(|((name, read), (_, wanted))| {
            format!("`{name}` is {}, the fixture says {}", or_nothing(read), or_nothing(wanted))
        })
        .collect()
}

fn fields(reading: &Reading) -> Vec<Field> {
    let period = &reading.period;
    [
        ("used", Some(reading.used.to_string())),
        ("total", reading.total.map(|total| total.to_string())),
        ("kind", Some(quoted(period.kind.as_str()))),
        ("key", Some(quoted(&period.key)).filter(|_| !period.key.is_empty())),
        ("start", time(period.start)),
        ("end", time(period.end)),
        ("as_of", time(reading.as_of)),
        ("status", reading.status.map(|status| quoted(status.as_str()))),
        ("raw_status", reading.raw_status.as_deref().map(quoted)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn bundle(index: usize, bundle: &Bundle) -> Vec<Field> {
    [
        ("code", Some(quoted(&bundle.code))),
        ("name", Some(quoted(&bundle.name))),
        ("used", Some(bundle.used.to_string())),
        ("total", bundle.total.map(|total| total.to_string())),
        ("start", time(bundle.start)),
        ("end", time(bundle.end)),
    ]
    .map(|(name, value)| (format!("bundles[{index}].{name}"), value))
    .into()
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn time(at: Option<UnixMs>) -> Option<String> {
    let stamp = jiff::Timestamp::from_millisecond(at?.0);
    Some(stamp.map_or_else(|_| format!("{} ms since 1970", at.unwrap_or_default().0), |at| at.to_string()))
}
