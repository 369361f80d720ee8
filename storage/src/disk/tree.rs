//! Names in memory: directories, and what stands for a file, for the disks that are not the
//! system's.
//!
//! Paths are compared as they are written, without `.` and with `..` resolved by the words alone;
//! there are no links. The root and the current directory are always there.
//! Invariant: the parent of every name is a directory.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use super::Mode;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node<F> {
    /// A directory.
    Dir,
    /// A file.
    File(F),
}

/// All names.
#[derive(Debug, Clone)]
pub(super) struct Tree<F> {
    nodes: BTreeMap<PathBuf, Node<F>>,
}

/// The one spelling of a path that is looked up.
pub(super) fn key(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// The directory that a name is in. `name` is a [`key`].
pub(super) fn parent(name: &Path) -> PathBuf {
    name.parent().unwrap_or(name).to_owned()
}

/// Whether a key is a directory that is always there.
fn is_top(key: &Path) -> bool {
    key.parent().is_none()
}

impl<F> Tree<F> {
    pub(super) fn new() -> Self {
        Self { nodes: BTreeMap::new() }
    }

    /// The names and what they stand for, parents first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Node<F>)> {
        self.nodes.iter()
    }

    /// The files.
    pub(super) fn files(&self) -> impl Iterator<Item = (&PathBuf, &F)> {
        self.nodes.iter().filter_map(|(name, node)| match node {
            Node::File(file) => Some((name, file)),
            Node::Dir => None,
        })
    }

    /// Whether there is anything of this name.
    pub(super) fn contains(&self, key: &Path) -> bool {
        is_top(key) || self.nodes.contains_key(key)
    }

    /// That a directory is there.
    pub(super) fn check_dir(&self, key: &Path) -> Result<()> {
        if is_top(key) {
            return Ok(());
        }
        match self.nodes.get(key) {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(self.missing(key)),
        }
    }

    /// Why there is nothing of this name.
    fn missing(&self, key: &Path) -> Error {
        let is_file = |above: &Path| matches!(self.nodes.get(above), Some(Node::File(_)));
        let below_file = key.ancestors().skip(1).any(is_file);
        if below_file { ErrorKind::NotADirectory.into() } else { ErrorKind::NotFound.into() }
    }

    /// Makes a directory and those above it; gives those that were not there, parents first.
    pub(super) fn create_dir(&mut self, key: &Path) -> Result<Vec<PathBuf>> {
        let mut new = Vec::new();
        for dir in key.ancestors().filter(|dir| !is_top(dir)) {
            match self.nodes.get(dir) {
                Some(Node::Dir) => break,
                Some(Node::File(_)) if dir == key => return Err(ErrorKind::AlreadyExists.into()),
                Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => new.push(dir.to_owned()),
            }
        }
        new.reverse();
        self.nodes.extend(new.iter().map(|dir| (dir.clone(), Node::Dir)));
        Ok(new)
    }

    /// The names below a directory, at any depth.
    fn below<'t>(&'t self, dir: &'t Path) -> impl Iterator<Item = &'t PathBuf> {
        let after = (Bound::Excluded(dir), Bound::Unbounded);
        self.nodes.range::<Path, _>(after).map(|(k, _)| k).take_while(move |k| k.starts_with(dir))
    }

    /// The names in a directory.
    pub(super) fn list(&self, dir: &Path) -> Result<Vec<String>> {
        self.check_dir(dir)?;
        let inside = self.below(dir).filter(|name| name.parent() == Some(dir));
        let text = |name: &PathBuf| name.file_name().map(|n| n.to_string_lossy().into_owned());
        Ok(inside.filter_map(text).collect())
    }

    /// The file of this name.
    pub(super) fn file(&self, key: &Path) -> Result<&F> {
        match self.nodes.get(key) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None if is_top(key) => Err(ErrorKind::IsADirectory.into()),
            None => Err(self.missing(key)),
        }
    }

    /// The file to open; `None` when it is to be made, in a directory that is there.
    pub(super) fn open(&self, key: &Path, mode: Mode) -> Result<Option<&F>> {
        if mode == Mode::CreateNew && self.contains(key) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        match self.file(key) {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            Err(e) if matches!(mode, Mode::Read | Mode::Write) => Err(e),
            Err(_) => self.check_dir(&parent(key)).map(|()| None),
        }
    }

    /// Gives a file its name; what had the name is replaced and returned.
    pub(super) fn put(&mut self, key: PathBuf, node: Node<F>) -> Option<F> {
        match self.nodes.insert(key, node) {
            Some(Node::File(file)) => Some(file),
            Some(Node::Dir) | None => None,
        }
    }

    /// Takes a name and all below it away, whatever it stands for.
    pub(super) fn take(&mut self, key: &Path) {
        let below: Vec<PathBuf> = self.below(key).cloned().collect();
        for name in below {
            self.nodes.remove(&name);
        }
        self.nodes.remove(key);
    }

    /// Gives a file another name; returns the file that had it.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<Option<F>> {
        self.file(from)?;
        self.check_dir(&parent(to))?;
        if matches!(self.nodes.get(to), Some(Node::Dir)) || is_top(to) {
            return Err(ErrorKind::IsADirectory.into());
        }
        match self.nodes.remove(from) {
            Some(node) => Ok(self.put(to.to_owned(), node)),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Removes a file's name.
    pub(super) fn remove(&mut self, key: &Path) -> Result<F> {
        self.file(key)?;
        match self.nodes.remove(key) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir) | None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Removes an empty directory.
    pub(super) fn remove_dir(&mut self, key: &Path) -> Result<()> {
        self.check_dir(key)?;
        if is_top(key) {
            return Err(ErrorKind::ResourceBusy.into());
        }
        if self.below(key).next().is_some() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.nodes.remove(key);
        Ok(())
    }
}
