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
pub(super) struct Mark(Arc<AtomicBool>);

impl Mark {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The users of whom something is kept, by id.
#[derive(Default)]
pub(super) struct Users {
    marks: HashMap<String, Weak<AtomicBool>>,
    /// How many there may be until those are looked for of whom nothing is kept any more.
    room: usize,
}

impl Users {
    /// The mark for one more key of this user.
    pub(super) fn mark_of(&mut self, user_id: &str) -> Mark {
        if let Some(mark) = self.marks.get(user_id).and_then(Weak::upgrade) {
            return Mark(mark);
        }
        if self.marks.len() >= self.room {
            self.marks.retain(|_, mark| mark.strong_count() > 0);
            self.room = (self.marks.len() * 2).max(1024);
        }
        let mark = Mark::default();
        self.marks.insert(user_id.to_owned(), Arc::downgrade(&mark.0));
        mark
    }

    /// Nothing that is kept of this user speaks again.
    pub(super) fn forget(&mut self, user_id: &str) {
        if let Some(mark) = self.marks.remove(user_id).and_then(|mark| mark.upgrade()) {
            mark.store(true, Ordering::Release);
        }
    }

    /// Nothing that is kept of anybody speaks again.
    pub(super) fn forget_all(&mut self) {
        for mark in self.marks.drain().filter_map(|(_, mark)| mark.upgrade()) {
            mark.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Users;

    #[test]
    fn what_is_kept_of_a_user_is_forgotten_together_and_nothing_else_is() {
        let mut users = Users::default();
        let (one, other, bob) = (users.mark_of("ada"), users.mark_of("ada"), users.mark_of("bob"));
        users.forget("ada");
        assert!(one.is_set() && other.is_set() && !bob.is_set());
        assert!(!users.mark_of("ada").is_set(), "what is learned afterwards speaks");
        users.forget("nobody");
        users.forget_all();
        assert!(bob.is_set());
    }

    #[test]
    fn users_of_whom_nothing_is_kept_take_no_room() {
        let mut users = Users::default();
        let kept = users.mark_of("ada");
        for number in 0..10_000 {
            users.mark_of(&number.to_string());
        }
        assert!(users.marks.len() <= 1024, "{}", users.marks.len());
        users.forget("ada");
        assert!(kept.is_set());
    }

    #[test]
    fn the_more_users_there_are_the_less_often_it_is_looked_who_is_gone() {
        let mut users = Users::default();
        let kept: Vec<_> = (0..3000).map(|number| users.mark_of(&number.to_string())).collect();
        assert!(users.room > kept.len() + 1000, "{}", users.room);
    }
}
