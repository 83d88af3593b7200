//! Importing cards: a file is taken, checked without storing anything, and then imported.

use crate::action::{Action, acting, perform};
use crate::export::file;
use crate::live::{changes, digest};
use crate::page::{Act, PageError, PageResult, ReadSession, Shell, html, visitor};
use crate::state::ConsoleState;
use crate::text::fill;
use crate::view::{ViewContext, When, percent};
use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Path, Request, State};
use axum::response::{IntoResponse as _, Redirect};
use simgauge_admin::import::{CardImportSummary, ImportError, ImportOptions, Mode, Progress};
use simgauge_admin::{Administration, human};
use simgauge_domain::time::UnixMs;
use simgauge_store::Session;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Imports that are remembered; the oldest that has ended gives way.
const JOBS: usize = 20;
/// Refused rows on the page; the file has them all.
const SHOWN_ROWS: usize = 200;
/// Characters of a file's name that are kept.
const NAME_MAX: usize = 120;
/// Bytes of the refused rows' file that are sent at a time.
const PIECE: usize = 64 * 1024;

/// The imports of this process.
#[derive(Default)]
pub(crate) struct ImportJobs(Mutex<VecDeque<Arc<Job>>>);

/// A check or an import of a file.
struct Job {
    id: String,
    /// What the file was called.
    name: String,
    mode: Mode,
    admin: String,
    began_at: UnixMs,
    size: u64,
    /// Shared by the check and the import that follows it; gone with the last of them.
    upload: Arc<TempPath>,
    errors: TempPath,
    stand: Mutex<Stand>,
}

#[derive(Clone, Default)]
struct Stand {
    progress: Progress,
    end: Option<Result<CardImportSummary, String>>,
}

impl Job {
    fn stand(&self) -> Stand {
        self.stand.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(&mut Stand)) {
        change(&mut self.stand.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn is_over(&self) -> bool {
        self.stand.lock().unwrap_or_else(PoisonError::into_inner).end.is_some()
    }
}

impl ImportJobs {
    fn get(&self, id: &str) -> Option<Arc<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|job| job.id == id).cloned()
    }

    fn newest_first(&self) -> Vec<Arc<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    fn add(&self, job: Arc<Job>) -> PageResult<()> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= JOBS {
            let over = jobs.iter().position(|job| job.is_over()).ok_or(PageError::Busy)?;
            jobs.remove(over);
        }
        jobs.push_back(job);
        Ok(())
    }
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "check",
        Mode::Chunks => "good_rows",
        Mode::AllOrNothing => "all_or_nothing",
    }
}

struct JobRow {
    id: String,
    name: String,
    mode: String,
    admin: String,
    began: When,
    rows: String,
    bad: String,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "console/import.html")]
struct ImportPage {
    shell: Shell,
    max_mib: u64,
    jobs: Vec<JobRow>,
}

/// The page with the form.
pub(crate) async fn page(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let now = state.services.clock.now();
    let context = ViewContext { t: read.texts(), now, zone: &state.services.zone };
    let jobs = state.imports.newest_first();
    html(&ImportPage {
        max_mib: state.config.import_max_mib,
        jobs: jobs
            .iter()
            .map(|job| {
                let stand = job.stand();
                JobRow {
                    id: job.id.clone(),
                    name: job.name.clone(),
                    mode: context.t.named("import_mode", mode_name(job.mode)),
                    admin: job.admin.clone(),
                    began: context.when(job.began_at),
                    rows: human::count(stand.progress.rows),
                    bad: human::count(stand.progress.bad),
                    is_over: stand.end.is_some(),
                }
            })
            .collect(),
        shell: read.shell("import", now),
    })
}

