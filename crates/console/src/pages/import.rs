//! Importing cards: a file is uploaded, checked without storing anything, and then imported.

use crate::action::{Action, acting, perform};
use crate::error::{PageError, PageResult};
use crate::export::file;
use crate::import_jobs::{Job, JobState, SharedFile, Upload, temp_file};
use crate::live::{changes, digest};
use crate::page::{Shell, html};
use crate::request::{ActionRequest, PageRequest, visitor};
use crate::state::ConsoleState;
use crate::text::{Texts, fill};
use crate::view::{ViewContext, When, percent};
use askama::Template;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::{IntoResponse as _, Redirect};
use simgauge_admin::import::{CardImportSummary, ErrorsTarget, ImportError, ImportOptions, Mode};
use simgauge_admin::{Administration, human};
use simgauge_store::Session;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// Refused rows on the page; the file has them all.
const SHOWN_ROWS: usize = 200;
/// Characters of a file's name that are kept.
const NAME_MAX: usize = 120;
/// Bytes of the refused rows' file that are sent at a time.
const PIECE: usize = 64 * 1024;
const PIECE_BYTES: u64 = PIECE as u64;

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

fn job_row(job: &Job, context: ViewContext<'_>) -> JobRow {
    let JobState { progress, end } = job.state();
    JobRow {
        id: job.id.clone(),
        name: job.upload.name.clone(),
        mode: context.t.named("import_mode", mode_name(job.mode)),
        admin: job.admin.clone(),
        began: context.when(job.began_at),
        rows: human::count(progress.rows),
        bad: human::count(progress.bad),
        is_over: end.is_some(),
    }
}

#[derive(Template)]
#[template(path = "console/import.html")]
struct ImportPage {
    shell: Shell,
    max_mib: u64,
    jobs: Vec<JobRow>,
}

/// The page with the form.
pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    html(&ImportPage {
        shell: request.shell("import"),
        max_mib: state.config.import_max_mib,
        jobs: state.imports.newest_first().iter().map(|job| job_row(job, context)).collect(),
    })
}

/// Takes a file and begins to check it. The form's token comes first, so nothing of a forged form is kept.
pub(crate) async fn upload(State(state): State<ConsoleState>, request: Request) -> PageResult {
    let (parts, body) = request.into_parts();
    let visitor = visitor(&parts)?;
    let session = visitor.may_act()?.clone();
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
    let field = form.next_field().await.map_err(|_| bad())?;
    let field = field.filter(|field| field.name() == Some("file")).ok_or_else(bad)?;
    let upload = keep(field, state.config.import_max_mib, bad).await?;
    begin(&state, &session, upload, Mode::DryRun).await
}

