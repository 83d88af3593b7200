//! Callers: a number of calls a second, of all kinds. Every answer is checked.

use super::calls::{
    BAD_BODIES, CARD, CONSOLE_EVENTS, CONSOLE_PAGES, DOCUMENTS, HALF_BODY, HALF_HEAD, HISTORY, KINDS, Kind,
    LIST, Paths, REFRESH, Target, any_customer, signed, signed_as, unix_seconds,
};
use super::world::{ADMIN, Customer, HASTY, World};
use anyhow::{Context as _, ensure};
use rand::seq::IndexedRandom as _;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// The most calls in progress at once. A further call is skipped and counted.
const MAX_CALLS: usize = 256;
/// How many unexpected answers are kept with their text.
const MAX_KEPT_SURPRISES: usize = 20;
/// Callers that fill the store's caches at once, several times as many as the store has connections for
/// reading.
const FILLERS: u64 = 32;
/// The largest page of a list, and how often the callers go through all pages.
const LIST_PAGE_SIZE: u64 = 500;
const PASSES: usize = 3;
/// How long a page that stays open is read.
const PAGE_TIME: Duration = Duration::from_secs(3);

/// The answers of all calls.
#[derive(Default)]
pub(super) struct Seen(Mutex<Counts>);

#[derive(Default)]
pub(super) struct Counts {
    /// By kind and code.
    pub(super) codes: BTreeMap<(Kind, String), u64>,
    /// Refreshes answered with 200: id and card.
    pub(super) accepted: HashMap<String, String>,
    /// Their ids with the customer, to ask about.
    ids: Vec<(String, usize)>,
    pub(super) surprise_count: u64,
    pub(super) surprises: Vec<String>,
    pub(super) left_out: u64,
}

impl Seen {
    pub(super) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> u64 {
        self.lock().codes.values().sum()
    }

    fn surprise(&self, what: String) {
        let mut counts = self.lock();
        counts.surprise_count += 1;
        if counts.surprises.len() < MAX_KEPT_SURPRISES {
            counts.surprises.push(what);
        }
    }
}

pub(super) struct Load {
    world: Arc<World>,
    seen: Arc<Seen>,
    rate: f64,
}

struct Caller {
    world: Arc<World>,
    seen: Arc<Seen>,
    http: reqwest::Client,
    cookie: String,
}

impl Load {
    pub(super) fn new(world: &Arc<World>, seen: &Arc<Seen>, rate: f64) -> Self {
        Self { world: Arc::clone(world), seen: Arc::clone(seen), rate }
    }

    /// Makes the store read so much that the caches of its connections are full, which would take hours
    /// otherwise. It asks for as many refreshes as possible (most are refused, because the lanes have enough
    /// to do), then for lists of all cards.
    pub(super) async fn fill(self, cards: u64) -> anyhow::Result<()> {
        let caller = Arc::new(self.caller().await?);
        let mut fillers = JoinSet::new();
        for filler in 0..FILLERS {
            let caller = Arc::clone(&caller);
            fillers.spawn(async move { caller.fill(filler, cards / 20 / FILLERS).await });
        }
        while let Some(filled) = fillers.join_next().await {
            filled??;
        }
        Ok(())
    }

    async fn caller(self) -> anyhow::Result<Caller> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let cookie = log_in(&http, &self.world).await.context("the admin cannot log in")?;
        Ok(Caller { world: self.world, seen: self.seen, http, cookie })
    }

    /// Makes calls for `length`, then waits for the last answers. Its connections end with it.
    pub(super) async fn run(self, length: Duration) -> anyhow::Result<()> {
        let rate = self.rate;
        let caller = Arc::new(self.caller().await?);
        let slots = Arc::new(Semaphore::new(MAX_CALLS));
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = Instant::now() + length;
        while Instant::now() < end {
            ticks.tick().await;
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                caller.seen.lock().left_out += 1;
                continue;
            };
            let caller = Arc::clone(&caller);
            tokio::spawn(async move {
                caller.call().await;
                drop(slot);
            });
        }
        // With every slot taken, no call is in progress.
        let _ = slots.acquire_many(u32::try_from(MAX_CALLS)?).await?;
        Ok(())
    }
}

async fn log_in(http: &reqwest::Client, world: &World) -> anyhow::Result<String> {
    let url = format!("http://{}/console/login", world.address);
    let page = http.get(&url).send().await?;
    let cookie = cookies(&page);
    let text = page.text().await?;
    let (_, rest) = text.split_once("name=\"csrf\" value=\"").context("there is no form")?;
    let csrf = rest.split('"').next().unwrap_or_default();
    // Nothing in the form needs escaping.
    let form = format!("csrf={csrf}&name={}&password={}", ADMIN.0, ADMIN.1);
    let kind = "application/x-www-form-urlencoded";
    let answer =
        http.post(&url).header(COOKIE, cookie).header("content-type", kind).body(form).send().await?;
    ensure!(answer.headers().contains_key(LOCATION), "{}", answer.status());
    Ok(cookies(&answer))
}

