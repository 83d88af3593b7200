//! The imports of this process.

use crate::error::{PageError, PageResult};
use simgauge_admin::import::{CardImportSummary, Mode, Progress};
use simgauge_domain::time::UnixMs;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Imports that are remembered. When there are more, the oldest that has ended is dropped.
const MAX_JOBS: usize = 20;

/// The imports of this process, the newest last.
#[derive(Default)]
pub(super) struct ImportJobs(Mutex<VecDeque<Arc<Job>>>);

/// A file that was uploaded. Its check and the imports that follow share it.
#[derive(Clone)]
pub(super) struct Upload {
    /// What the file was called.
    pub(super) name: String,
    /// In bytes.
    pub(super) size: u64,
    pub(super) content: Arc<File>,
}

/// A check or an import of a file.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) upload: Upload,
    pub(super) mode: Mode,
    pub(super) admin: String,
    pub(super) began_at: UnixMs,
    /// The refused rows.
    pub(super) errors: Arc<File>,
    state: Mutex<JobState>,
}

#[derive(Clone, Default)]
pub(super) struct JobState {
    pub(super) progress: Progress,
    /// What came of it, once it has ended: a summary, or why it broke off.
    pub(super) end: Option<Result<CardImportSummary, String>>,
}

impl Job {
    pub(super) fn new(upload: Upload, mode: Mode, admin: String, began_at: UnixMs) -> PageResult<Self> {
        Ok(Self {
            id: format!("{:016x}", rand::random::<u64>()),
            upload,
            mode,
            admin,
            began_at,
            errors: Arc::new(temp_file()?),
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> JobState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut JobState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).end.is_some()
    }
}

impl ImportJobs {
    /// # Errors
    /// There is no such import.
    pub(super) fn get(&self, id: &str) -> PageResult<Arc<Job>> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().find(|job| job.id == id).cloned().ok_or(PageError::NotFound)
    }

    /// # Errors
    /// There is no such import, or it has not ended.
    pub(super) fn get_ended(&self, id: &str) -> PageResult<Arc<Job>> {
        let job = self.get(id)?;
        if job.is_over() { Ok(job) } else { Err(PageError::NotFound) }
    }

    pub(super) fn newest_first(&self) -> Vec<Arc<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    /// # Errors
    /// Too many imports have not ended.
    pub(super) fn add(&self, job: Arc<Job>) -> PageResult<()> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= MAX_JOBS {
            let over = jobs.iter().position(|job| job.is_over()).ok_or(PageError::Busy)?;
            jobs.remove(over);
        }
        jobs.push_back(job);
        Ok(())
    }
}

/// A file of our own in the system's folder for temporary files. It has no name: the system frees its space
/// when nobody holds it any more, also where the process was killed.
pub(super) fn temp_file() -> PageResult<File> {
    tempfile::tempfile().map_err(PageError::internal)
}

/// Reads a file that others read as well, from its beginning.
pub(super) struct SharedFile {
    file: Arc<File>,
    position: u64,
}

impl SharedFile {
    pub(super) fn new(file: &Arc<File>) -> Self {
        Self { file: Arc::clone(file), position: 0 }
    }
}

impl Read for SharedFile {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(to, self.position)?;
        self.position += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}