/// A field's text, if it is no longer than a token.
async fn short_text(mut field: Field<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > 256 {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Writes a field's content to a file.
///
/// # Errors
/// It is larger than `max_mib`, it is empty or breaks off (`bad`), or it cannot be written.
async fn keep(mut field: Field<'_>, max_mib: u64, bad: impl Fn() -> PageError) -> PageResult<Upload> {
    let name: String =
        field.file_name().unwrap_or_default().chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let kept = temp_file()?;
    let mut to = tokio::fs::File::from_std(kept.try_clone().map_err(PageError::internal)?);
    let mut size = 0_u64;
    while let Some(bytes) = field.chunk().await.map_err(|_| bad())? {
        size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > max_mib.saturating_mul(1024 * 1024) {
            return Err(PageError::TooLarge(max_mib));
        }
        to.write_all(&bytes).await.map_err(PageError::internal)?;
    }
    to.flush().await.map_err(PageError::internal)?;
    if size == 0 {
        return Err(bad());
    }
    Ok(Upload { name, size, content: Arc::new(kept) })
}

/// Imports a file that was checked.
pub(crate) async fn start(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let checked = state.imports.get_ended(&id)?;
    let mode = match request.form.get("mode") {
        "good_rows" => Mode::Chunks,
        "all_or_nothing" => Mode::AllOrNothing,
        _ => return Err(PageError::NotFound),
    };
    begin(&state, &request.session, checked.upload.clone(), mode).await
}

async fn begin(state: &ConsoleState, session: &Session, upload: Upload, mode: Mode) -> PageResult {
    let file = upload.name.clone();
    let job = Arc::new(Job::new(upload, mode, session.admin.clone(), state.services.clock.now())?);
    state.imports.add(Arc::clone(&job))?;
    perform(state, session, Action::ImportCards { file, mode: mode_name(mode) }).await?;
    let path = format!("/console/import/{}", job.id);
    let run = run(state.clone(), acting(state, &session.admin), job);
    let stopping = state.stopping.clone();
    state.import_tasks.spawn(async move { stopping.run_until_cancelled(run).await });
    Ok(Redirect::to(&path).into_response())
}

async fn run(state: ConsoleState, administration: Administration, job: Arc<Job>) {
    let operators: Vec<String> = state.operators.keys().cloned().collect();
    let progress = |progress| job.update(|state| state.progress = progress);
    let imported = async {
        let from = SharedFile::new(&job.upload.content);
        let errors = ErrorsTarget::File(job.errors.try_clone().map_err(ImportError::Unreadable)?);
        let options = ImportOptions { errors, shown_rows: SHOWN_ROWS, progress: &progress };
        administration.import_cards(Box::new(from), &operators, job.mode, options).await
    };
    let (admin, file) = (job.admin.as_str(), job.upload.name.as_str());
    // Without the paths of our own files: the error names the line of the file and what is wrong there.
    let end = imported.await.map_err(|error| {
        tracing::warn!(%error, file, "an import broke off");
        error.with_causes()
    });
    if let Ok(summary) = &end {
        let (rows, stored, bad) = (summary.file.rows, summary.file.imported, summary.file.bad);
        tracing::info!(admin, file, mode = mode_name(job.mode), rows, stored, bad, "an import ended");
    }
    job.update(|state| state.end = Some(end));
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

/// How far a check or an import is.
pub(crate) async fn job(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    request: PageRequest,
) -> PageResult {
    let job = state.imports.get(&id)?;
    let job_state = job.state();
    let digest = digest_of(&job_state);
    let JobState { progress, end } = job_state;
    let t = request.texts();
    let is_over = end.is_some();
    let (summary, failed) = match end {
        Some(Ok(summary)) => (Some(summary), None),
        Some(Err(failed)) => (None, Some(failed)),
        None => (None, None),
    };
    let (rows, bad, good) = match &summary {
        Some(summary) => (summary.file.rows, summary.file.bad, summary.file.imported),
        None => (progress.rows, progress.bad, progress.rows - progress.bad),
    };
    let first_bad = summary.iter().flat_map(|summary| &summary.file.first_bad);
    let bad_rows: Vec<BadRow> =
        first_bad.map(|(line, reason)| BadRow { line: line.to_string(), reason: reason.clone() }).collect();
    html(&JobPage {
        shell: request.shell("import"),
        is_check: job.mode == Mode::DryRun,
        is_over,
        is_nothing_stored: job.mode == Mode::AllOrNothing && bad > 0,
        percent: if is_over { 100 } else { percent(progress.position, job.upload.size) },
        rows: human::count(rows),
        good: human::count(good),
        bad: human::count(bad),
        good_count: good,
        bad_count: bad,
        seconds: summary.as_ref().map(|summary| format!("{:.1}", summary.file.seconds)).unwrap_or_default(),
        failed,
        warnings: summary.map(|summary| check_digit_warnings(&summary, t)).unwrap_or_default(),
        more_bad: bad > u64::try_from(bad_rows.len()).unwrap_or(0),
        bad_rows,
        digest,
        mode: t.named("import_mode", mode_name(job.mode)),
        name: job.upload.name.clone(),
        id,
    })
}

fn check_digit_warnings(summary: &CardImportSummary, t: Texts) -> Vec<String> {
    let digits = &summary.warnings;
    [("iccid", digits.iccid_check_digits), ("eid", digits.eid_check_digits)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| fill(&t.named("check_digits", kind), &[&human::count(count)]))
        .collect()
}

fn digest_of(JobState { progress, end }: &JobState) -> String {
    digest(&(progress.position, progress.rows, progress.bad, end.is_some()))
}

/// Tells the page when to show itself anew.
pub(crate) async fn events(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    request: PageRequest,
) -> PageResult {
    let job = state.imports.get(&id)?;
    changes(&state, &request.visitor, request.query.get("seen"), Duration::from_millis(300), move || {
        let digest = digest_of(&job.state());
        async move { Ok(digest) }
    })
}

/// The refused rows with line and reason, to be corrected and imported again.
pub(crate) async fn errors(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    _: PageRequest,
) -> PageResult {
    let job = state.imports.get_ended(&id)?;
    let pieces = futures::stream::unfold(SharedFile::new(&job.errors), |mut rows| async move {
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            let read = rows.by_ref().take(PIECE_BYTES).read_to_end(&mut piece);
            (read.map(|_| piece), rows)
        });
        let (piece, rows) = reading.await.ok()?;
        (!piece.as_ref().is_ok_and(Vec::is_empty)).then_some((piece, rows))
    });
    Ok(file(&format!("import-{id}-errors"), Body::from_stream(pieces)))
}