fn cookies(answer: &reqwest::Response) -> String {
    let lines = answer.headers().get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs: Vec<&str> = lines.filter_map(|line| line.split(';').next()).collect();
    pairs.join("; ")
}

impl Caller {
    async fn fill(&self, filler: u64, refreshes: u64) -> anyhow::Result<()> {
        for _ in 0..refreshes {
            let target = Target::any(any_customer(&self.world));
            self.refresh(&target, target.fields()).await?;
        }
        for customer in std::iter::repeat_n(&self.world.customers[..HASTY], PASSES).flatten() {
            let pages = u64::try_from(customer.sims.len())? / LIST_PAGE_SIZE;
            for page in (1..=pages).filter(|page| page % FILLERS == filler) {
                let page = json!({ "pageNum": page, "pageSize": LIST_PAGE_SIZE });
                self.ask(LIST.0, signed(customer, page)).await?;
            }
        }
        Ok(())
    }

    /// Makes a call of a random kind and counts its code.
    async fn call(&self) {
        let (kind, _, right) =
            KINDS.choose_weighted(&mut rand::rng(), |(_, share, _)| *share).copied().unwrap_or(KINDS[0]);
        let code = match self.make(kind).await {
            Ok(Some(code)) => code,
            // There is nothing to ask about yet.
            Ok(None) => return,
            Err(error) => format!("{error:#}"),
        };
        if !right.contains(&code.as_str()) {
            self.seen.surprise(format!("{kind:?}: {code}"));
        }
        *self.seen.lock().codes.entry((kind, code)).or_default() += 1;
    }

    /// Makes a call of this kind. Returns its code, or `None` where there is nothing to ask about yet.
    async fn make(&self, kind: Kind) -> anyhow::Result<Option<String>> {
        let target = &Target::any(any_customer(&self.world));
        let code = match kind {
            Kind::Refresh => self.refresh(target, target.fields()).await?.0,
            Kind::RefreshAndWait => self.refresh_and_wait(target, rand::random_range(1..=8)).await?,
            Kind::RefreshTwice => self.refresh_twice(target).await?,
            Kind::RefreshResent => self.resend(target).await?,
            Kind::RefreshAndLeave => {
                let call = self.refresh_and_wait(target, 8);
                let _ = tokio::time::timeout(Duration::from_millis(rand::random_range(1..300)), call).await;
                "gone".to_owned()
            }
            Kind::RefreshOverQuota => {
                let target = Target::any(&self.world.customers[HASTY]);
                self.refresh(&target, target.fields()).await?.0
            }
            Kind::Card => self.ask_about(target, CARD).await?,
            Kind::History => self.ask_about(target, HISTORY).await?,
            Kind::List => {
                let page = json!({ "pageNum": rand::random_range(1..=20), "pageSize": 50 });
                self.ask(target.path(LIST), signed(target.customer, page)).await?.0
            }
            Kind::RefreshReport => return self.ask_about_a_refresh().await,
            Kind::ReadReplayed => {
                let body = signed(target.customer, target.fields());
                self.ask(target.path(CARD), body.clone()).await?;
                self.ask(target.path(CARD), body).await?.0
            }
            Kind::ForeignCard => self.ask_about_a_foreign_card(target.customer).await?,
            Kind::WrongSign => {
                let body = signed_as(&target.customer.appkey, "no-secret", unix_seconds(), target.fields());
                self.ask(target.path(REFRESH), body).await?.0
            }
            Kind::UnknownAppkey => {
                let body = signed_as("nobody", "no-secret", unix_seconds(), target.fields());
                self.ask(target.path(CARD), body).await?.0
            }
            Kind::OldTimestamp => {
                let Customer { appkey, secret, .. } = target.customer;
                let body = signed_as(appkey, secret, unix_seconds() - 3_600, target.fields());
                self.ask(target.path(CARD), body).await?.0
            }
            Kind::BadBody => {
                let body = BAD_BODIES.choose(&mut rand::rng()).copied().unwrap_or_default();
                self.ask(REFRESH.0, body.to_owned()).await?.0
            }
            Kind::TooLarge => self.ask(REFRESH.0, " ".repeat(20_000)).await?.0,
            Kind::NoPath => self.ask("/api/v3/card/nothing", "{}".to_owned()).await?.0,
            Kind::WrongMethod => code_of(self.http.get(self.url(REFRESH.0)).send().await?).await?.0,
            Kind::HalfHead => self.leave(HALF_HEAD).await?,
            Kind::HalfBody => self.leave(HALF_BODY).await?,
            Kind::Console => self.page(CONSOLE_PAGES).await?,
            Kind::ConsoleEvents => {
                let _ = tokio::time::timeout(PAGE_TIME, self.page(CONSOLE_EVENTS)).await;
                "gone".to_owned()
            }
            Kind::Document => self.page(DOCUMENTS).await?,
        };
        Ok(Some(code))
    }

