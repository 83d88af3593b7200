//! `simgauge usage reconcile`: whether the books agree with the readings, and the readings with the operators' last figures.

use super::history;
use crate::cli::human;
use crate::cli::input::known_account;
use crate::cli::output::Output;
use anyhow::bail;
use serde::Serialize;
use simgauge_client::answer::ReadingAnswer;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardSums, CardView, ProfileView, Store};
use std::process::ExitCode;
use std::time::Duration;

/// Cards looked at together: their sums are worked out in memory.
const PAGE: i64 = 50;
/// Readings told with a difference.
const TOLD_READINGS: usize = 10;
/// A card and its sums are not read in one transaction, and a server may be booking: what does not agree is looked at again.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// The arguments of `usage reconcile`.
#[derive(Debug, clap::Args)]
pub struct ReconcileArgs {
    /// Only cards of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only this card, by ICCID or EID.
    #[arg(long, value_name = "NUMBER")]
    card: Option<String>,
    /// Tell at most so many differences; the rest is only counted.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

/// A sum that is not what it has to be.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    card: String,
    account: String,
    #[serde(flatten)]
    what: What,
    /// The newest readings, newest first.
    readings: Vec<ReadingAnswer>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "kind")]
enum What {
    /// Bytes on packages and overage, all that was ever booked, and all that was ever counted: three times the same.
    Books { ledger_bytes: i128, booked_bytes: i64, counted_bytes: i64 },
    /// What was counted since the operator's count last began anew, and the operator's own figure.
    Operator { iccid: String, operator_account: String, counted_bytes: i64, operator_bytes: u64 },
}

/// How it went.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    cards: u64,
    profiles: u64,
    differing_cards: u64,
    difference_count: u64,
    differences: Vec<Difference>,
}

/// Runs the command: exit code 0 says that everything agrees, 1 that something does not.
///
/// # Errors
/// There is no such card or account, or the store failed.
pub async fn run(args: ReconcileArgs, store: &Store, output: &Output) -> anyhow::Result<ExitCode> {
    known_account(store, args.account.as_deref()).await?;
    let mut summary = Summary::default();
    match &args.card {
        Some(number) => {
            let number = number.to_ascii_uppercase();
            let card = store.card_of_any(&number).await?;
            let Some(card) = card.filter(|card| args.account.as_ref().is_none_or(|own| *own == card.account))
            else {
                bail!(
                    "there is no card {number}{}",
                    if args.account.is_some() { " of this account" } else { "" }
                );
            };
            summary.add(vec![card], store, args.limit, output).await?;
        }
        None => {
            let mut after = String::new();
            loop {
                let page = store.cards_after(args.account.as_deref(), &after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.number);
                summary.add(page, store, args.limit, output).await?;
            }
        }
    }
    output.print(&summary, || summary.in_words(args.limit))?;
    Ok(ExitCode::from(u8::from(summary.difference_count > 0)))
}

impl Summary {
    async fn add(
        &mut self,
        cards: Vec<CardView>,
        store: &Store,
        limit: usize,
        output: &Output,
    ) -> anyhow::Result<()> {
        let ids: Vec<CardId> = cards.iter().map(|card| card.id).collect();
        let mut sums = store.sums(&ids).await?;
        for card in &cards {
            self.cards += 1;
            self.profiles += count(card.profiles.iter().filter(|profile| profile.counted.is_some()).count());
            let found = differences(card, &sums.remove(&card.id).unwrap_or_default());
            let found = if found.is_empty() { found } else { again(store, card, found).await? };
            self.differing_cards += u64::from(!found.is_empty());
            for what in found {
                let told = self.difference_count < count(limit);
                self.difference_count += 1;
                if told {
                    self.tell(explained(store, card, what).await?, output)?;
                }
            }
        }
        Ok(())
    }

    /// For people at once, for programs at the end, as one document.
    fn tell(&mut self, difference: Difference, output: &Output) -> anyhow::Result<()> {
        if output.json {
            self.differences.push(difference);
            return Ok(());
        }
        output.print(&(), || difference.in_words())
    }

    fn in_words(&self, limit: usize) -> String {
        let were = if self.profiles == 1 { "was" } else { "were" };
        let looked = format!(
            "{} with {} that {were} read",
            counted(self.cards, "card"),
            counted(self.profiles, "profile")
        );
        if self.difference_count == 0 {
            return format!("{looked}: all agree");
        }
        let differences = counted(self.difference_count, "difference");
        let untold = self.difference_count.saturating_sub(count(limit));
        let rest = if untold > 0 { format!(" ({} not shown)", human::count(untold)) } else { String::new() };
        format!("{looked}: {differences} on {}{rest}", counted(self.differing_cards, "card"))
    }
}

