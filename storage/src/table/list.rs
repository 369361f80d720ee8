//! A list whose copies share everything: what a snapshot is made of.
//!
//! Items lie in nodes of [`FAN`]; the nodes are listed in a root. Cloning the list is cloning one
//! `Arc`. The first write afterwards copies the root and one node, so a writer whose every state is
//! being read pays for the nodes it touches and not for the length of the list.
//!
//! Invariant: every node but the last is full, and none is empty.

use std::sync::Arc;

/// Items of one node.
const FAN: usize = 64;

/// A list that is copied on write.
#[derive(Debug)]
pub(super) struct List<T> {
    nodes: Arc<Vec<Arc<Vec<T>>>>,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self { nodes: Arc::clone(&self.nodes) }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { nodes: Arc::default() }
    }
}

impl<T> List<T> {
    pub(super) fn len(&self) -> usize {
        self.nodes.last().map_or(0, |last| (self.nodes.len() - 1) * FAN + last.len())
    }

    /// Item `i`. Panics if there is none, as slices do.
    #[inline]
    pub(super) fn get(&self, i: usize) -> &T {
        &self.nodes[i / FAN][i % FAN]
    }

    /// Bytes of its own structure that `newer`, a later state of it, does not share; `item` gives
    /// those of an item in whose place there is another one, or none.
    pub(super) fn own_bytes(&self, newer: &Self, item: impl Fn(&T, Option<&T>) -> usize) -> usize {
        if Arc::ptr_eq(&self.nodes, &newer.nodes) {
            return 0;
        }
        let mut bytes = self.nodes.len() * size_of::<Arc<Vec<T>>>();
        for (i, node) in self.nodes.iter().enumerate() {
            let other = newer.nodes.get(i);
            if other.is_some_and(|other| Arc::ptr_eq(node, other)) {
                continue;
            }
            bytes += node.capacity() * size_of::<T>();
            let pairs = node.iter().enumerate();
            bytes += pairs.map(|(j, own)| item(own, other.and_then(|o| o.get(j)))).sum::<usize>();
        }
        bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.nodes.iter().flat_map(|node| node.iter())
    }
}

impl<T: Clone> List<T> {
    /// Item `i`, to be changed. Panics if there is none.
    #[inline]
    pub(super) fn get_mut(&mut self, i: usize) -> &mut T {
        let node = &mut Arc::make_mut(&mut self.nodes)[i / FAN];
        &mut Arc::make_mut(node)[i % FAN]
    }

    pub(super) fn push(&mut self, item: T) {
        let nodes = Arc::make_mut(&mut self.nodes);
        match nodes.last_mut().filter(|node| node.len() < FAN) {
            Some(node) => Arc::make_mut(node).push(item),
            None => nodes.push(Arc::new(vec![item])),
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let nodes = Arc::make_mut(&mut self.nodes);
        let node = Arc::make_mut(nodes.last_mut()?);
        let item = node.pop();
        if node.is_empty() {
            nodes.pop();
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_later_changes() {
        let mut list = List::default();
        (0..200).for_each(|i| list.push(i));
        let copy = list.clone();
        *list.get_mut(70) = 1000;
        list.push(7);
        for _ in 0..150 {
            list.pop();
        }
        assert_eq!(list.len(), 51);
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), (0..51).collect::<Vec<_>>());
        assert_eq!(copy.iter().copied().collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
        assert!((0..51).all(|_| list.pop().is_some()) && list.pop().is_none());
        assert_eq!(list.len(), 0);
    }

    #[test]
    fn a_write_copies_one_node() {
        let mut list = List::default();
        (0..FAN * 5).for_each(|i| list.push(i));
        let copy = list.clone();
        *list.get_mut(FAN) += 1;
        let shared = list.nodes.iter().zip(copy.nodes.iter()).filter(|(a, b)| Arc::ptr_eq(a, b));
        assert_eq!(shared.count(), 4);
    }
}
