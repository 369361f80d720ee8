//! Names: those that programs see, those on the device, and the changes in between.
//!
//! Within one directory a renaming happens at once or not at all. Between two directories it is
//! two changes, of which either may survive alone: that is the least that is promised.
//! Invariant: of the changes to one name, one survives only if all before it do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::tree::{Node, Tree, parent};
use super::Crash;
use super::rng::Rng;

/// Which file. Numbers are not used again.
pub(super) type FileId = u64;

/// A change of one directory that is not durable.
#[derive(Debug, Clone)]
enum Change {
    Link(PathBuf, FileId),
    Unlink(PathBuf),
    Move { from: PathBuf, to: PathBuf, file: FileId },
    MakeDir(PathBuf),
    RemoveDir(PathBuf),
}

/// The names of a disk.
#[derive(Debug)]
pub(super) struct Names {
    /// What programs see.
    pub(super) cached: Tree<FileId>,
    /// What is on the device. A directory may be missing above a name.
    durable: Tree<FileId>,
    /// In the order in which they were made.
    pending: Vec<Change>,
}

impl Change {
    /// The name it is about; for a move, the new one.
    fn name(&self) -> &Path {
        match self {
            Self::Link(name, _) | Self::Unlink(name) | Self::MakeDir(name) => name,
            Self::RemoveDir(name) | Self::Move { to: name, .. } => name,
        }
    }

    /// The name that a move takes away.
    fn other(&self) -> Option<&Path> {
        match self {
            Self::Move { from, .. } => Some(from),
            _ => None,
        }
    }

    fn apply(&self, names: &mut Tree<FileId>) {
        match self {
            Self::Link(name, file) => {
                names.put(name.clone(), Node::File(*file));
            }
            Self::Unlink(name) | Self::RemoveDir(name) => names.take(name),
            Self::Move { from, to, file } => {
                names.take(from);
                names.put(to.clone(), Node::File(*file));
            }
            Self::MakeDir(name) => {
                names.put(name.clone(), Node::Dir);
            }
        }
    }
}

impl Names {
    pub(super) fn new() -> Self {
        Self::synced(Tree::new())
    }

    /// Names that are all durable.
    pub(super) fn synced(cached: Tree<FileId>) -> Self {
        Self { durable: cached.clone(), cached, pending: Vec::new() }
    }

    /// Makes a directory and those above it.
    pub(super) fn create_dir(&mut self, dir: &Path) -> std::io::Result<()> {
        let new = self.cached.create_dir(dir)?;
        self.pending.extend(new.into_iter().map(Change::MakeDir));
        Ok(())
    }

    /// Gives a new file its name.
    pub(super) fn link(&mut self, name: PathBuf, file: FileId) {
        self.cached.put(name.clone(), Node::File(file));
        self.pending.push(Change::Link(name, file));
    }

    /// Removes a file's name; gives the file.
    pub(super) fn unlink(&mut self, name: &Path) -> std::io::Result<FileId> {
        let file = self.cached.remove(name)?;
        self.pending.push(Change::Unlink(name.to_owned()));
        Ok(file)
    }

    /// Gives a file another name; gives the file that had it.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> std::io::Result<Option<FileId>> {
        let file = *self.cached.file(from)?;
        let replaced = self.cached.rename(from, to)?;
        if from == to {
            return Ok(None);
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        if parent(&from) == parent(&to) {
            self.pending.push(Change::Move { from, to, file });
        } else {
            self.pending.push(Change::Link(to, file));
            self.pending.push(Change::Unlink(from));
        }
        Ok(replaced)
    }

    /// Removes an empty directory.
    pub(super) fn remove_dir(&mut self, dir: &Path) -> std::io::Result<()> {
        self.cached.remove_dir(dir)?;
        self.pending.push(Change::RemoveDir(dir.to_owned()));
        Ok(())
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let inside = parent(change.name()) == dir;
            if inside {
                change.apply(durable);
            }
            !inside
        });
    }

    /// The files that have a name, or may have one after a crash.
    pub(super) fn files(&self) -> BTreeSet<FileId> {
        let named = self.cached.files().chain(self.durable.files()).map(|(_, &file)| file);
        let pending = self.pending.iter().filter_map(|change| match change {
            Change::Link(_, file) | Change::Move { file, .. } => Some(*file),
            _ => None,
        });
        named.chain(pending).collect()
    }

    /// The names that are found after the power went.
    pub(super) fn survivors(&self, crash: Crash, rng: &mut Rng) -> Tree<FileId> {
        let mut names = self.durable.clone();
        let mut lost: BTreeSet<&Path> = BTreeSet::new();
        for change in &self.pending {
            let survives = match crash {
                Crash::Nothing => false,
                Crash::All => true,
                Crash::Random | Crash::Torn => {
                    let after_lost = lost.contains(change.name())
                        || change.other().is_some_and(|name| lost.contains(name));
                    // Drawn in any case: what one change does is no matter of another's luck.
                    rng.coin() && !after_lost
                }
            };
            if survives {
                change.apply(&mut names);
            } else {
                lost.insert(change.name());
                lost.extend(change.other());
            }
        }
        reachable(&names)
    }
}

/// The names whose directories are there.
fn reachable(names: &Tree<FileId>) -> Tree<FileId> {
    let mut out = Tree::new();
    for (name, node) in names.iter() {
        if out.check_dir(&parent(name)).is_ok() {
            out.put(name.clone(), node.clone());
        }
    }
    out
}
