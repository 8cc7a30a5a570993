//! Whose keys are kept, so that a change empties memory of what it concerns and of nothing else.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// Shared by all that is kept of a user: once set, none of it speaks again.
#[derive(Clone, Default)]
pub(super) struct InvalidationFlag(Arc<AtomicBool>);

impl InvalidationFlag {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The users of whom something is kept, by id.
#[derive(Default)]
pub(super) struct UserFlags {
    flags: HashMap<String, Weak<AtomicBool>>,
    /// How many there may be until those are looked for of whom nothing is kept any more.
    room: usize,
}

impl UserFlags {
    /// The flag for one more key of this user.
    pub(super) fn flag_of(&mut self, user_id: &str) -> InvalidationFlag {
        if let Some(flag) = self.flags.get(user_id).and_then(Weak::upgrade) {
            return InvalidationFlag(flag);
        }
        if self.flags.len() >= self.room {
            self.flags.retain(|_, flag| flag.strong_count() > 0);
            self.room = (self.flags.len() * 2).max(1024);
        }
        let flag = InvalidationFlag::default();
        self.flags.insert(user_id.to_owned(), Arc::downgrade(&flag.0));
        flag
    }

    /// Nothing that is kept of this user speaks again.
    pub(super) fn invalidate_user(&mut self, user_id: &str) {
        if let Some(flag) = self.flags.remove(user_id).and_then(|flag| flag.upgrade()) {
            flag.store(true, Ordering::Release);
        }
    }

    /// Nothing that is kept of anybody speaks again.
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
    fn what_is_kept_of_a_user_is_forgotten_together_and_nothing_else_is() {
        let mut users = UserFlags::default();
        let (one, other, bob) = (users.flag_of("ada"), users.flag_of("ada"), users.flag_of("bob"));
        users.invalidate_user("ada");
        assert!(one.is_set() && other.is_set() && !bob.is_set());
        assert!(!users.flag_of("ada").is_set(), "what is learned afterwards speaks");
        users.invalidate_user("nobody");
        users.invalidate_all();
        assert!(bob.is_set());
    }

    #[test]
    fn users_of_whom_nothing_is_kept_take_no_room() {
        let mut users = UserFlags::default();
        let kept = users.flag_of("ada");
        for number in 0..10_000 {
            users.flag_of(&number.to_string());
        }
        assert!(users.flags.len() <= 1024, "{}", users.flags.len());
        users.invalidate_user("ada");
        assert!(kept.is_set());
    }

    #[test]
    fn the_more_users_there_are_the_less_often_it_is_looked_who_is_gone() {
        let mut users = UserFlags::default();
        let kept: Vec<_> = (0..3000).map(|number| users.flag_of(&number.to_string())).collect();
        assert!(users.room > kept.len() + 1000, "{}", users.room);
    }
}