/// Takes a file and begins to check it. The form's token comes first, so that nothing of a forged form is kept.
pub(crate) async fn upload(State(state): State<ConsoleState>, request: Request) -> PageResult {
    let (parts, body) = request.into_parts();
    let visitor = visitor(&parts)?;
    let who = visitor.may_act()?.clone();
    let bad = || PageError::Bad(visitor.texts.get("import.no_file").to_owned());
    let mut form =
        Multipart::from_request(Request::from_parts(parts, body), &state).await.map_err(|_| bad())?;
    let token = form.next_field().await.map_err(|_| bad())?.filter(|field| field.name() == Some("csrf"));
    let token = match token {
        Some(field) => short_text(field).await.unwrap_or_default(),
        None => String::new(),
    };
    if !visitor.is_own_form(&token) {
        return Err(PageError::Forged);
    }
    let mut field = form
        .next_field()
        .await
        .map_err(|_| bad())?
        .filter(|field| field.name() == Some("file"))
        .ok_or_else(bad)?;
    let name: String =
        field.file_name().unwrap_or_default().chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let upload = NamedTempFile::with_prefix("simgauge-import-").map_err(PageError::internal)?;
    let mut to = tokio::fs::File::from_std(upload.reopen().map_err(PageError::internal)?);
    let most = state.config.import_max_mib.saturating_mul(1024 * 1024);
    let mut size = 0_u64;
    while let Some(bytes) = field.chunk().await.map_err(|_| bad())? {
        size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > most {
            return Err(PageError::TooLarge(state.config.import_max_mib));
        }
        to.write_all(&bytes).await.map_err(PageError::internal)?;
    }
    to.flush().await.map_err(PageError::internal)?;
    if size == 0 {
        return Err(bad());
    }
    let upload = Arc::new(upload.into_temp_path());
    begin(&state, &who, name, size, upload, Mode::DryRun).await
}

