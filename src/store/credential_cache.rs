//! Keys that are kept in memory, and for how long they may speak: `docs/lock-out.md` has the argument.
//!
//! A request reads the lease's end, then the clock, then the entry. All that is kept at that moment is true
//! for the epoch of that lease or of a later one, as what a new epoch concerns is invalidated before its
//! lease begins. So the two are one value to whoever reads them in that order, although no lock is taken.

mod invalidation;
mod lease_renewal;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;
use tokio::sync::Notify;

use super::{
    credential::{Credential, Found},
    epoch::Epoch,
    last_used::LastUsed,
    sessions::SessionRow,
    tokens::ApiToken,
    users::User,
};
use crate::time::{Timestamp, Uptime};
use invalidation::{InvalidationFlag, UserFlags};

/// A key that was looked up, and whose it is.
pub struct Resolved<T> {
    /// The key's row.
    pub key: Arc<T>,
    /// Whose it is.
    pub user: Arc<User>,
    /// When it was last used.
    pub used: LastUsed,
    invalidated: InvalidationFlag,
}

/// All that is kept of one kind.
pub(super) type CacheMap<T> = Cache<<T as Credential>::Hash, Arc<Resolved<T>>>;

/// What is kept, and the lease on it.
pub(super) struct CredentialCache {
    pub(super) sessions: CacheMap<SessionRow>,
    pub(super) tokens: CacheMap<ApiToken>,
    size: usize,
    /// When the lease ends, in nanoseconds of [`Uptime`]; 0 while there is none.
    end: AtomicU64,
    lease: Mutex<LeaseState>,
    lease_dropped: Notify,
    lookups: AtomicU64,
    epoch_reads: AtomicU64,
}

/// What changes together.
#[derive(Default)]
struct LeaseState {
    /// The epoch for which all that is kept is true.
    epoch: Option<Epoch>,
    /// Whose keys are kept.
    users: UserFlags,
    /// How often the lease was given up. A read of the epoch that began before the last time brings none.
    times_dropped: u64,
}

/// What has been done since the start.
pub(super) struct Counts {
    pub lookups: u64,
    pub epoch_reads: u64,
}

impl CredentialCache {
    /// Room for so many keys of each kind.
    pub(super) fn new(size: usize) -> Self {
        Self {
            sessions: Cache::new(size),
            tokens: Cache::new(size),
            size,
            end: AtomicU64::new(0),
            lease: Mutex::default(),
            lease_dropped: Notify::new(),
            lookups: AtomicU64::new(0),
            epoch_reads: AtomicU64::new(0),
        }
    }

    /// The key with this hash, if it is kept and may speak. If not, the database is asked.
    pub(super) fn get<T: Credential>(
        &self,
        hash: T::Hash,
        now: Timestamp,
    ) -> Option<Arc<Resolved<T>>> {
        let kept = self.find(hash, now);
        if kept.is_none() {
            self.lookups.fetch_add(1, Ordering::Relaxed);
        }
        kept
    }

    fn find<T: Credential>(&self, hash: T::Hash, now: Timestamp) -> Option<Arc<Resolved<T>>> {
        let end = self.end.load(Ordering::Acquire);
        if Uptime::now().nanos() >= end {
            return None;
        }
        let resolved = T::map(self).get(&hash)?;
        // One whose time is over may have been given more of it, which changes no epoch.
        let is_valid = !resolved.invalidated.is_set() && resolved.key.is_live(now);
        is_valid.then_some(resolved)
    }

    /// What the database said of a key, and in which epoch. CacheMap, if that is the one of all that is kept:
    /// whatever changed since then has not been heard of.
    pub(super) fn insert_if_current<T: Credential>(
        &self,
        hash: T::Hash,
        (key, user, epoch): Found<T>,
        now: Timestamp,
    ) -> Arc<Resolved<T>> {
        let of_use = user.is_active() && key.is_live(now) && self.holds_lease();
        let mut held =
            of_use.then(|| self.lock()).filter(|held| held.epoch.as_ref() == Some(&epoch));
        let invalidated =
            held.as_mut().map(|held| held.users.flag_of(&user.id)).unwrap_or_default();
        let resolved = Arc::new(Resolved {
            used: LastUsed::at(key.last_used_at()),
            key: Arc::new(key),
            user: Arc::new(user),
            invalidated,
        });
        // Still locked: no epoch begins between the look at it and this.
        if held.is_some() {
            T::map(self).insert(hash, resolved.clone());
        }
        resolved
    }

