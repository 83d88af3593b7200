//! The file with the platform's keys: one a line, 64 hex digits each. The first seals; while keys are
//! rotated, older ones follow that open only.

use anyhow::{Context as _, bail};
use secrecy::zeroize::Zeroizing;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

/// A key, wiped when it is dropped.
pub(super) type SealingKey = Zeroizing<[u8; 32]>;

/// A key made up by the system's chance.
pub(super) fn random_key() -> anyhow::Result<SealingKey> {
    let mut key = SealingKey::default();
    getrandom::fill(key.as_mut_slice()).ok().context("the system gives no random bytes")?;
    Ok(key)
}

/// Keys out of a text, the one that seals first.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<SealingKey>> {
    let key = |line: &str| {
        let mut key = SealingKey::default();
        hex::decode_to_slice(line, key.as_mut_slice()).ok().context("a key must be 64 hex digits")?;
        Ok(key)
    };
    let keys: Vec<SealingKey> = text.split_whitespace().map(key).collect::<anyhow::Result<_>>()?;
    if keys.is_empty() {
        bail!("it holds no key of 64 hex digits");
    }
    Ok(keys)
}

/// The keys in a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<SealingKey>> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.with_context(|| format!("the key file {} cannot be read", path.display()))?;
    parse(&text).with_context(|| format!("the key file {}", path.display()))
}

/// Whether others than its owner may read a file.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Makes a key file where there is none.
pub(super) fn create(path: &Path) -> anyhow::Result<()> {
    let failed = || format!("the key file {} cannot be created", path.display());
    write_new(path, &[random_key()?]).with_context(failed)?;
    sync_folder(path).with_context(failed)
}

/// Replaces a key file as a whole: a crash leaves the file before or the new one. A symbolic link stays and
/// leads to the new one; owner and mode stay, too.
pub(super) fn replace(path: &Path, keys: &[SealingKey]) -> anyhow::Result<()> {
    let failed = || format!("the key file {} cannot be written", path.display());
    let target = std::fs::canonicalize(path).with_context(failed)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside: PathBuf = target.with_file_name(name);
    // Left behind by a crash, perhaps.
    let _ = std::fs::remove_file(&beside);
    write_new(&beside, keys).with_context(failed)?;
    keep_owner(&target, &beside).with_context(failed)?;
    std::fs::rename(&beside, &target).with_context(failed)?;
    sync_folder(&target).with_context(failed)
}

/// Who could read the file can read the new one.
fn keep_owner(of: &Path, to: &Path) -> std::io::Result<()> {
    let (old, new) = (std::fs::metadata(of)?, std::fs::metadata(to)?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        chown(to, Some(old.uid()), Some(old.gid()))?;
    }
    std::fs::set_permissions(to, old.permissions())
}

/// Brings a file's name onto the disk.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

fn write_new(path: &Path, keys: &[SealingKey]) -> anyhow::Result<()> {
    let lines: Vec<Zeroizing<String>> =
        keys.iter().map(|key| Zeroizing::new(hex::encode(key.as_slice()) + "\n")).collect();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for line in &lines {
        file.write_all(line.as_bytes())?;
    }
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("key");
        create(&path).expect("created");
        let mode = || std::fs::metadata(&path).expect("file").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        assert!(create(&path).is_err(), "what is there is not overwritten");
        let first = read(&path).expect("a key");
        let mut keys = vec![random_key().expect("a key")];
        keys.extend(first.iter().cloned());
        replace(&path, &keys).expect("replaced");
        assert_eq!((read(&path).expect("keys"), mode()), (keys, 0o600));
        assert!(!is_open_to_others(&path));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
        assert!(is_open_to_others(&path));
        assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_link_to_a_key_file_stays_and_leads_to_the_new_key() {
        let dir = tempfile::tempdir().expect("folder");
        let (real, link) = (dir.path().join("real.key"), dir.path().join("link.key"));
        create(&real).expect("created");
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).expect("set");
        std::os::unix::fs::symlink("real.key", &link).expect("linked");
        let keys = vec![random_key().expect("a key")];
        replace(&link, &keys).expect("replaced");
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(read(&real).expect("keys"), keys);
        assert_eq!(std::fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 2, "nothing is left behind");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        for text in ["", "zz", &"5a".repeat(31), &format!("{} secret", "5a".repeat(32))] {
            let error = format!("{:#}", parse(text).expect_err("refused"));
            assert!(error.contains("64 hex digits") && !error.contains("secret"), "{error}");
        }
    }
}