/// `1 card`, `2 cards`.
fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", human::count(number), if number == 1 { "" } else { "s" })
}

impl Difference {
    fn in_words(&self) -> String {
        let exact = |bytes: i128| {
            let sign = if bytes < 0 { "-" } else { "" };
            format!("{sign}{} bytes", human::count(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX)))
        };
        let what = match &self.what {
            What::Books { ledger_bytes, booked_bytes, counted_bytes } => format!(
                "packages and overage hold {}, the books add up to {}, the readings to {}",
                exact(*ledger_bytes),
                exact((*booked_bytes).into()),
                exact((*counted_bytes).into()),
            ),
            What::Operator { iccid, operator_account, counted_bytes, operator_bytes } => format!(
                "profile {iccid} at {operator_account}: the readings of the current count add up to {}, the operator's last \
                 figure is {}",
                exact((*counted_bytes).into()),
                exact((*operator_bytes).into()),
            ),
        };
        let readings = history::readings(&self.readings).or("no readings");
        format!("card {} of {}: {what}\n{readings}\n", self.card, self.account)
    }
}

/// What does not agree on a card.
fn differences(card: &CardView, sums: &CardSums) -> Vec<What> {
    let packages = card.packages.iter().map(|own| i128::from(own.package.booked));
    let ledger_bytes = packages.sum::<i128>() + i128::from(card.overage);
    let agree = ledger_bytes == i128::from(sums.booked) && sums.booked == sums.counted;
    let books = (!agree).then_some(What::Books {
        ledger_bytes,
        booked_bytes: sums.booked,
        counted_bytes: sums.counted,
    });
    let profiles = card.profiles.iter().filter_map(|profile| {
        let (cycle, figure) = last_figure(profile)?;
        let counted_bytes = sums.by_cycle.get(&(profile.id, cycle)).copied().unwrap_or_default();
        (i128::from(counted_bytes) != i128::from(figure)).then(|| What::Operator {
            iccid: profile.iccid.clone(),
            operator_account: profile.operator_account.clone(),
            counted_bytes,
            operator_bytes: figure,
        })
    });
    books.into_iter().chain(profiles).collect()
}

/// The current count of a profile and the operator's last figure in it; nothing before it was read. Bundles that ended are
/// no longer in the operator's own figure but stay in the count, so that with bundles the sum over all of them is it.
fn last_figure(profile: &ProfileView) -> Option<(u32, u64)> {
    let (cycle, of_bundles) = profile.counted?;
    Some((cycle, if profile.bundles.is_empty() { profile.used? } else { of_bundles }))
}

/// What still does not agree when nothing was just being booked.
async fn again(store: &Store, card: &CardView, mut found: Vec<What>) -> anyhow::Result<Vec<What>> {
    for _ in 1..LOOKS {
        tokio::time::sleep(PAUSE).await;
        let Some(card) = store.card_of_any(&card.number).await? else { return Ok(Vec::new()) };
        let sums = store.sums(&[card.id]).await?.remove(&card.id).unwrap_or_default();
        found = differences(&card, &sums);
        if found.is_empty() {
            break;
        }
    }
    Ok(found)
}

async fn explained(store: &Store, card: &CardView, what: What) -> anyhow::Result<Difference> {
    let profile = match &what {
        What::Books { .. } => None,
        What::Operator { iccid, .. } => Some(iccid.as_str()),
    };
    // The card's profiles are read about equally often.
    let wanted = TOLD_READINGS * profile.map_or(1, |_| card.profiles.len().clamp(1, 50));
    let readings = store.readings(card.id, UnixMs(i64::MAX), i64::try_from(wanted)?).await?;
    let readings = readings.into_iter().filter(|reading| profile.is_none_or(|iccid| reading.iccid == iccid));
    let readings = readings.take(TOLD_READINGS).map(|reading| ReadingAnswer {
        iccid: reading.iccid,
        synced_at: reading.synced_at.seconds(),
        as_of: reading.as_of.map(UnixMs::seconds),
        used_bytes: reading.used,
        delta_bytes: reading.delta,
        kind: reading.kind.as_str().to_owned(),
    });
    Ok(Difference {
        card: card.number.clone(),
        account: card.account.clone(),
        readings: readings.collect(),
        what,
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