/// A field's text, if it is no longer than a token.
async fn short_text(mut field: axum::extract::multipart::Field<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > 256 {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Imports a file that was checked.
pub(crate) async fn start(State(state): State<ConsoleState>, Path(id): Path<String>, act: Act) -> PageResult {
    let checked = state.imports.get(&id).filter(|job| job.is_over()).ok_or(PageError::NotFound)?;
    let mode = match act.form.get("mode") {
        "good_rows" => Mode::Chunks,
        "all_or_nothing" => Mode::AllOrNothing,
        _ => return Err(PageError::NotFound),
    };
    begin(&state, &act.who, checked.name.clone(), checked.size, Arc::clone(&checked.upload), mode).await
}

async fn begin(
    state: &ConsoleState,
    who: &Session,
    name: String,
    size: u64,
    upload: Arc<TempPath>,
    mode: Mode,
) -> PageResult {
    let job = Arc::new(Job {
        id: format!("{:016x}", rand::random::<u64>()),
        name: name.clone(),
        mode,
        admin: who.admin.clone(),
        began_at: state.services.clock.now(),
        size,
        upload,
        errors: NamedTempFile::with_prefix("simgauge-import-").map_err(PageError::internal)?.into_temp_path(),
        stand: Mutex::default(),
    });
    state.imports.add(Arc::clone(&job))?;
    perform(state, who, Action::ImportCards { file: name, mode: mode_name(mode) }).await?;
    let path = format!("/console/import/{}", job.id);
    tokio::spawn(run(state.clone(), acting(state, &who.admin), job));
    Ok(Redirect::to(&path).into_response())
}

async fn run(state: ConsoleState, administration: Administration, job: Arc<Job>) {
    let operators: Vec<String> = state.operators.keys().cloned().collect();
    let progress = |progress| job.set(|stand| stand.progress = progress);
    let imported = async {
        let from = File::open(&*job.upload).map_err(ImportError::Unreadable)?;
        let options = ImportOptions {
            errors_path: job.errors.to_path_buf(),
            shown_rows: SHOWN_ROWS,
            progress: &progress,
        };
        administration.import_cards(Box::new(from), &operators, job.mode, options).await
    };
    // Without the paths of our own files: the error names the line of the file and what is wrong there.
    let end = imported.await.map_err(|error| {
        tracing::warn!(%error, file = job.name, "an import broke off");
        error.with_causes()
    });
    if let Ok(summary) = &end {
        let (rows, stored, bad) = (summary.file.rows, summary.file.imported, summary.file.bad);
        tracing::info!(
            admin = job.admin,
            file = job.name,
            mode = mode_name(job.mode),
            rows,
            stored,
            bad,
            "an import ended"
        );
    }
    job.set(|stand| stand.end = Some(end));
}

struct BadRow {
    line: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "console/import_job.html")]
struct JobPage {
    shell: Shell,
    id: String,
    name: String,
    mode: String,
    is_check: bool,
    is_over: bool,
    is_nothing_stored: bool,
    percent: u64,
    rows: String,
    good: String,
    bad: String,
    bad_count: u64,
    good_count: u64,
    seconds: String,
    failed: Option<String>,
    warnings: Vec<String>,
    bad_rows: Vec<BadRow>,
    more_bad: bool,
    digest: String,
}

/// How a check or an import stands.
pub(crate) async fn job(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    read: ReadSession,
) -> PageResult {
    let job = state.imports.get(&id).ok_or(PageError::NotFound)?;
    let stand = job.stand();
    let t = read.texts();
    let summary = stand.end.as_ref().and_then(|end| end.as_ref().ok()).cloned();
    let progress = stand.progress;
    let (rows, bad) = summary
        .as_ref()
        .map_or((progress.rows, progress.bad), |summary| (summary.file.rows, summary.file.bad));
    let good = summary.as_ref().map_or(progress.rows - progress.bad, |summary| summary.file.imported);
    let mut warnings = Vec::new();
    let bad_rows: Vec<BadRow> = summary
        .as_ref()
        .map(|summary| {
            let digits = &summary.warnings;
            let odd = [("iccid", digits.iccid_check_digits), ("eid", digits.eid_check_digits)];
            for (number, count) in odd.into_iter().filter(|(_, count)| *count > 0) {
                warnings.push(fill(&t.named("check_digits", number), &[&human::count(count)]));
            }
            let rows = summary.file.first_bad.iter();
            rows.map(|(line, reason)| BadRow { line: line.to_string(), reason: reason.clone() }).collect()
        })
        .unwrap_or_default();
    html(&JobPage {
        is_check: job.mode == Mode::DryRun,
        is_over: stand.end.is_some(),
        is_nothing_stored: job.mode == Mode::AllOrNothing && bad > 0,
        percent: if stand.end.is_some() { 100 } else { percent(progress.position, job.size) },
        rows: human::count(rows),
        good: human::count(good),
        bad: human::count(bad),
        good_count: good,
        bad_count: bad,
        seconds: summary.as_ref().map(|summary| format!("{:.1}", summary.file.seconds)).unwrap_or_default(),
        failed: stand.end.as_ref().and_then(|end| end.as_ref().err()).cloned(),
        warnings,
        more_bad: bad > u64::try_from(bad_rows.len()).unwrap_or(0),
        bad_rows,
        digest: shown(&stand),
        mode: t.named("import_mode", mode_name(job.mode)),
        name: job.name.clone(),
        id,
        shell: read.shell("import", state.services.clock.now()),
    })
}

fn shown(stand: &Stand) -> String {
    digest(&(stand.progress.position, stand.progress.rows, stand.progress.bad, stand.end.is_some()))
}

/// Tells the page when to show itself anew.
pub(crate) async fn events(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    read: ReadSession,
) -> PageResult {
    let job = state.imports.get(&id).ok_or(PageError::NotFound)?;
    changes(&state, &read.visitor, read.query.get("seen"), Duration::from_millis(300), move || {
        let shown = shown(&job.stand());
        async move { Ok(shown) }
    })
}

/// The refused rows, with line and reason: to be mended and imported again.
pub(crate) async fn errors(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    _: ReadSession,
) -> PageResult {
    let job = state.imports.get(&id).filter(|job| job.is_over()).ok_or(PageError::NotFound)?;
    let opened = tokio::fs::File::open(&*job.errors).await.map_err(PageError::internal)?;
    // The job goes with the stream, so that the file stays until it is sent.
    let pieces = futures::stream::unfold((opened, job), |(mut opened, job)| async move {
        let mut piece = vec![0; PIECE];
        match opened.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(piece), (opened, job)))
            }
            Err(error) => Some((Err(error), (opened, job))),
        }
    });
    Ok(file(&format!("import-{id}-errors"), Body::from_stream(pieces)))
}
