//! A small disk that can be filled.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A small file system of its own; gone when dropped.
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Nothing where this machine does not let us mount.
    pub fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills whatever is left.
    pub fn fill(&self) {
        let filled = Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", self.filler().display()))
            .stderr(Stdio::null())
            .status();
        assert!(!filled.unwrap().success(), "it is full when dd fails");
    }

    /// Gives back what [`Self::fill`] took.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
