//! A disk as it can be after the power went: made from a folder as it was, and a record of what was done.
//!
//! What is promised: of a file, everything that was written before its last sync began that is over. Of names
//! (files that were created, removed or renamed), everything before the last sync of the folder or of the
//! file itself; names change in order, as with the journals of ext4, xfs and btrfs. Of the rest, anything:
//! each later write may be there as a whole, in parts, or not at all. After a sync that failed the system
//! forgets that the writes before it are not on the disk: no later sync brings them there.

use crate::record::Event;
use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A folder at one moment, all of it on the disk.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    entries: BTreeMap<String, (u64, Entry)>,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder,
    Link(PathBuf),
    File(Vec<u8>),
}

impl Folder {
    /// Reads a folder to which nobody writes.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut folder = Self::default();
        folder.add(path, "")?;
        Ok(folder)
    }

    fn add(&mut self, path: &Path, name: &str) -> anyhow::Result<()> {
        let about = fs::symlink_metadata(path).with_context(|| format!("{}", path.display()))?;
        let entry = if about.is_symlink() {
            Entry::Link(fs::read_link(path)?)
        } else if about.is_file() {
            Entry::File(fs::read(path)?)
        } else {
            for inner in fs::read_dir(path)? {
                let inner = inner?;
                let own = inner.file_name().into_string().ok().context("a name is not UTF-8")?;
                let name = if name.is_empty() { own } else { format!("{name}/{own}") };
                self.add(&inner.path(), &name)?;
            }
            Entry::Folder
        };
        self.entries.insert(name.to_owned(), (about.ino(), entry));
        Ok(())
    }
}

/// A change of a file.
enum Change<'a> {
    Write(u64, &'a [u8]),
    Length(u64),
}

/// A file or a folder with what was done to it.
#[derive(Default)]
struct Object<'a> {
    entry: Option<&'a Entry>,
    changes: Vec<(usize, Change<'a>)>,
    /// Events before this one are on the disk...
    synced: usize,
    /// ...but not those in these spans, which a sync failed to bring there.
    forgotten: Vec<(usize, usize)>,
}

/// A change of names, which is done as a whole: which objects have them from then on.
struct Naming {
    event: usize,
    names: Vec<(String, Option<usize>)>,
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        for (name, object) in &self.names {
            match object {
                Some(object) => names.insert(name.clone(), *object),
                None => names.remove(name),
            };
        }
    }
}

/// How much of what was not synced is there.
#[derive(Clone, Copy)]
enum Luck {
    Nothing,
    Everything,
    SomeWrites,
    /// Some parts, of so many bytes.
    SomeParts(usize),
}

/// What decides.
struct Chance {
    random: StdRng,
    is_worst: bool,
}

impl Chance {
    fn luck(&mut self) -> Luck {
        const LUCK: [Luck; 6] = [
            Luck::Nothing,
            Luck::Everything,
            Luck::SomeWrites,
            Luck::SomeWrites,
            Luck::SomeParts(512),
            Luck::SomeParts(4096),
        ];
        if self.is_worst { Luck::Nothing } else { LUCK[self.random.random_range(0..LUCK.len())] }
    }

    fn flip(&mut self) -> bool {
        self.random.random()
    }

    fn at_least(&mut self, least: usize, most: usize) -> usize {
        if self.is_worst { least } else { self.random.random_range(least..=most) }
    }
}

#[derive(Default)]
struct Disk<'a> {
    objects: Vec<Object<'a>>,
    by_inode: HashMap<u64, usize>,
    names: BTreeMap<String, usize>,
    first_names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    syncs: HashMap<u64, usize>,
}

/// The seed next to one for which the disk kept nothing that was not synced: one that 4 divides.
#[must_use]
pub const fn worst(seed: u64) -> u64 {
    seed - seed % 4
}

/// Writes into a new folder what the disk can hold after the first `cut` events.
///
/// # Errors
/// The folder cannot be written, or the record does not fit.
pub fn replay(base: &Folder, events: &[Event], cut: usize, seed: u64, into: &Path) -> anyhow::Result<()> {
    let mut disk = Disk::of(base);
    for (at, event) in events[..cut].iter().enumerate() {
        disk.apply(at, event).with_context(|| format!("event {at}: {event:?}"))?;
    }
    let mut chance = Chance { random: StdRng::seed_from_u64(seed), is_worst: worst(seed) == seed };
    for (name, object) in disk.names_on_disk(&mut chance) {
        let path = if name.is_empty() { into.to_owned() } else { into.join(&name) };
        let object = &disk.objects[object];
        match object.entry {
            Some(Entry::Folder) => fs::create_dir_all(&path),
            Some(Entry::Link(target)) => std::os::unix::fs::symlink(target, &path),
            file => {
                let bytes = match file {
                    Some(Entry::File(bytes)) => bytes.clone(),
                    _ => Vec::new(),
                };
                let bytes = object.bytes_on_disk(bytes, &mut chance);
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
                file.and_then(|mut file| file.write_all(&bytes))
            }
        }
        .with_context(|| format!("{}", path.display()))?;
    }
    Ok(())
}

