//! The calls about one part of the SIMs: one, or one for each page of a list.

use super::elements::{Elements, PageFacts};
use crate::definition::plan::{ManyPlan, NextPage, PagesPlan};
use crate::engine::connection::Connection;
use crate::engine::error::ReadError;
use crate::engine::login::Logins;
use crate::engine::reading::Span;
use crate::engine::run::{Batch, Run};
use crate::engine::{render, steps};
use crate::jq::{Globals, Program, text_of};
use jaq_json::Val;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use url::Url;

/// Reads every page. What the pages before a failure said is kept.
pub(super) async fn read(
    connection: &Connection,
    logins: &Logins,
    run: &mut Run<'_>,
    plan: &ManyPlan,
    iccids: Vec<String>,
    elements: &mut Elements<'_>,
) -> Result<(), ReadError> {
    let first = match plan.pages.as_ref().map(|pages| &pages.next) {
        Some(NextPage::Number(first)) => *first,
        _ => 1,
    };
    run.batch = Some(Batch { iccids, page: first, ..Batch::default() });
    let mut list = List::default();
    loop {
        // The time allowed is that of one page with its log-in.
        run.spent = Duration::ZERO;
        run.began = connection.now();
        let found = steps::read_step(connection, logins, run, &plan.step).await?;
        // The log-ins were good here. Each may run out once more on a later page.
        run.renewed.clear();
        run.made.clear();
        let globals = run.globals();
        let span = Span { began: run.began, ended: connection.now() };
        let facts = PageFacts { span, status: found.status };
        let page = elements.add(&found.value, &globals, facts)?;
        let Some(pages) = &plan.pages else { return Ok(()) };
        if elements.is_complete()
            || pages.last.as_ref().is_some_and(|last| last.holds(&found.value, &globals))
        {
            return Ok(());
        }
        match list.next(connection, run, pages, &found.value, page, &globals) {
            Ok(Some(next)) => run.batch = Some(next),
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.with_status(found.status)),
        }
    }
}

/// What is known of a list while it is read.
#[derive(Default)]
struct List {
    read: usize,
    /// The cursors and addresses so far.
    seen: HashSet<String>,
    /// The elements of the page before.
    before: Vec<Val>,
}

impl List {
    /// The call for the next page. `None` where there is none.
    fn next(
        &mut self,
        connection: &Connection,
        run: &Run<'_>,
        pages: &PagesPlan,
        body: &Val,
        page: Vec<Val>,
        globals: &Globals,
    ) -> Result<Option<Batch>, ReadError> {
        self.read += 1;
        let endless =
            |why: &str| Err(ReadError::bad_answer(format!("The operator's list does not end: {why}.")));
        let now = run.batch.clone().unwrap_or_default();
        let mut next = Batch { is_later: true, link: None, ..now };
        match &pages.next {
            NextPage::Number(_) if page.is_empty() => return Ok(None),
            NextPage::Number(_) => next.page = next.page.saturating_add(1),
            NextPage::Cursor(program) => match onward(program, body, globals)? {
                None => return Ok(None),
                Some(cursor) if !self.seen.insert(cursor.clone()) => return endless("a cursor came again"),
                Some(cursor) => next.cursor = cursor,
            },
            NextPage::Link(program) => match onward(program, body, globals)? {
                None => return Ok(None),
                Some(link) if !self.seen.insert(link.clone()) => return endless("a link came again"),
                Some(link) => next.link = Some(address(connection, run, &link)?),
            },
        }
        if !page.is_empty() && page == self.before {
            return endless("a page came again");
        }
        if self.read >= pages.most {
            return endless(&format!("it has more than {} pages", pages.most));
        }
        self.before = page;
        Ok(Some(next))
    }
}

/// How an answer says that the list goes on.
fn onward(program: &Program, body: &Val, globals: &Globals) -> Result<Option<String>, ReadError> {
    match program.one(body, globals) {
        Err(_) => Err(ReadError::bad_answer("The operator's answer does not say how its list goes on.")),
        Ok(None | Some(Val::Bool(false))) => Ok(None),
        Ok(Some(value)) => Ok(Some(text_of(&value)).filter(|text| !text.is_empty())),
    }
}

/// The next page's address. Only the operator's own host gets our credentials.
fn address(connection: &Connection, run: &Run<'_>, link: &str) -> Result<Url, ReadError> {
    let elsewhere = || ReadError::bad_answer("The operator's list goes on at another host.");
    let base = connection.base_url.trim_end_matches('/');
    // The operator writes its own base URL, also where the account is read through another one.
    let documented = match &connection.definition.base_url {
        None => None,
        Some(template) => {
            let values = connection.template_values(run, &BTreeMap::new())?;
            Some(render::text(&connection.definition.templates, template, &values)?)
        }
    };
    let below = documented.and_then(|documented| {
        let rest = link.strip_prefix(documented.trim_end_matches('/'))?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| format!("{base}{rest}"))
    });
    let base = Url::parse(&format!("{base}/")).map_err(|_| elsewhere())?;
    let url = base.join(below.as_deref().unwrap_or(link)).map_err(|_| elsewhere())?;
    let is_clean = url.username().is_empty() && url.password().is_none();
    if is_clean && url.origin() == base.origin() { Ok(url) } else { Err(elsewhere()) }
}