    /// Nothing that is kept of this user is_valid again.
    pub(super) fn invalidate_user(&self, user_id: &str) {
        self.lock().users.invalidate_user(user_id);
    }

    /// Whether there is a lease, or was until just now: what is learned without one is not kept.
    pub(super) fn holds_lease(&self) -> bool {
        self.end.load(Ordering::Relaxed) > 0
    }

    /// Gives up the lease, and every read on its way that would bring it back.
    pub(super) fn drop_lease(&self) {
        let mut held = self.lock();
        held.times_dropped += 1;
        self.end.store(0, Ordering::Release);
        drop(held);
        self.lease_dropped.notify_one();
    }

    /// Whether anything is kept at all.
    pub(super) fn is_enabled(&self) -> bool {
        self.size > 0
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            lookups: self.lookups.load(Ordering::Relaxed),
            epoch_reads: self.epoch_reads.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LeaseState> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::{super::epoch::Seen, *};
    use crate::{
        scope::Scopes,
        secrets::{PlainToken, SessionHash, SessionSecret},
        store::users::Role,
        time::{days, seconds},
    };

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);
    const LEASE: Duration = Duration::from_mins(1);

    /// The epochs of one history, by number.
    fn epoch(number: i64) -> Epoch {
        Epoch::test(number)
    }

    fn user(name: &str) -> User {
        User::new(name.to_owned(), format!("{name}@example.com"), Role::User, NOW)
    }

