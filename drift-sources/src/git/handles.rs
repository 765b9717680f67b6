//! One repository for any number of threads.
//!
//! A `gix::Repository` caches what it read, and so belongs to one thread at a time. Each caller borrows one and gives it
//! back with its caches, so that the next one starts warm.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// Bytes of decoded objects that one handle caches: diffs and walks read the same trees and commits again and again.
const OBJECT_CACHE: usize = 64 << 20;

/// Handles of one repository.
pub(super) struct RepositoryHandles {
    shared: gix::ThreadSafeRepository,
    idle: Mutex<Vec<gix::Repository>>,
}

impl RepositoryHandles {
    pub(super) fn new(mut repo: gix::Repository) -> Self {
        repo.object_cache_size_if_unset(OBJECT_CACHE);
        let shared = repo.clone().into_sync();
        Self { shared, idle: Mutex::new(vec![repo]) }
    }

    /// Borrows a handle that nobody else has.
    pub(super) fn borrow(&self) -> RepositoryHandle<'_> {
        // A panic while holding the lock leaves the list whole: only whole handles are in it.
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repo = idle.unwrap_or_else(|| {
            let mut repo = self.shared.to_thread_local();
            repo.object_cache_size_if_unset(OBJECT_CACHE);
            repo
        });
        RepositoryHandle { handles: self, repo: Some(repo) }
    }
}

/// A handle, given back when it is dropped.
pub(super) struct RepositoryHandle<'r> {
    handles: &'r RepositoryHandles,
    /// `None` only while it is dropped.
    repo: Option<gix::Repository>,
}

impl Deref for RepositoryHandle<'_> {
    type Target = gix::Repository;

    fn deref(&self) -> &gix::Repository {
        self.repo.as_ref().expect("a handle has its repository until it is dropped")
    }
}

impl Drop for RepositoryHandle<'_> {
    fn drop(&mut self) {
        let idle = &mut *self.handles.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.repo.take());
    }
}