impl<'a> Disk<'a> {
    fn of(base: &'a Folder) -> Self {
        let mut disk = Self::default();
        for (name, (inode, entry)) in &base.entries {
            let object = disk.by_inode.get(inode).copied().unwrap_or(disk.objects.len());
            if object == disk.objects.len() {
                disk.objects.push(Object { entry: Some(entry), ..Object::default() });
            }
            disk.by_inode.insert(*inode, object);
            disk.names.insert(name.clone(), object);
        }
        disk.first_names = disk.names.clone();
        disk
    }

    fn object(&self, inode: u64) -> anyhow::Result<usize> {
        self.by_inode.get(&inode).copied().with_context(|| format!("inode {inode} was never opened"))
    }

    /// The object of an inode; a new one where it was created by a process whose event comes later.
    fn known(&mut self, inode: u64) -> usize {
        let object = *self.by_inode.entry(inode).or_insert(self.objects.len());
        if object == self.objects.len() {
            self.objects.push(Object::default());
        }
        object
    }

    fn name(&mut self, event: usize, names: &[(&str, Option<usize>)]) {
        let names = names.iter().map(|(name, object)| ((*name).to_owned(), *object)).collect();
        let naming = Naming { event, names };
        naming.apply(&mut self.names);
        self.namings.push(naming);
    }

    fn apply(&mut self, at: usize, event: &'a Event) -> anyhow::Result<()> {
        match event {
            Event::Named { inode, name, is_new } => {
                if *is_new
                    && self.by_inode.get(inode).is_some_and(|object| self.names.get(name) != Some(object))
                {
                    // The number of a file that is gone was given out again.
                    self.by_inode.remove(inode);
                }
                let object = self.known(*inode);
                self.name(at, &[(name, Some(object))]);
            }
            Event::Opened { inode, name } => {
                let object = self.known(*inode);
                if self.names.get(name) != Some(&object) {
                    self.name(at, &[(name, Some(object))]);
                }
            }
            Event::Written { inode, offset, bytes } => {
                let object = self.object(*inode)?;
                self.objects[object].changes.push((at, Change::Write(*offset, bytes)));
            }
            Event::LengthSet { inode, length } => {
                let object = self.object(*inode)?;
                self.objects[object].changes.push((at, Change::Length(*length)));
            }
            Event::SyncBegins { sync, .. } => drop(self.syncs.insert(*sync, at)),
            Event::SyncOver { inode, sync } => {
                let began = *self.syncs.get(sync).context("its beginning is missing")?;
                let object = self.object(*inode)?;
                let synced = &mut self.objects[object].synced;
                *synced = began.max(*synced);
            }
            Event::SyncFailed { inode } => {
                let object = self.object(*inode)?;
                let object = &mut self.objects[object];
                object.forgotten.push((object.synced, at));
            }
            Event::Removed { name } => {
                self.names.get(name).context("there is no such file")?;
                self.name(at, &[(name, None)]);
            }
            Event::Renamed { old, new } => {
                let object = *self.names.get(old).context("there is no such file")?;
                self.name(at, &[(old, None), (new, Some(object))]);
            }
            Event::Mark(_) => {}
        }
        Ok(())
    }

    /// The names that are on the disk: all that were synced, and of the others some, the earliest first.
    fn names_on_disk(&self, chance: &mut Chance) -> BTreeMap<String, usize> {
        let is_synced = |naming: &Naming| {
            naming.names.iter().all(|(name, object)| {
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                let folder = self.names.get(folder).copied();
                folder.iter().chain(object).any(|object| self.objects[*object].synced > naming.event)
            })
        };
        let synced = self.namings.iter().rposition(is_synced).map_or(0, |last| last + 1);
        let count = chance.at_least(synced, self.namings.len());
        let mut names = self.first_names.clone();
        self.namings[..count].iter().for_each(|naming| naming.apply(&mut names));
        names
    }
}