    fn session(user: &User) -> SessionRow {
        SessionRow {
            id: "session".to_owned(),
            user_id: user.id.clone(),
            expires_at: NOW + days(1),
            authenticated_at: NOW,
            last_seen_at: NOW,
            remember: true,
            ip_address: None,
            user_agent: None,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn token(user: &User) -> ApiToken {
        ApiToken {
            id: "token".to_owned(),
            user_id: user.id.clone(),
            display_prefix: String::new(),
            name: String::new(),
            scopes: Scopes::all().into(),
            expires_at: Some(NOW + days(1)),
            last_used_at: Some(NOW),
            revoked_at: None,
            created_at: NOW,
            current: true,
        }
    }

    struct Known(CredentialCache);

    impl Known {
        fn in_epoch(number: i64) -> Self {
            let known = Self(CredentialCache::new(100));
            known.hear(number, None);
            known
        }

        /// A read of the epoch brings this one.
        fn hear(&self, number: i64, concerned: Option<Vec<String>>) {
            let seen = Seen { epoch: epoch(number), lease: LEASE };
            self.0.begin_lease(&self.0.begin_renewal(), seen, concerned);
        }

        /// A look-up saw this user's session in that epoch.
        fn insert_if_current(&self, user: &User, number: i64) -> SessionHash {
            let hash = SessionSecret::generate().hash();
            self.0.insert_if_current(hash, (session(user), user.clone(), epoch(number)), NOW);
            hash
        }

        fn is_valid(&self, hash: SessionHash) -> bool {
            self.0.get::<SessionRow>(hash, NOW).is_some()
        }
    }

    #[test]
    fn what_was_learned_in_the_epoch_of_the_lease_speaks() {
        let known = Known::in_epoch(1);
        let ada = known.insert_if_current(&user("ada"), 1);
        assert!(known.is_valid(ada));
        known.hear(1, Some(vec![]));
        assert!(known.is_valid(ada));
        assert!(!known.is_valid(SessionSecret::generate().hash()));
    }

    #[test]
    fn what_was_seen_in_another_epoch_never_speaks() {
        let known = Known::in_epoch(2);
        let (before, after) =
            (known.insert_if_current(&user("ada"), 1), known.insert_if_current(&user("bob"), 3));
        assert!(!known.is_valid(before) && !known.is_valid(after));
        known.hear(3, Some(vec![]));
        assert!(!known.is_valid(before) && !known.is_valid(after));
    }

    #[test]
    fn a_change_makes_forgotten_whom_it_concerns_and_nobody_else() {
        let known = Known::in_epoch(1);
        let (ada, bob) = (user("ada"), user("bob"));
        let (of_ada, of_bob) = (known.insert_if_current(&ada, 1), known.insert_if_current(&bob, 1));
        known.hear(2, Some(vec![ada.id]));
        assert!(!known.is_valid(of_ada) && known.is_valid(of_bob));
        known.hear(3, None);
        assert!(!known.is_valid(of_bob), "what has changed is not known");
    }

    #[test]
    fn without_a_lease_nothing_speaks() {
        let known = Known::in_epoch(1);
        let ada = known.insert_if_current(&user("ada"), 1);
        known.0.drop_lease();
        assert!(!known.is_valid(ada));
        known.hear(1, Some(vec![]));
        assert!(known.is_valid(ada));
    }

    #[test]
    fn when_leases_are_turned_off_everything_is_forgotten() {
        let known = Known::in_epoch(1);
        let ada = known.insert_if_current(&user("ada"), 1);
        known.0.end_lease();
        assert!(!known.is_valid(ada));
        assert_eq!(known.0.sessions.len(), 0);
        known.hear(1, Some(vec![]));
        assert!(!known.is_valid(ada));
    }

    #[test]
    fn a_lease_that_was_given_up_is_not_brought_back_by_a_read_on_its_way() {
        let known = Known::in_epoch(1);
        let ada = known.insert_if_current(&user("ada"), 1);
        let renewal = known.0.begin_renewal();
        known.0.drop_lease();
        let seen = Seen { epoch: epoch(1), lease: LEASE };
        known.0.begin_lease(&renewal, seen, Some(vec![]));
        assert!(!known.is_valid(ada));
    }

    #[test]
    fn a_lease_runs_from_before_its_read() {
        let known = Known::in_epoch(1);
        let ada = known.insert_if_current(&user("ada"), 1);
        let renewal = known.0.begin_renewal();
        std::thread::sleep(Duration::from_millis(2));
        let seen = Seen { epoch: epoch(1), lease: Duration::from_millis(1) };
        known.0.begin_lease(&renewal, seen, Some(vec![]));
        assert!(!known.is_valid(ada));
    }

    #[test]
    fn what_opens_nothing_is_not_kept() {
        let known = Known::in_epoch(1);
        let ada = user("ada");
        let hash = SessionSecret::generate().hash();
        let locked_out = User { deactivated_at: Some(NOW), ..ada.clone() };
        let over = SessionRow { expires_at: NOW, ..session(&ada) };
        for found in [(session(&ada), locked_out), (over, ada)] {
            known.0.insert_if_current(hash, (found.0, found.1, epoch(1)), NOW);
            assert_eq!(known.0.sessions.len(), 0);
        }
    }

    #[test]
    fn what_is_learned_without_a_lease_is_not_kept() {
        let known = Known::in_epoch(1);
        known.0.drop_lease();
        known.insert_if_current(&user("ada"), 1);
        assert_eq!(known.0.sessions.len(), 0);
    }

    #[test]
    fn a_key_whose_time_is_over_is_asked_for_again() {
        let known = Known::in_epoch(1);
        let ada = known.insert_if_current(&user("ada"), 1);
        let last = NOW + days(1) - seconds(1);
        assert!(known.0.get::<SessionRow>(ada, last).is_some());
        assert!(known.0.get::<SessionRow>(ada, NOW + days(1)).is_none());
    }

    #[test]
    fn a_token_whose_time_is_over_is_asked_for_again() {
        let known = Known::in_epoch(1);
        let ada = user("ada");
        let hash = PlainToken::generate("test").hash();
        let revoked = ApiToken { revoked_at: Some(NOW), ..token(&ada) };
        known.0.insert_if_current(hash, (revoked, ada.clone(), epoch(1)), NOW);
        assert_eq!(known.0.tokens.len(), 0);
        known.0.insert_if_current(hash, (token(&ada), ada, epoch(1)), NOW);
        let last = NOW + days(1) - seconds(1);
        assert!(known.0.get::<ApiToken>(hash, last).is_some());
        assert!(known.0.get::<ApiToken>(hash, NOW + days(1)).is_none());
    }

    #[test]
    fn a_use_that_is_written_already_is_not_noted_again() {
        let known = Known::in_epoch(1);
        let ada = user("ada");
        let by_cookie = SessionSecret::generate().hash();
        let by_cookie =
            known.0.insert_if_current(by_cookie, (session(&ada), ada.clone(), epoch(1)), NOW);
        let by_token = PlainToken::generate("test").hash();
        let by_token = known.0.insert_if_current(by_token, (token(&ada), ada, epoch(1)), NOW);
        for used in [&by_cookie.used, &by_token.used] {
            assert!(!used.record_if_due(NOW + seconds(59)));
            assert!(used.record_if_due(NOW + seconds(60)));
        }
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let known = Known::in_epoch(1);
        for number in 0..1000 {
            known.insert_if_current(&user(&number.to_string()), 1);
        }
        assert!(known.0.sessions.len() <= 100, "{}", known.0.sessions.len());
    }
}
