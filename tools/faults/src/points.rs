//! Power cuts at points of a recording: what is left is opened by the program and audited.

use crate::audit::{Expected, audit};
use crate::disk::{replay, worst};
use crate::power::Recording;
use crate::record::Event;
use crate::world::{App, World};
use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// How many findings of a rule are shown for one point.
const SHOWN: usize = 3;

/// A power cut.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// How many events had been done.
    pub cut: usize,
    /// For what was not synced.
    pub seed: u64,
}

/// Points spread over the phases. Half of them are right after a note or a change of names: there the most is
/// known, or the least is settled. The first one is at the end of its phase, and on a disk that kept nothing
/// that was not synced.
#[must_use]
pub fn choose(events: &[Event], count: usize, seed: u64) -> Vec<Point> {
    let mut chance = StdRng::seed_from_u64(seed);
    let begins = |event: &Event| matches!(event, Event::Mark(note) if note.starts_with("phase "));
    let mut bounds: Vec<usize> = (0..events.len()).filter(|at| begins(&events[*at])).collect();
    bounds.push(events.len());
    let phases: Vec<_> = bounds.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let mut point = |n: usize| {
        let phase = phases[n % phases.len()].clone();
        let from = chance.random_range(phase.clone());
        let is_special = |event: &Event| {
            matches!(
                event,
                Event::Mark(_) | Event::Removed { .. } | Event::Renamed { .. } | Event::Named { .. }
            )
        };
        let special = (from..phase.end).find(|at| is_special(&events[*at]));
        let at = if chance.random() { special.unwrap_or(from) } else { from };
        let (last, seed) = (phase.end - 1, chance.random());
        if n == 0 { Point { cut: last + 1, seed: worst(seed) } } else { Point { cut: at + 1, seed } }
    };
    if phases.is_empty() { Vec::new() } else { (0..count).map(&mut point).collect() }
}

/// What was known before the power went.
#[derive(Clone, Debug, Default)]
struct Known {
    phase: String,
    expected: Expected,
    backups: Vec<String>,
}

fn known(events: &[Event]) -> anyhow::Result<Known> {
    let mut known = Known::default();
    for event in events {
        let Event::Mark(note) = event else { continue };
        match note.split(' ').collect::<Vec<_>>()[..] {
            ["refresh", id, number] => known.expected.answered.push((id.to_owned(), number.to_owned())),
            ["cards", count] => known.expected.cards = count.parse()?,
            ["backup", name] => known.backups.push(name.to_owned()),
            ["phase", phase] => known.phase = phase.to_owned(),
            ["rotated"] => {}
            _ => anyhow::bail!("the note {note:?} is not known"),
        }
    }
    Ok(known)
}

/// Cuts the power there, in a new folder `dir`. Answers what is not as it has to be; each with the point.
///
/// # Errors
/// The trial itself failed.
pub fn try_point(recording: &Recording, point: Point, dir: &Path) -> anyhow::Result<Vec<String>> {
    let known = known(&recording.events[..point.cut])?;
    std::fs::create_dir(dir)?;
    replay(&recording.base, &recording.events, point.cut, point.seed, &dir.join("disk"))?;
    let world = recording.world(dir)?;
    let mut found = Vec::new();
    for name in &known.backups {
        // It is of an earlier moment, so what was answered later need not be there.
        match audit(&world.beside(name), &Expected::default()) {
            Ok(violations) => found.extend(violations.iter().map(|one| format!("{name}: {one}"))),
            Err(error) => found.push(format!("{name} cannot be read: {error:#}")),
        }
    }
    open(&world, &recording.app, &known, point, dir, &mut found)?;
    let Point { cut, seed } = point;
    let links = if recording.links { ", through links" } else { "" };
    let of = format!("{}{links}, event {cut}, seed {seed}", known.phase);
    Ok(shortened(found).into_iter().map(|what| format!("{of}: {what}")).collect())
}

/// The first findings of each rule, and how many more there are: one lost sync loses a hundred refreshes.
fn shortened(found: Vec<String>) -> Vec<String> {
    let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for what in found {
        let rule = what.split(':').next().unwrap_or_default().to_owned();
        by_rule.entry(rule).or_default().push(what);
    }
    let short = |(rule, mut whats): (String, Vec<String>)| {
        let more = whats.len().saturating_sub(SHOWN);
        whats.truncate(SHOWN);
        whats.into_iter().chain((more > 0).then(|| format!("{rule}: {more} more")))
    };
    by_rule.into_iter().flat_map(short).collect()
}

/// Opens the store with the program, one way or another, and looks at it while it is served.
fn open(
    world: &World,
    app: &App,
    known: &Known,
    point: Point,
    dir: &Path,
    found: &mut Vec<String>,
) -> anyhow::Result<()> {
    let copy = world.beside("after.db");
    let copy = copy.to_str().context("a path is not UTF-8")?;
    let first: &[&[&str]] =
        &[&[], &["usage", "reconcile"], &["audit", "verify"], &["backup", copy], &["check", "--full"]];
    let first = first[usize::try_from(point.seed % 5)?];
    let is_there = |command: &&&str| world.run(&[command, "--help"]).is_ok();
    // Not every program that is tried has each command.
    let first = if first.first().filter(is_there).is_some() { first } else { &[] };
    if !first.is_empty()
        && let Err(error) = world.run(first)
    {
        found.push(format!("`simgauge {}`: {error:#}", first.join(" ")));
    }
    let server = match world.serve(dir) {
        Ok(server) => server,
        Err(error) => {
            found.push(format!("it does not serve: {error:#}"));
            return Ok(());
        }
    };
    // Answered only where the app's secret can be opened with the key that is left.
    if let Some((id, number)) = known.expected.answered.first() {
        let read = [
            ("/api/v3/card/getCardsInfo", json!({ "iccid": number })),
            ("/api/v3/refresh/get", json!({ "refreshId": id })),
        ];
        for (path, fields) in read {
            let (code, data) = app.call(world.address, path, &fields)?;
            if code != "200" {
                found.push(format!("{path} answers {code} {data}"));
            }
        }
    }
    match audit(&world.store(), &known.expected) {
        Ok(violations) => found.extend(violations.iter().map(ToString::to_string)),
        Err(error) => found.push(format!("the store cannot be audited: {error:#}")),
    }
    server.kill()
}