impl Object<'_> {
    fn is_synced(&self, event: usize) -> bool {
        let forgotten = |(from, to): &(usize, usize)| (*from..*to).contains(&event);
        event < self.synced && !self.forgotten.iter().any(forgotten)
    }

    fn bytes_on_disk(&self, mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
        let of_file = chance.luck();
        for (event, change) in &self.changes {
            let luck = if self.is_synced(*event) { Luck::Everything } else { of_file };
            match (change, luck) {
                (_, Luck::Nothing) => {}
                (Change::Length(length), _) => {
                    if matches!(luck, Luck::Everything) || chance.flip() {
                        bytes.resize(usize::try_from(*length).unwrap_or(usize::MAX), 0);
                    }
                }
                (Change::Write(offset, data), Luck::SomeParts(size)) => {
                    for (part, data) in data.chunks(size).enumerate() {
                        if chance.flip() {
                            put(&mut bytes, *offset + (part * size) as u64, data);
                        }
                    }
                }
                (Change::Write(offset, data), _) => {
                    if matches!(luck, Luck::Everything) || chance.flip() {
                        put(&mut bytes, *offset, data);
                    }
                }
            }
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let to = from.saturating_add(data.len());
    if bytes.len() < to {
        bytes.resize(to, 0);
    }
    bytes[from..to].copy_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn named(name: &str, inode: u64) -> Event {
        Event::Named { inode, name: name.to_owned(), is_new: true }
    }

    fn written(inode: u64, offset: u64, text: &str) -> Event {
        Event::Written { inode, offset, bytes: text.as_bytes().to_vec() }
    }

    fn synced(inode: u64, sync: u64) -> [Event; 2] {
        [Event::SyncBegins { inode, sync }, Event::SyncOver { inode, sync }]
    }

    /// Everything that the file `name` can be after these events, as many seeds show it.
    fn outcomes(events: &[Event], name: &str) -> BTreeSet<Option<String>> {
        let one = |seed| {
            let dir = tempfile::tempdir().expect("folder");
            let base = Folder { entries: [(String::new(), (1, Entry::Folder))].into() };
            replay(&base, events, events.len(), seed, dir.path()).expect("replayed");
            fs::read_to_string(dir.path().join(name)).ok()
        };
        (0..200).map(one).collect()
    }

    fn set(texts: &[&str]) -> BTreeSet<Option<String>> {
        texts.iter().map(|text| (*text != "-").then(|| (*text).to_owned())).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let mut events = vec![named("a", 2), written(2, 0, "one")];
        assert_eq!(outcomes(&events, "a"), set(&["-", "", "one"]));
        events.extend(synced(2, 1));
        assert_eq!(outcomes(&events, "a"), set(&["one"]));
        events.extend([written(2, 3, "two"), Event::SyncBegins { inode: 2, sync: 2 }]);
        assert_eq!(outcomes(&events, "a"), set(&["one", "onetwo"]), "a sync that is not over");
        events.push(written(2, 6, "!"));
        events.push(Event::SyncOver { inode: 2, sync: 2 });
        assert_eq!(outcomes(&events, "a"), set(&["onetwo", "onetwo!"]), "written while it ran");
    }

    #[test]
    fn what_a_failed_sync_forgot_no_later_one_brings_back() {
        let mut events = vec![named("a", 2), written(2, 0, "x")];
        events.extend(synced(2, 1));
        events.extend([written(2, 0, "y"), Event::SyncFailed { inode: 2 }, written(2, 1, "z")]);
        events.extend(synced(2, 2));
        assert_eq!(outcomes(&events, "a"), set(&["xz", "yz"]));
    }

    #[test]
    fn names_change_in_order_and_stay_with_their_folders_sync() {
        let mut events = vec![named("a", 2), written(2, 0, "old")];
        events.extend(synced(2, 1));
        events.extend([named("b", 3), written(3, 0, "new")]);
        events.extend(synced(3, 2));
        events.push(Event::Renamed { old: "b".to_owned(), new: "a".to_owned() });
        assert_eq!(outcomes(&events, "a"), set(&["old", "new"]));
        events.extend(synced(1, 3));
        assert_eq!(outcomes(&events, "a"), set(&["new"]));
        events.push(Event::Removed { name: "a".to_owned() });
        assert_eq!(outcomes(&events, "a"), set(&["new", "-"]));
        events.extend(synced(1, 4));
        assert_eq!(outcomes(&events, "a"), set(&["-"]));
    }
}
