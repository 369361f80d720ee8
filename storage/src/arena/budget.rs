//! Accounts: what each owner holds, what each view and the whole pool may hold.
//!
//! Invariant: the pool's sum equals the sum of its views, and a view's the sum of its owners; a
//! charge that a budget refuses changes nothing.

use std::collections::BTreeMap;

use super::Owner;
use crate::error::{Limit, OutOfMemory};

/// What one owner holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerUsage {
    /// Who.
    pub owner: Owner,
    /// Bytes held now.
    pub used_bytes: u64,
    /// Most bytes held at any time.
    pub peak_bytes: u64,
    /// Arenas open now.
    pub n_arenas: u32,
}

#[derive(Default)]
struct Account {
    used: u64,
    peak: u64,
    n_arenas: u32,
}

impl Account {
    fn add(&mut self, bytes: u64) {
        self.used += bytes;
        self.peak = self.peak.max(self.used);
    }

    fn subtract(&mut self, bytes: u64) {
        debug_assert!(self.used >= bytes, "an owner returns what it was charged");
        self.used = self.used.saturating_sub(bytes);
    }
}

/// The accounts of one pool.
#[derive(Default)]
pub(super) struct Ledger {
    total: Account,
    budget: Option<u64>,
    views: BTreeMap<u32, Account>,
    view_budgets: BTreeMap<u32, u64>,
    owners: BTreeMap<Owner, Account>,
}

impl Ledger {
    pub(super) fn set_budget(&mut self, bytes: Option<u64>) {
        self.budget = bytes;
    }

    pub(super) fn budget(&self) -> Option<u64> {
        self.budget
    }

    pub(super) fn set_view_budget(&mut self, view: u32, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => self.view_budgets.insert(view, bytes),
            None => self.view_budgets.remove(&view),
        };
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.total.used
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        self.total.peak
    }

    pub(super) fn view_bytes(&self, view: u32) -> u64 {
        self.views.get(&view).map_or(0, |account| account.used)
    }

    /// Whether `bytes` more for `owner` stay within the budgets.
    pub(super) fn check(&self, owner: Owner, bytes: u64) -> Result<(), OutOfMemory> {
        if let Some(&budget) = self.view_budgets.get(&owner.view)
            && self.view_bytes(owner.view).saturating_add(bytes) > budget
        {
            return Err(OutOfMemory { owner, limit: Limit::View, limit_bytes: budget });
        }
        match self.budget {
            Some(budget) if self.total.used.saturating_add(bytes) > budget => {
                Err(OutOfMemory { owner, limit: Limit::Pool, limit_bytes: budget })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn charge(&mut self, owner: Owner, bytes: u64) {
        self.total.add(bytes);
        self.views.entry(owner.view).or_default().add(bytes);
        self.owners.entry(owner).or_default().add(bytes);
    }

    pub(super) fn discharge(&mut self, owner: Owner, bytes: u64) {
        self.total.subtract(bytes);
        self.views.entry(owner.view).or_default().subtract(bytes);
        self.owners.entry(owner).or_default().subtract(bytes);
    }

    pub(super) fn open(&mut self, owner: Owner) {
        self.owners.entry(owner).or_default().n_arenas += 1;
    }

    pub(super) fn close(&mut self, owner: Owner) {
        let account = self.owners.entry(owner).or_default();
        account.n_arenas = account.n_arenas.saturating_sub(1);
    }

    pub(super) fn owners(&self) -> Vec<OwnerUsage> {
        let usage = |(&owner, account): (&Owner, &Account)| OwnerUsage {
            owner,
            used_bytes: account.used,
            peak_bytes: account.peak,
            n_arenas: account.n_arenas,
        };
        self.owners.iter().map(usage).collect()
    }

    pub(super) fn forget_view(&mut self, view: u32) {
        self.owners.retain(|owner, account| {
            owner.view != view || account.used > 0 || account.n_arenas > 0
        });
        self.views.retain(|&id, account| id != view || account.used > 0);
        self.view_budgets.remove(&view);
    }
}