    async fn refresh_and_wait(&self, target: &Target<'_>, seconds: u8) -> anyhow::Result<String> {
        let mut fields = target.fields();
        fields["wait"] = seconds.into();
        Ok(self.refresh(target, fields).await?.0)
    }

    async fn refresh_twice(&self, target: &Target<'_>) -> anyhow::Result<String> {
        let (first, _) = self.refresh(target, target.fields()).await?;
        // A lane that had too much to do may have less a moment later.
        if first == "503" { Ok(first) } else { Ok(self.refresh(target, target.fields()).await?.0) }
    }

    async fn ask_about(&self, target: &Target<'_>, paths: Paths) -> anyhow::Result<String> {
        Ok(self.ask(target.path(paths), signed(target.customer, target.fields())).await?.0)
    }

    async fn ask_about_a_refresh(&self) -> anyhow::Result<Option<String>> {
        let some = self.seen.lock().ids.choose(&mut rand::rng()).cloned();
        let Some((id, owner)) = some else { return Ok(None) };
        let body = signed(&self.world.customers[owner], json!({ "refreshId": id }));
        Ok(Some(self.ask("/api/v3/refresh/get", body).await?.0))
    }

    async fn ask_about_a_foreign_card(&self, customer: &Customer) -> anyhow::Result<String> {
        let other = self.world.customers.iter().find(|other| other.account != customer.account);
        let foreign = Target::any(other.context("there is one customer only")?);
        Ok(self.ask(foreign.path(REFRESH), signed(customer, foreign.fields())).await?.0)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.world.address)
    }

    async fn ask(&self, path: &str, body: String) -> anyhow::Result<(String, Value)> {
        code_of(self.http.post(self.url(path)).body(body).send().await?).await
    }

    async fn refresh(&self, target: &Target<'_>, fields: Value) -> anyhow::Result<(String, Option<String>)> {
        self.refresh_with(target, signed(target.customer, fields)).await
    }

    async fn refresh_with(
        &self,
        target: &Target<'_>,
        body: String,
    ) -> anyhow::Result<(String, Option<String>)> {
        let (code, answer) = self.ask(target.path(REFRESH), body).await?;
        if code != "200" {
            return Ok((code, None));
        }
        let id = answer["data"]["refreshId"].as_str().context("200 without a refreshId")?.to_owned();
        let owner = self.world.customers.iter().position(|one| one.account == target.customer.account);
        let mut counts = self.seen.lock();
        let is_new = counts.accepted.insert(id.clone(), target.number.to_owned()).is_none();
        // The customer with a quota would be refused the question.
        if let Some(owner) = owner.filter(|owner| is_new && *owner != HASTY) {
            counts.ids.push((id.clone(), owner));
        }
        drop(counts);
        Ok((code, Some(id)))
    }

    /// Sends the identical request twice. Both must get the same refresh.
    async fn resend(&self, target: &Target<'_>) -> anyhow::Result<String> {
        let body = signed(target.customer, target.fields());
        let (first, id) = self.refresh_with(target, body.clone()).await?;
        let (second, again) = self.refresh_with(target, body).await?;
        if id.is_some() && id != again {
            return Ok(format!("{first}, and then {second} with another refresh"));
        }
        Ok(second)
    }

    /// Sends some bytes and closes the connection.
    async fn leave(&self, bytes: &[u8]) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.world.address).await?;
        stream.write_all(bytes).await?;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..500))).await;
        Ok("gone".to_owned())
    }

    /// One of these pages, read to its end.
    async fn page(&self, pages: &[&str]) -> anyhow::Result<String> {
        let path = pages.choose(&mut rand::rng()).copied().unwrap_or("/");
        let answer = self.http.get(self.url(path)).header(COOKIE, &self.cookie).send().await?;
        let status = answer.status().as_u16().to_string();
        answer.bytes().await?;
        Ok(status)
    }
}

/// The code of an envelope.
async fn code_of(answer: reqwest::Response) -> anyhow::Result<(String, Value)> {
    let status = answer.status();
    let body: Value = serde_json::from_str(&answer.text().await?)
        .with_context(|| format!("{status} without an envelope"))?;
    let code = body["code"].as_str().context("an envelope without a code")?.to_owned();
    Ok((code, body))
}
