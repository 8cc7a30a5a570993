//! Invalidation by user: a change removes the affected users' entries from the cache and no others.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// A flag that all cached credentials of one user share. Once it is set, none of them is valid again.
#[derive(Clone, Default)]
pub(super) struct InvalidationFlag(Arc<AtomicBool>);

impl InvalidationFlag {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The flags of the users who have cached credentials, by user id.
#[derive(Default)]
pub(super) struct UserFlags {
    flags: HashMap<String, Weak<AtomicBool>>,
    /// The number of flags at which those without cached credentials are removed.
    sweep_threshold: usize,
}

impl UserFlags {
    /// Returns the flag for another credential of this user.
    pub(super) fn flag_of(&mut self, user_id: &str) -> InvalidationFlag {
        if let Some(flag) = self.flags.get(user_id).and_then(Weak::upgrade) {
            return InvalidationFlag(flag);
        }
        if self.flags.len() >= self.sweep_threshold {
            self.flags.retain(|_, flag| flag.strong_count() > 0);
            self.sweep_threshold = (self.flags.len() * 2).max(1024);
        }
        let flag = InvalidationFlag::default();
        self.flags.insert(user_id.to_owned(), Arc::downgrade(&flag.0));
        flag
    }

    /// Invalidates all cached credentials of this user.
    pub(super) fn invalidate_user(&mut self, user_id: &str) {
        if let Some(flag) = self.flags.remove(user_id).and_then(|flag| flag.upgrade()) {
            flag.store(true, Ordering::Release);
        }
    }

    /// Invalidates the cached credentials of all users.
    pub(super) fn invalidate_all(&mut self) {
        for flag in self.flags.drain().filter_map(|(_, flag)| flag.upgrade()) {
            flag.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::UserFlags;

    #[test]
    fn invalidating_a_user_affects_all_their_entries_and_no_others() {
        let mut users = UserFlags::default();
        let (one, other, bob) = (users.flag_of("ada"), users.flag_of("ada"), users.flag_of("bob"));
        users.invalidate_user("ada");
        assert!(one.is_set() && other.is_set() && !bob.is_set());
        assert!(!users.flag_of("ada").is_set(), "an entry that is inserted afterwards is valid");
        users.invalidate_user("unknown");
        users.invalidate_all();
        assert!(bob.is_set());
    }

    #[test]
    fn users_without_entries_take_no_room() {
        let mut users = UserFlags::default();
        let flag = users.flag_of("ada");
        for number in 0..10_000 {
            users.flag_of(&number.to_string());
        }
        assert!(users.flags.len() <= 1024, "{}", users.flags.len());
        users.invalidate_user("ada");
        assert!(flag.is_set());
    }

    #[test]
    fn sweep_threshold_grows_with_the_number_of_users() {
        let mut users = UserFlags::default();
        let flags: Vec<_> = (0..3000).map(|number| users.flag_of(&number.to_string())).collect();
        assert!(users.sweep_threshold > flags.len() + 1000, "{}", users.sweep_threshold);
    }
}
